"""Lists below lists, over HTTP and into DuckDB: a course is whole or as it was."""

from __future__ import annotations

from typing import Any

import dlt
import pytest

from d2l_brightspace import AuthenticationError, BrightspaceError, run
from d2l_brightspace.sandbox.faults import GARBAGE

from .conftest import count, query

TREES = {
    "quizzes": ("quizzes", "quiz_attempts"),
    "discussions": ("discussion_forums", "discussion_topics", "discussion_posts"),
}
IN_FLIGHT = "SOURCES__D2L_BRIGHTSPACE_SOURCE__LIMITS__REQUESTS_IN_FLIGHT"
BACKOFF = "SOURCES__D2L_BRIGHTSPACE_SOURCE__LIMITS__BACKOFF_SECONDS"

each_way = pytest.mark.parametrize("in_flight", ["1", "20"], ids=lambda n: f"{n}-in-flight")
each_kind_of_fault = pytest.mark.parametrize("fault", [403, GARBAGE], ids=["refused", "garbage"])
"""That each status is skipped alike is shown for the quizzes, and in `tests/extract`."""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BACKOFF, "0")


@pytest.fixture
def school(start: Any) -> Any:
    """A sandbox of three courses, with quizzes and discussions."""
    return start(courses=3, users=8, class_size=4, log_messages=5)


def rows_of(pipeline: dlt.Pipeline, table: str) -> list[tuple[Any, ...]]:
    return query(pipeline, f"SELECT * EXCLUDE (_dlt_load_id) FROM {table} ORDER BY ALL")


def counts(pipeline: dlt.Pipeline, *tables: str) -> dict[str, int]:
    return {table: count(pipeline, table) for table in tables}


def truth(school: Any, *tables: str) -> dict[str, int]:
    found = school.truth(*tables)
    return {table: found[table] for table in tables}


def skips(report: Any) -> set[tuple[str, int, str]]:
    return {(one["resource"], one["org_unit_id"], one["parent_key"]) for one in report.skipped}


def a_quiz(school: Any) -> tuple[int, int]:
    """A quiz that has attempts, and its course."""
    attempt = school.rows("quiz_attempts")[0]
    return int(attempt.keys["orgUnitId"]), int(attempt.keys["quizId"])


def parent_key(row: Any) -> str:
    """The keys below the course, as a skip names them."""
    names = {name[:1].upper() + name[1:]: value for name, value in row.keys.items()}
    return ", ".join(f"{name}={value}" for name, value in names.items() if name != "OrgUnitId")


@each_way
@pytest.mark.parametrize("group", TREES)
def test_whole_trees_are_loaded(
    school: Any,
    source_of: Any,
    pipeline: dlt.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    in_flight: str,
) -> None:
    monkeypatch.setenv(IN_FLIGHT, in_flight)
    run(pipeline, source_of(school, tables=[group]))
    run(pipeline, source_of(school, tables=[group]))
    assert counts(pipeline, *TREES[group]) == truth(school, *TREES[group])


@pytest.mark.parametrize("mode", ["fifo", "round_robin"])
def test_in_whichever_order_dlt_takes_the_tables(
    school: Any,
    source_of: Any,
    pipeline: dlt.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    monkeypatch.setenv("EXTRACT__NEXT_ITEM_MODE", mode)
    run(pipeline, source_of(school, tables=["*"]))
    tables = (*TREES["quizzes"], *TREES["discussions"], "users", "classlist", "enrollments")
    assert counts(pipeline, *tables) == truth(school, *tables)


def test_a_parent_that_was_not_chosen_makes_no_table(
    school: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(school, tables=["discussion_posts"]))
    assert counts(pipeline, "discussion_posts") == truth(school, "discussion_posts")
    tables = pipeline.default_schema.data_table_names(seen_data_only=True)
    assert set(tables) == {"discussion_posts", "skipped_requests", "load_runs"}


@pytest.mark.parametrize("group", TREES)
def test_each_list_is_fetched_once_however_many_tables_need_it(
    school: Any, source_of: Any, pipeline: dlt.Pipeline, group: str
) -> None:
    run(pipeline, source_of(school, tables=[group]))
    for table in TREES[group]:
        paths = [one["path"] for one in school.requests_of(table)]
        assert paths
        assert len(paths) == len(set(paths))


def test_posts_come_in_numbered_pages(start: Any, source_of: Any, pipeline: dlt.Pipeline) -> None:
    school = start(courses=1, users=3, log_messages=0, items=1, items_of={"discussion_posts": 2001})
    run(pipeline, source_of(school, tables=["discussion_posts"]))
    assert counts(pipeline, "discussion_posts") == truth(school, "discussion_posts")
    asked = [one["query"]["pageNumber"] for one in school.requests_of("discussion_posts")]
    assert asked == ["1", "2", "3"]


# --- whole or not at all ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "in_flight"),
    [(403, "1"), (403, "20"), (404, "20"), (500, "20"), (GARBAGE, "20")],
    ids=["403-in-turn", "403", "404", "500", "garbage"],
)
def test_one_quiz_that_cannot_be_read_leaves_its_course_as_it_was(
    school: Any,
    source_of: Any,
    pipeline: dlt.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    fault: Any,
    in_flight: str,
) -> None:
    monkeypatch.setenv(IN_FLIGHT, in_flight)
    run(pipeline, source_of(school, tables=["quizzes"]))
    course, quiz = a_quiz(school)
    of_course = f"WHERE org_unit_id = {course} ORDER BY ALL"
    before = query(pipeline, f"SELECT attempt_id, score FROM quiz_attempts {of_course}")
    school.change("quiz_attempts", {"Score": 77.5})
    school.fail("quiz_attempts", fault, orgUnitId=course, quizId=quiz)

    report = run(pipeline, source_of(school, tables=["quizzes"]))

    assert skips(report) == {("quiz_attempts", course, f"QuizId={quiz}")}
    assert report.exit_code == 0
    assert query(pipeline, f"SELECT attempt_id, score FROM quiz_attempts {of_course}") == before
    others = f"org_unit_id <> {course}"
    assert count(pipeline, "quiz_attempts", others) > 0
    assert count(pipeline, "quiz_attempts", f"{others} AND score IS DISTINCT FROM 77.5") == 0
    assert count(pipeline, "quizzes") == school.truth("quizzes")["quizzes"]

    school.heal()
    assert not run(pipeline, source_of(school, tables=["quizzes"])).skipped
    assert count(pipeline, "quiz_attempts", "score IS DISTINCT FROM 77.5") == 0


