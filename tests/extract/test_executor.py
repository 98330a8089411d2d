"""Reading many lists side by side: what is asked, in which order, and what leaves together."""

from __future__ import annotations

import threading
from itertools import groupby
from typing import Any

import pytest

from d2l_brightspace.client.errors import (
    AuthenticationError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    RequestContext,
    ServiceUnavailable,
)
from d2l_brightspace.extract import executor
from d2l_brightspace.extract.executor import Demand
from d2l_brightspace.extract.parents import FoundCourses
from d2l_brightspace.extract.progress import RunProgress, count_progress

from .brightspace import AGAIN, Brightspace, Courses, Result, read, start

SKIPPABLE = [PermissionDenied, NotFound, ProtocolError, ServiceUnavailable]

each_way = pytest.mark.parametrize("in_flight", [1, 2, 20], ids=lambda n: f"{n}-in-flight")


def quizzes(course: int, *ids: object) -> dict[str, list[Any]]:
    return {f"le/{course}/quizzes/": [[{"QuizId": one, "Name": "q"} for one in ids]]}


def attempts(course: int, quiz: int, *ids: object) -> dict[str, list[Any]]:
    path = f"le/{course}/quizzes/{quiz}/attempts/"
    return {path: [[{"AttemptId": one, "QuizId": quiz} for one in ids]]}


def forums(course: int) -> str:
    return f"le/{course}/discussions/forums/"


TWO_COURSES = {
    **quizzes(1, 11, 12),
    **attempts(1, 11, 111, 112),
    **attempts(1, 12, 121),
    **quizzes(2, "21"),
    **attempts(2, 21, 211),
}
ORDER = [
    "le/1/quizzes/",
    "le/1/quizzes/11/attempts/",
    "le/1/quizzes/12/attempts/",
    "le/2/quizzes/",
    "le/2/quizzes/21/attempts/",
]


def attempts_of(result: Result) -> list[int]:
    return sorted(result.column("AttemptId"))


# --- children of children -----------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("tables", [("quiz_attempts",), ("quizzes", "quiz_attempts")], ids=len)
def test_attempts_hang_from_quizzes_and_these_from_courses(
    in_flight: int, tables: tuple[str, ...]
) -> None:
    brightspace = Brightspace(TWO_COURSES, in_flight)

    found = read(brightspace, Courses([1, 2]), *tables)

    assert attempts_of(found["quiz_attempts"]) == [111, 112, 121, 211]
    assert sorted(found["quiz_attempts"].column("org_unit_id")) == [1, 1, 1, 2]
    assert sorted(brightspace.asked) == sorted(ORDER), "each list once"
    if len(tables) == 2:
        assert sorted(found["quizzes"].column("QuizId")) == [11, 12, 21]


@each_way
def test_posts_hang_from_topics_and_these_from_forums(in_flight: int) -> None:
    topics, posts = f"{forums(1)}7/topics/", f"{forums(1)}7/topics/8/posts/"
    brightspace = Brightspace(
        {
            forums(1): [[{"ForumId": 7}, {"ForumId": 9}]],
            topics: [[{"TopicId": 8, "ForumId": 7}]],
            posts: [[{"PostId": 1}, {"PostId": 2}], [{"PostId": 3}]],
        },
        in_flight,
    )

    found = read(brightspace, Courses([1]), "discussion_posts", "discussion_topics")

    assert found["discussion_posts"].column("PostId") == [1, 2, 3]
    assert found["discussion_posts"].column("ForumId") == [7, 7, 7], "from the path"
    assert found["discussion_topics"].column("TopicId") == [8]
    assert f"{posts}?pageSize=1000&pageNumber=1" in brightspace.asked
    assert len(brightspace.asked) == 5


