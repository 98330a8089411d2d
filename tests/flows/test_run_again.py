"""Running twice: nothing doubles, who left is gone, what was skipped stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dlt
import pytest

from d2l_brightspace import ConfigurationError, PermissionDenied, run

from .conftest import count, counts_of_truth, query, row_counts


def test_running_twice_gives_the_same_tables(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox))
    first = row_counts(pipeline, sandbox)

    run(pipeline, source_of(sandbox))

    assert row_counts(pipeline, sandbox) == first == counts_of_truth(sandbox)


@pytest.mark.parametrize("table", ["classlist", "enrollments"])
def test_a_user_who_left_a_course_is_gone(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline, table: str
) -> None:
    run(pipeline, source_of(sandbox))
    course = sandbox.world.course_ids[0]
    user = sandbox.world.class_list(course)[0].user_id
    key = "identifier" if table == "classlist" else "user__identifier"
    of_user = f"org_unit_id = {course} AND {key} = {user}"
    assert count(pipeline, table, of_user) == 1

    sandbox.world.unenroll(course, user)
    run(pipeline, source_of(sandbox))

    assert count(pipeline, table, of_user) == 0
    assert count(pipeline, table) == counts_of_truth(sandbox)[table]


def test_an_emptied_list_is_empty_and_leaves_no_trace(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox))
    course = sandbox.world.course_ids[0]
    assert count(pipeline, "classlist", f"org_unit_id = {course}") > 0

    sandbox.world.empty_course(course, keep_caller=False)
    report = run(pipeline, source_of(sandbox))

    assert count(pipeline, "classlist", f"org_unit_id = {course}") == 0
    assert count(pipeline, "enrollments", f"org_unit_id = {course}") == 0
    assert count(pipeline, "classlist", "identifier = 0") == 0
    written = {table.table: table.from_this_run for table in report.tables}
    assert written["classlist"] == counts_of_truth(sandbox)["classlist"]


def test_an_emptied_list_is_empty_after_a_plain_run_too(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    pipeline.run(source_of(sandbox).with_resources("classlist"))
    course = sandbox.world.course_ids[0]
    sandbox.world.empty_course(course, keep_caller=False)
    pipeline.run(source_of(sandbox).with_resources("classlist"))
    assert count(pipeline, "classlist", f"org_unit_id = {course}") == 0
    assert count(pipeline, "classlist", "identifier = 0 OR _dlt_load_id = 'emptied'") == 0
    assert count(pipeline, "classlist") == counts_of_truth(sandbox)["classlist"]


def test_a_column_that_has_no_use_any_more_leaves_the_tables(
    sandbox: Any, source_of: Any, make_pipeline: Any
) -> None:
    def as_before(source: Any) -> Any:
        for name in ("classlist", "enrollments"):
            hint = {"_deleted": {"data_type": "bool", "nullable": True, "hard_delete": True}}
            source.resources[name].apply_hints(columns=hint)
        return source

    def tables_with_it(pipeline: dlt.Pipeline) -> list[Any]:
        return query(
            pipeline,
            "SELECT table_name FROM information_schema.columns WHERE column_name = '_deleted' "
            "AND table_schema = 'd2l_brightspace_data' ORDER BY 1",
        )

    def lists(pipeline: dlt.Pipeline) -> list[int]:
        return [count(pipeline, name) for name in ("classlist", "enrollments")]

    def expected(sandbox: Any) -> list[int]:
        return [counts_of_truth(sandbox)[name] for name in ("classlist", "enrollments")]

    run(make_pipeline(), as_before(source_of(sandbox)))
    assert tables_with_it(make_pipeline()) == [("classlist",), ("enrollments",)]
    sandbox.world.empty_course(sandbox.world.course_ids[0], keep_caller=False)

    run(make_pipeline(), source_of(sandbox))

    pipeline = make_pipeline()
    assert tables_with_it(pipeline) == []
    assert "_deleted" not in pipeline.default_schema.tables["classlist"]["columns"]
    assert lists(pipeline) == expected(sandbox)
    # one that knows no more than what is in the database
    shutil.rmtree(pipeline.pipelines_dir)
    run(make_pipeline(), source_of(sandbox))
    assert lists(make_pipeline()) == expected(sandbox)
    assert tables_with_it(make_pipeline()) == []


def test_a_course_that_is_skipped_keeps_its_rows(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox))
    course = sandbox.world.course_ids[0]
    before = query(pipeline, f"SELECT * FROM classlist WHERE org_unit_id = {course} ORDER BY 1, 2")

    sandbox.world.forbid(course)
    sandbox.world.unenroll(course, sandbox.world.class_list(course)[0].user_id)
    report = run(pipeline, source_of(sandbox))

    after = query(pipeline, f"SELECT * FROM classlist WHERE org_unit_id = {course} ORDER BY 1, 2")
    assert before
    assert after == before
    assert ("classlist", course) in {(r["resource"], r["org_unit_id"]) for r in report.skipped}


def test_strict_gives_exit_code_1_where_something_was_skipped(
    sandbox: Any, source_of: Any, make_pipeline: Any
) -> None:
    assert run(make_pipeline(), source_of(sandbox)).exit_code == 0
    assert run(make_pipeline(), source_of(sandbox), strict=True).exit_code == 1
    for course in sandbox.world.course_ids:
        sandbox.world.allow(course)
    assert run(make_pipeline(), source_of(sandbox), strict=True).exit_code == 0


def test_the_same_refusal_for_every_course_is_an_error_and_changes_nothing(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox))
    before = row_counts(pipeline, sandbox)
    for course in sandbox.world.course_ids:
        sandbox.world.forbid(course)

    with pytest.raises(PermissionDenied, match=r"Not one of 5 requests .*Classlist\.SeeClasslist"):
        run(pipeline, source_of(sandbox).with_resources("classlist"))

    assert row_counts(pipeline, sandbox) == before | {}


def test_a_full_refresh_starts_from_nothing(
    sandbox: Any, source_of: Any, make_pipeline: Any
) -> None:
    run(make_pipeline(), source_of(sandbox))
    course = sandbox.world.course_ids[0]
    sandbox.world.remove_course(course)

    run(make_pipeline(refresh="drop_sources"), source_of(sandbox))

    pipeline = make_pipeline()
    assert row_counts(pipeline, sandbox) == counts_of_truth(sandbox)
    assert count(pipeline, "courses", f"identifier = {course}") == 0


@pytest.mark.parametrize("destination", ["filesystem", "qdrant"])
def test_a_destination_that_cannot_replace_rows_is_refused(
    sandbox: Any, source_of: Any, tmp_path: Path, destination: str
) -> None:
    pipeline = dlt.pipeline("p", destination=destination, pipelines_dir=str(tmp_path))
    with pytest.raises(ConfigurationError, match=f"'{destination}' cannot replace rows"):
        run(pipeline, source_of(sandbox))
    assert not sandbox.requests