@each_kind_of_fault
def test_one_topic_that_cannot_be_read_leaves_the_posts_of_its_course(
    school: Any, source_of: Any, pipeline: dlt.Pipeline, fault: Any
) -> None:
    run(pipeline, source_of(school, tables=["discussions"]))
    before = rows_of(pipeline, "discussion_posts")
    post = school.rows("discussion_posts")[0]
    school.fail("discussion_posts", fault, **post.keys)

    report = run(pipeline, source_of(school, tables=["discussions"]))

    course = int(post.keys["orgUnitId"])
    assert skips(report) == {("discussion_posts", course, parent_key(post))}
    assert rows_of(pipeline, "discussion_posts") == before
    (skip,) = report.skipped
    assert skip["route"].endswith("/topics/(topicId)/posts/")
    assert skip["status"] == (fault if isinstance(fault, int) else 200)


@each_kind_of_fault
def test_a_forums_topics_that_cannot_be_read_cost_the_posts_below(
    school: Any, source_of: Any, pipeline: dlt.Pipeline, fault: Any
) -> None:
    run(pipeline, source_of(school, tables=["discussions"]))
    before = {table: rows_of(pipeline, table) for table in TREES["discussions"]}
    topic = school.rows("discussion_topics")[0]
    school.fail("discussion_topics", fault, **topic.keys)

    report = run(pipeline, source_of(school, tables=["discussions"]))

    course = int(topic.keys["orgUnitId"])
    tables = ("discussion_topics", "discussion_posts")
    assert skips(report) == {(table, course, parent_key(topic)) for table in tables}
    assert {table: rows_of(pipeline, table) for table in TREES["discussions"]} == before


def test_a_quiz_that_was_deleted_is_gone_with_its_attempts(
    school: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(school, tables=["quizzes"]))
    course, quiz = a_quiz(school)
    assert count(pipeline, "quiz_attempts", f"quiz_id = {quiz}") > 0

    school.remove("quizzes", orgUnitId=course, QuizId=quiz)
    run(pipeline, source_of(school, tables=["quizzes"]))

    for table in TREES["quizzes"]:
        assert count(pipeline, table, f"quiz_id = {quiz}") == 0
    assert counts(pipeline, *TREES["quizzes"]) == truth(school, *TREES["quizzes"])


@pytest.mark.parametrize("tables", [["quizzes"], ["quiz_attempts"]], ids=str)
def test_a_course_whose_quizzes_are_all_deleted_has_no_attempts(
    school: Any, source_of: Any, pipeline: dlt.Pipeline, tables: list[str]
) -> None:
    run(pipeline, source_of(school, tables=tables))
    course, _ = a_quiz(school)
    assert count(pipeline, "quiz_attempts", f"org_unit_id = {course}") > 0

    school.remove("quizzes", orgUnitId=course)
    run(pipeline, source_of(school, tables=tables))

    assert count(pipeline, "quiz_attempts", f"org_unit_id = {course}") == 0
    assert count(pipeline, "quiz_attempts", "attempt_id = 0") == 0
    assert count(pipeline, "quiz_attempts") == school.truth("quiz_attempts")["quiz_attempts"] > 0


# --- whole tables -------------------------------------------------------------------------------


@each_kind_of_fault
def test_a_table_that_fails_in_every_course_leaves_the_others(
    school: Any, source_of: Any, pipeline: dlt.Pipeline, fault: Any
) -> None:
    run(pipeline, source_of(school, tables=["quizzes", "users"]))
    before = rows_of(pipeline, "quiz_attempts")
    school.fail("quiz_attempts", fault)
    school.change("quizzes", {"Name": "Renamed"})

    with pytest.raises(BrightspaceError, match="quiz_attempts") as caught:
        run(pipeline, source_of(school, tables=["quizzes", "users"]))

    assert caught.value.report is not None
    assert rows_of(pipeline, "quiz_attempts") == before
    assert count(pipeline, "quizzes", "name <> 'Renamed'") == 0


def test_a_credential_that_is_refused_in_the_middle_ends_the_run_and_changes_nothing(
    school: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(school, tables=["quizzes"]))
    before = {table: rows_of(pipeline, table) for table in TREES["quizzes"]}
    school.change("quizzes", {"Name": "Renamed"})
    course, quiz = a_quiz(school)
    school.fail("quiz_attempts", 401, orgUnitId=course, quizId=quiz)

    with pytest.raises(AuthenticationError):
        run(pipeline, source_of(school, tables=["quizzes"]))

    assert {table: rows_of(pipeline, table) for table in TREES["quizzes"]} == before