@pytest.mark.parametrize("pages", [([1, 2],), ([1], [2])], ids=["one-page", "two-pages"])
def test_what_was_begun_is_ended_before_a_new_course_is_begun(pages: tuple[list[int], ...]) -> None:
    brightspace = Brightspace(TWO_COURSES)
    read(brightspace, Courses(*pages), "quizzes", "quiz_attempts")
    of_courses = [path.split("/")[1] for path in brightspace.asked]
    assert [course for course, _ in groupby(of_courses)] in (["1", "2"], ["2", "1"])
    assert sorted(brightspace.asked) == sorted(ORDER)


def unclear(org_unit_id: int | None) -> ProtocolError:
    return ProtocolError("what is it?", RequestContext("myenrollments/", org_unit_id))


@each_way
def test_what_may_be_a_course_is_skipped_in_each_table_below(in_flight: int) -> None:
    page = FoundCourses([1, 2], [unclear(7), unclear(None)])
    found = read(Brightspace(TWO_COURSES, in_flight), Courses(page), "quizzes", "quiz_attempts")
    assert attempts_of(found["quiz_attempts"]) == [111, 112, 121, 211]
    for name in ("quizzes", "quiz_attempts"):
        assert [unit.org_unit_ids for unit in found[name].skipped] == [(7,), (0,)]
        assert found[name].node.failure is None


def test_nothing_but_what_may_be_a_course_is_no_empty_table() -> None:
    found = read(Brightspace({}), Courses(FoundCourses([], [unclear(7)])), "quizzes")
    (unit,) = found["quizzes"].node.skipped
    assert unit.org_unit_ids == (7,)
    assert not found["quizzes"].units


def test_a_parent_that_nobody_asked_for_is_read_for_its_keys_only() -> None:
    found = read(Brightspace(TWO_COURSES), Courses([1, 2]), "quiz_attempts")
    assert list(found) == ["quiz_attempts"]


def test_a_page_that_repeats_a_parent_asks_for_its_children_once() -> None:
    lists = {
        "le/1/quizzes/": [[{"QuizId": 11}, {"QuizId": 11}], [{"QuizId": "11"}, {"QuizId": 12}]],
        **attempts(1, 11, 111),
        **attempts(1, 12, 121),
    }
    brightspace = Brightspace(lists)
    found = read(brightspace, Courses([1]), "quiz_attempts")
    assert attempts_of(found["quiz_attempts"]) == [111, 121]
    assert sorted(brightspace.asked) == sorted(["le/1/quizzes/"] * 2 + ORDER[1:3])


@each_way
def test_several_parents_are_asked_for_at_once(in_flight: int) -> None:
    brightspace = Brightspace({}, in_flight)
    read(brightspace, Courses(list(range(1, 31)), [], list(range(31, 61))), "parent_courses")
    numbers = [
        path.partition("orgUnitIdsCSV=")[2].replace("%2C", ",") for path in brightspace.asked
    ]
    sizes = [len(one.split(",")) for one in numbers]
    assert sorted(sizes) == [10, 25, 25]
    assert sorted(int(n) for one in numbers for n in one.split(",")) == list(range(1, 61))


# --- a course is whole or not at all ------------------------------------------------------------


@each_way
@pytest.mark.parametrize("error", SKIPPABLE)
@pytest.mark.parametrize("late", [False, True], ids=["first-page", "second-page"])
def test_one_list_that_fails_costs_its_course_and_no_other(
    in_flight: int, error: type[Exception], late: bool
) -> None:
    lists = dict(TWO_COURSES)
    lists["le/1/quizzes/12/attempts/"] = [*([[{"AttemptId": 121}]] if late else []), error]

    found = read(Brightspace(lists, in_flight), Courses([1, 2]), "quizzes", "quiz_attempts")

    assert attempts_of(found["quiz_attempts"]) == [211]
    (skip,) = found["quiz_attempts"].skipped
    assert skip.org_unit_ids == (1,)
    assert skip.rows == 0
    (reason,) = skip.errors
    assert type(reason) is error
    assert reason.context is not None
    assert (reason.context.org_unit_id, reason.context.parent_key) == (1, "QuizId=12")
    assert sorted(found["quizzes"].column("QuizId")) == [11, 12, 21], "the parents are there"


