"""A table that fails as a whole keeps its rows; the others are loaded, and the run says so."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import dlt
import pyarrow as pa
import pytest
from click.testing import CliRunner

from d2l_brightspace import BrightspaceError, PermissionDenied, ServiceUnavailable, run
from d2l_brightspace.cli.errors import reports_errors
from d2l_brightspace.client.errors import RequestContext
from d2l_brightspace.extract.findings import TableFailure, collect_findings, report_failure
from tests import ROOT

# dlt meets pandas half imported if that is left to a thread that reads
pa.array([])

FORBIDDEN = PermissionDenied(
    "Brightspace refuses the list of users. Grant the permission 'Search for users'.",
    RequestContext("lp/(version)/users/", status=403),
)
DOWN = ServiceUnavailable("No answer from school.example. Run again later.")


def source_of(**tables: Any) -> Any:
    """A source with a resource for each table: `(rows, error, hints)`."""

    @dlt.source(name="made_up")
    def made_up() -> Any:
        return [_resource(name, *given) for name, given in tables.items()]

    return made_up()


def _resource(
    name: str, rows: Sequence[dict[str, Any]], error: BrightspaceError | None, hints: dict[str, Any]
) -> Any:
    arrow = hints.pop("arrow", False)

    given = {"write_disposition": "merge", "primary_key": "id"} | hints

    @dlt.resource(name=name, parallelized=True, **given)
    def read() -> Iterator[Any]:
        if rows:
            yield pa.Table.from_pylist(list(rows)) if arrow else list(rows)
        if error is not None:
            report_failure(TableFailure(name, name, error))

    return read


def rows_of(pipeline: dlt.Pipeline, table: str, columns: str = "id, name") -> list[tuple[Any, ...]]:
    with pipeline.sql_client() as client:
        return list(client.execute_sql(f"SELECT {columns} FROM {table} ORDER BY 1") or [])


OLD = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
NEW = [{"id": 2, "name": "B"}, {"id": 3, "name": "c"}]


@pytest.mark.parametrize(
    ("read", "arrow"),
    [(NEW, False), (NEW, True), ([], True)],
    ids=["rows-read", "arrow-read", "nothing-read"],
)
@pytest.mark.parametrize(
    "disposition",
    [
        "merge",
        "replace",
        "append",
        {"disposition": "merge", "strategy": "delete-insert", "destination_scope": "1 = 1"},
    ],
    ids=["merge", "replace", "append", "merge-all"],
)
def test_a_failed_table_keeps_its_rows_and_the_others_are_loaded(
    pipeline: dlt.Pipeline, disposition: Any, read: list[Any], arrow: bool
) -> None:
    def hints() -> dict[str, Any]:
        return {"write_disposition": disposition, "arrow": arrow}

    run(pipeline, source_of(users=(OLD, None, hints()), courses=(OLD, None, {})))
    with pytest.raises(PermissionDenied, match=r"1 table could not be read.*\n  users: .*403"):
        run(pipeline, source_of(users=(read, FORBIDDEN, hints()), courses=(NEW, None, {})))

    assert rows_of(pipeline, "users") == [(1, "a"), (2, "b")]
    assert rows_of(pipeline, "courses") == [(1, "a"), (2, "B"), (3, "c")]
    assert not pipeline.has_pending_data

    run(pipeline, source_of(users=(NEW, None, hints()), courses=([], None, {})))
    assert (3, "c") in rows_of(pipeline, "users")


def test_the_rows_of_nested_tables_stay_as_well(pipeline: dlt.Pipeline) -> None:
    old, new = ([{"id": 1, "name": "a", "roles": roles}] for roles in (["x", "y"], ["z"]))
    run(pipeline, source_of(users=(old, None, {})))
    with pytest.raises(PermissionDenied):
        run(pipeline, source_of(users=(new, FORBIDDEN, {})))
    assert rows_of(pipeline, "users__roles", "value") == [("x",), ("y",)]


def test_a_table_that_failed_in_its_first_run_can_be_loaded_by_the_next(
    pipeline: dlt.Pipeline,
) -> None:
    with pytest.raises(PermissionDenied) as caught:
        run(pipeline, source_of(users=(OLD, FORBIDDEN, {}), courses=(OLD, None, {})))
    assert [table.table for table in caught.value.report.tables] == ["courses"]
    run(pipeline, source_of(users=(OLD, None, {})))
    assert len(rows_of(pipeline, "users")) == 2


def test_every_table_may_fail(pipeline: dlt.Pipeline) -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        run(pipeline, source_of(users=(OLD, DOWN, {})))
    assert caught.value.report.tables == []
    assert not pipeline.has_pending_data


def test_the_error_names_every_table_and_brings_the_report(pipeline: dlt.Pipeline) -> None:
    source = source_of(
        users=(OLD, FORBIDDEN, {}), courses=(OLD, None, {}), versions=(OLD, DOWN, {})
    )
    with pytest.raises(BrightspaceError, match="2 tables could not be read") as caught:
        run(pipeline, source)

    first = caught.value.report.failures[0].error
    assert type(caught.value) is type(first)
    for part in ("users: Brightspace refuses the list", "status 403", "versions: No answer"):
        assert part in str(caught.value)
    report = caught.value.report
    assert {failure.table for failure in report.failures} == {"users", "versions"}
    assert report.exit_code == 1
    text = str(report)
    assert "2 tables failed and hold what they held before:" in text
    assert "  users: PermissionDenied: Brightspace refuses the list of users." in text
    assert "    Grant the permission or the scope, or leave the table out" in text
    assert "    Run again later." in text

    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert str(again.report) == text


def test_a_command_prints_the_report_and_the_error(pipeline: dlt.Pipeline) -> None:
    @click.command()
    @reports_errors
    def load() -> None:
        run(pipeline, source_of(users=(OLD, FORBIDDEN, {}), courses=(OLD, None, {})))

    result = CliRunner().invoke(load)

    assert result.exit_code == 1
    assert re.search(r"^  courses +2 .* 2\b", result.stdout, re.MULTILINE)
    assert "users: PermissionDenied: " in result.stdout
    assert "Failed: users. They hold what they held before" in result.stderr


def test_outside_of_a_run_a_failed_table_ends_the_load(pipeline: dlt.Pipeline) -> None:
    with pytest.raises(Exception, match="refuses the list of users"):
        pipeline.run(source_of(users=(OLD, FORBIDDEN, {})))


def test_what_comes_after_the_collection_raises_again() -> None:
    with collect_findings() as findings:
        report_failure(TableFailure("users", "users", DOWN))
    assert [failure.error for failure in findings.failures] == [DOWN]
    with pytest.raises(ServiceUnavailable):
        report_failure(TableFailure("users", "users", DOWN))


KILLED = """
import os, signal, sys
from pathlib import Path
import dlt
from d2l_brightspace import run
from d2l_brightspace.pipeline.failed_tables import FailedTables
from tests.conftest import new_pipeline
from tests.pipeline.test_failed_tables import FORBIDDEN, NEW, source_of

discard = FailedTables.discard
calls = []

def deadly(self):
    calls.append(self)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    discard(self)

FailedTables.discard = deadly
tables = {"users": (NEW, FORBIDDEN, {}), "courses": (NEW, None, {})}
run(new_pipeline(Path(sys.argv[1])), source_of(**tables))
"""


def test_a_process_that_dies_leaves_nothing_of_a_failed_table_to_load(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    run(pipeline, source_of(users=(OLD, None, {}), courses=(OLD, None, {})))
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert died.returncode == -signal.SIGKILL

    report = run(pipeline, source_of(versions=(OLD, None, {})))

    assert "left pending was finished" in str(report)
    assert rows_of(pipeline, "users") == [(1, "a"), (2, "b")]
    assert rows_of(pipeline, "courses") == [(1, "a"), (2, "B"), (3, "c")]