@each_way
def test_a_parents_list_that_fails_costs_the_course_below_it_too(in_flight: int) -> None:
    lists = {**TWO_COURSES, "le/1/quizzes/": [PermissionDenied]}
    found = read(Brightspace(lists, in_flight), Courses([1, 2]), "quizzes", "quiz_attempts")
    for table in ("quizzes", "quiz_attempts"):
        (skip,) = found[table].skipped
        assert skip.org_unit_ids == (1,)
        assert len(found[table].whole) == 1


@each_way
def test_a_parents_second_page_that_fails_costs_what_its_first_one_has_begun(
    in_flight: int,
) -> None:
    lists = {**TWO_COURSES, "le/1/quizzes/": [[{"QuizId": 11}], ServiceUnavailable]}
    found = read(Brightspace(lists, in_flight), Courses([1, 2]), "quizzes", "quiz_attempts")
    assert attempts_of(found["quiz_attempts"]) == [211]
    assert found["quizzes"].column("QuizId") == [21]


@each_way
@pytest.mark.parametrize("key", [{}, {"QuizId": None}, {"QuizId": ""}, {"QuizId": True}], ids=str)
def test_a_parent_without_its_key_costs_its_course_below(in_flight: int, key: Any) -> None:
    lists = {**TWO_COURSES, "le/1/quizzes/": [[{"QuizId": 11}, key]]}
    found = read(Brightspace(lists, in_flight), Courses([1, 2]), "quiz_attempts")
    assert attempts_of(found["quiz_attempts"]) == [211]
    (skip,) = found["quiz_attempts"].skipped
    assert "A row of quizzes has no QuizId" in str(skip.errors[0])


@each_way
def test_an_emptied_course_is_a_unit_without_rows(in_flight: int) -> None:
    lists = {**TWO_COURSES, **quizzes(1)}
    found = read(Brightspace(lists, in_flight), Courses([1, 2]), "quizzes", "quiz_attempts")
    for table in ("quizzes", "quiz_attempts"):
        empty = [unit for unit in found[table].whole if not unit.rows]
        assert [unit.keys["org_unit_id"] for unit in empty] == [1]


@each_way
def test_the_rows_of_a_course_leave_together(in_flight: int) -> None:
    found = read(Brightspace(TWO_COURSES, in_flight), Courses([1, 2]), "quiz_attempts")
    rows = {unit.keys["org_unit_id"]: unit.rows for unit in found["quiz_attempts"].units}
    assert rows == {1: 3, 2: 1}
    assert len(found["quiz_attempts"].units) == 2


# --- lists that begin again ---------------------------------------------------------------------


@each_way
def test_what_was_read_before_a_list_began_again_is_void(in_flight: int) -> None:
    people = [[{"Identifier": 1}, {"Identifier": 2}], AGAIN, [{"Identifier": 2}, {"Identifier": 3}]]
    brightspace = Brightspace({"le/1/classlist/paged/": people}, in_flight)
    found = read(brightspace, Courses([1]), "classlist")
    (unit,) = found["classlist"].units
    assert found["classlist"].column("Identifier") == [2, 3]
    assert unit.rows == 2


@each_way
def test_children_of_a_list_that_began_again_are_read_once(in_flight: int) -> None:
    pages = [[{"QuizId": 11}], AGAIN, [{"QuizId": 11}, {"QuizId": 12}]]
    brightspace = Brightspace({**TWO_COURSES, "le/1/quizzes/": pages}, in_flight)
    found = read(brightspace, Courses([1]), "quizzes", "quiz_attempts")
    assert found["quizzes"].column("QuizId") == [11, 12]
    assert attempts_of(found["quiz_attempts"]) == [111, 112, 121]
    assert brightspace.asked.count("le/1/quizzes/11/attempts/") == 1


# --- failures of whole tables -------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("error", SKIPPABLE)
def test_a_list_of_the_tenant_that_fails_is_the_failure_of_its_table_alone(
    in_flight: int, error: type[Exception]
) -> None:
    lists = {**TWO_COURSES, "lp/users/": [[{"UserId": 1}], error], "lp/orgstructure/": [[{}], [{}]]}
    found = read(Brightspace(lists, in_flight), Courses([1, 2]), "users", "org_units", "quizzes")
    assert type(found["users"].node.failure) is error
    assert found["org_units"].node.failure is None
    assert sum(unit.rows for unit in found["org_units"].units) == 2
    assert len(found["quizzes"].whole) == 2


@each_way
def test_what_every_course_refuses_is_held_back_until_it_is_known(in_flight: int) -> None:
    lists = {**TWO_COURSES, **{f"le/{one}/quizzes/": [PermissionDenied] for one in (1, 2, 3)}}
    found = read(Brightspace(lists, in_flight), Courses([1, 2, 3]), "quizzes", "quiz_attempts")
    for table in ("quizzes", "quiz_attempts"):
        assert found[table].units == []
        assert found[table].node.loaded == 0
        assert len(found[table].node.skipped) == 3


@each_way
def test_that_a_course_has_no_quizzes_says_nothing_of_attempts_refused_elsewhere(
    in_flight: int,
) -> None:
    lists = {**TWO_COURSES, **quizzes(2), "le/1/quizzes/11/attempts/": [PermissionDenied]}
    lists["le/1/quizzes/12/attempts/"] = [PermissionDenied]
    found = read(Brightspace(lists, in_flight), Courses([1, 2]), "quiz_attempts")
    assert len(found["quiz_attempts"].node.skipped) == 1
    assert not found["quiz_attempts"].node.is_answered


@each_way
def test_quizzes_that_are_refused_are_no_failure_of_attempts_that_nobody_has(
    in_flight: int,
) -> None:
    lists = {**quizzes(1), "le/2/quizzes/": [PermissionDenied], **quizzes(3)}
    found = read(Brightspace(lists, in_flight), Courses([1, 2, 3]), "quiz_attempts")
    assert found["quiz_attempts"].node.skipped == []
    assert [unit.org_unit_ids for unit in found["quiz_attempts"].skipped] == [(2,)]
    assert len(found["quiz_attempts"].whole) == 2


@each_way
def test_without_a_list_of_courses_what_hangs_from_it_fails_and_the_rest_loads(
    in_flight: int,
) -> None:
    brightspace = Brightspace({"lp/users/": [[{"UserId": 1}]]}, in_flight)
    courses = Courses(PermissionDenied("no courses"))
    found = read(brightspace, courses, "users", "classlist", "quiz_attempts")
    assert found["users"].column("UserId") == [1]
    for table in ("classlist", "quiz_attempts"):
        assert "no courses" in str(found[table].node.failure)


@each_way
@pytest.mark.parametrize("error", [AuthenticationError, RateLimited, RuntimeError])
def test_what_is_wrong_for_everybody_ends_everything_at_once(
    in_flight: int, error: type[Exception]
) -> None:
    lists: dict[str, list[Any]] = {"lp/users/": [[{"UserId": 1}], error("over")]}
    lists |= {f"le/{one}/classlist/paged/": [[{"Identifier": 1}]] for one in range(1, 1000)}
    brightspace = Brightspace(lists, in_flight)
    run, *nodes = start(brightspace, Courses(list(range(1, 1000))), "users", "classlist")
    with pytest.raises(error, match="over"):
        for _ in run.units(nodes[0]):
            pass
    with pytest.raises(error, match="over"):
        for _ in run.units(nodes[1]):
            pass
    for node in nodes:
        run.leave(node)
    assert not [thread for thread in run._threads if thread.is_alive()]


# --- how much is asked for ----------------------------------------------------------------------


@pytest.mark.parametrize("units", [0, 1, 2], ids=lambda n: f"{n}-units")
def test_no_more_lists_are_read_than_wanted(units: int) -> None:
    lists = {f"le/{one}/classlist/paged/": [[{"Identifier": 1}]] for one in range(1, 10)}
    brightspace = Brightspace(lists)
    found = read(
        brightspace, Courses(list(range(1, 10))), "classlist", classlist=Demand(units=units)
    )
    assert len(found["classlist"].whole) == units
    assert len(brightspace.asked) == units


@each_way
def test_a_list_that_was_skipped_is_made_up_for(in_flight: int) -> None:
    lists = {f"le/{one}/classlist/paged/": [[{"Identifier": 1}]] for one in range(3, 10)}
    lists |= {f"le/{one}/classlist/paged/": [PermissionDenied] for one in (1, 2)}  # type: ignore[list-item]
    brightspace = Brightspace(lists, in_flight)
    found = read(brightspace, Courses(list(range(1, 10))), "classlist", classlist=Demand(units=2))
    assert len(found["classlist"].whole) == 2
    assert len(found["classlist"].skipped) == 2
    assert len(brightspace.asked) == 4


def test_one_table_that_wants_little_leaves_the_others_theirs() -> None:
    brightspace = Brightspace(TWO_COURSES)
    found = read(brightspace, Courses([1, 2]), "quizzes", "quiz_attempts", quizzes=Demand(units=1))
    assert len(found["quizzes"].whole) == 1
    assert attempts_of(found["quiz_attempts"]) == [111, 112, 121, 211]


def test_pages_one_by_one_are_read_when_they_are_taken() -> None:
    lists: dict[str, list[Any]] = {"lp/users/": [[{"UserId": number}] for number in range(9)]}
    brightspace = Brightspace(lists)
    run, node = start(brightspace, Courses(), "users", users=Demand(one_by_one=True))
    pages = run.units(node)
    for number in range(3):
        assert next(one for one in pages if one)
        assert len(brightspace.asked) in (number + 1, number + 2)
    run.leave(node)
    assert len(brightspace.asked) <= 4


# --- threads and memory -------------------------------------------------------------------------


@pytest.mark.parametrize("in_flight", [1, 3])
def test_as_many_requests_are_in_flight_as_allowed(in_flight: int) -> None:
    together = threading.Barrier(in_flight)
    brightspace = Brightspace({}, in_flight, before=lambda _path: [together.wait(60)][1:])
    read(brightspace, Courses(list(range(1, 3 * in_flight + 1))), "classlist")
    assert brightspace.most_at_once == in_flight
    assert len(brightspace.asked) == 3 * in_flight


@each_way
def test_first_rows_leave_before_the_last_request_is_sent(in_flight: int) -> None:
    taken = threading.Event()
    brightspace = Brightspace(
        {f"le/{one}/classlist/paged/": [[{"Identifier": 1}]] for one in (1, 2)}, in_flight
    )
    run, node = start(brightspace, Courses([1, 2]), "classlist")
    brightspace.before = lambda path: None if "le/1/" in path else _must(taken.wait(60))
    units = run.units(node)
    first = next(one for one in units if one)
    assert [unit.keys["org_unit_id"] for unit in first] == [1]
    taken.set()
    rest = [unit for one in units for unit in one]
    assert [unit.keys["org_unit_id"] for unit in rest] == [2]
    run.leave(node)


def _must(happened: bool) -> None:
    assert happened, "nothing left the executor in a minute"


@each_way
def test_nobody_reads_on_while_too_many_rows_wait(
    in_flight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "_MOST_WAITING_ROWS", 100)
    lists = {
        f"le/{one}/classlist/paged/": [[{"Identifier": n} for n in range(20)]]
        for one in range(1, 101)
    }
    brightspace = Brightspace(lists, in_flight)
    run, node = start(brightspace, Courses(list(range(1, 101))), "classlist")
    most = 0

    def watch(_path: str) -> None:
        nonlocal most
        most = max(most, run._waiting_rows)

    brightspace.before = watch
    taken = sum(unit.rows for units in run.units(node) for unit in units)
    run.leave(node)

    assert taken == 2000
    # those that were under way when the last one came in
    assert most <= 100 + 20 * in_flight


@each_way
def test_whoever_leaves_early_stops_the_run(in_flight: int) -> None:
    lists = {f"le/{one}/classlist/paged/": [[{"Identifier": 1}]] for one in range(1, 5000)}
    brightspace = Brightspace(lists, in_flight)
    run, node = start(brightspace, Courses(list(range(1, 5000))), "classlist")
    next(one for one in run.units(node) if one)
    run.leave(node)
    assert not [thread for thread in run._threads if thread.is_alive()]
    assert run._waiting_rows <= in_flight


def test_a_table_of_large_pages_is_made_while_it_is_read() -> None:
    rows = [{"UserId": number} for number in range(executor._ROWS_OF_A_TABLE)]
    found = read(Brightspace({"lp/users/": [rows, rows[:3]]}), Courses(), "users")
    assert len(found["users"].column("UserId")) == len(rows) + 3


def test_a_large_page_with_an_odd_value_is_an_error_of_its_list() -> None:
    rows = [{"Identifier": "canary"}] * executor._ROWS_OF_A_TABLE
    lists = {"le/1/classlist/paged/": [rows], "le/2/classlist/paged/": [[{"Identifier": 7}]]}
    found = read(Brightspace(lists), Courses([1, 2]), "classlist")
    (skip,) = found["classlist"].skipped
    assert "The field Identifier holds a value that is no bigint" in str(skip.errors[0])
    assert "canary" not in str(skip.errors[0])
    assert found["classlist"].column("Identifier") == [7]


def test_all_threads_together_are_waited_for_no_longer_than_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, asked = threading.Event(), threading.Semaphore(0)

    def hang(_path: str) -> None:
        asked.release()
        go_on.wait(10)

    brightspace = Brightspace({}, in_flight=2, before=hang)
    waits: list[float | None] = []
    join = threading.Thread.join
    monkeypatch.setattr(executor, "_JOIN_SECONDS", 0.05)
    run, node = start(brightspace, Courses([1, 2]), "classlist")
    try:
        run.start()
        assert asked.acquire(timeout=10)
        assert asked.acquire(timeout=10)
        monkeypatch.setattr(
            threading.Thread,
            "join",
            lambda thread, timeout=None: (waits.append(timeout), join(thread, timeout))[1],
        )
        run.leave(node)
    finally:
        go_on.set()
    assert len(waits) == 2
    assert 0 <= waits[1] < waits[0] <= 0.05


@each_way
def test_courses_and_rows_are_counted_while_they_are_read(in_flight: int) -> None:
    lists = {
        "le/1/classlist/paged/": [[{"Identifier": 1}, {"Identifier": 2}]],
        "le/2/classlist/paged/": [NotFound("gone")],
        "le/3/classlist/paged/": [[{"Identifier": 3}]],
    }
    with count_progress(RunProgress()) as progress:
        run, node = start(Brightspace(lists, in_flight), Courses([1, 2], [3]), "classlist")
        units = [unit for some in run.units(node) for unit in some]
        snapshot = progress.snapshot()
        run.leave(node)
    assert len(units) == 3
    assert (snapshot.courses, snapshot.courses_done, snapshot.courses_complete) == (3, 3, True)
    assert (snapshot.rows, snapshot.tables_read) == (3, 0)
    assert progress.table("classlist").seconds is not None
