"""PostgreSQL holds the same as DuckDB, after one load and after another."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import pytest

from d2l_brightspace import BearerAuth, d2l_brightspace_source, run
from d2l_brightspace.pipeline.report import data_tables
from d2l_brightspace.pipeline.status import dataset_status
from d2l_brightspace.sandbox import Sandbox, SandboxSettings

pytestmark = pytest.mark.destinations

OF_THE_RUN = {"run_id", "recorded_at"}
"""Columns that differ between two loads of the same."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    settings = SandboxSettings(courses=5, users=40, log_messages=250, forbidden_courses=1)
    with Sandbox(settings, port=0) as started:
        yield started


@pytest.fixture
def pipelines(postgres: str, tmp_path: Path) -> list[dlt.Pipeline]:
    """One into PostgreSQL, one into DuckDB."""
    return [
        dlt.pipeline(
            name,
            pipelines_dir=str(tmp_path / name),
            destination=destination,
            dataset_name="brightspace",
        )
        for name, destination in {
            "into_postgres": dlt.destinations.postgres(postgres),
            "into_duckdb": dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        }.items()
    ]


def load(pipeline: dlt.Pipeline, sandbox: Sandbox, **options: Any) -> Any:
    credentials = BearerAuth(**sandbox.credentials["bearer"])
    return run(pipeline, d2l_brightspace_source(sandbox.url, credentials), **options)


def contents(pipeline: dlt.Pipeline) -> dict[str, Counter[str]]:
    """The rows of all tables, in a form that does not depend on the destination."""
    tables: dict[str, Counter[str]] = {}
    with pipeline.sql_client() as client:
        for name in data_tables(pipeline):
            columns = {
                column: hints["data_type"]
                # by name: their order in a schema depends on which rows came first
                for column, hints in sorted(pipeline.default_schema.tables[name]["columns"].items())
                if not column.startswith("_dlt") and column not in OF_THE_RUN
            }
            asked = ", ".join(f'"{column}"' for column in columns)
            rows = client.execute_sql(f'SELECT {asked} FROM "{name}"') or []
            tables[name] = Counter(
                str([plain(*pair) for pair in zip(columns.values(), row, strict=True)])
                for row in rows
            )
    return tables


def plain(data_type: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    if data_type == "text":
        # dlt 1.31 loads Arrow tables into Postgres as CSV, with FORCE_NULL for all columns that may
        # be null: their empty texts become null
        return value or None
    if data_type == "json" and value is not None:
        return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
    return value


@contextmanager
def reading(pipeline: dlt.Pipeline, sql: str) -> Iterator[Any]:
    with pipeline.sql_client() as client:
        yield client.execute_sql(sql)


def staged_rows(pipeline: dlt.Pipeline) -> dict[str, int]:
    tables = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = "
        "'brightspace_staging' AND table_name NOT LIKE '\\_dlt%%' ESCAPE '\\'"
    )
    with pipeline.sql_client() as client:
        names = [name for (name,) in client.execute_sql(tables) or ()]
        counts = [
            client.execute_sql(f"SELECT COUNT(*) FROM brightspace_staging.{n}") for n in names
        ]
    return {name: count[0][0] for name, count in zip(names, counts, strict=True) if count}


def test_postgres_holds_the_same_as_duckdb_after_each_of_two_loads(
    pipelines: list[dlt.Pipeline], sandbox: Sandbox
) -> None:
    reports = [load(pipeline, sandbox) for pipeline in pipelines]
    first, expected = map(contents, pipelines)
    assert first == expected
    truth = sandbox.truth()
    for table, rows in truth.items():
        if isinstance(rows, int):
            assert first[table].total() == rows, table
    assert [(t.table, t.in_all) for t in reports[0].tables] == [
        (t.table, t.in_all) for t in reports[1].tables
    ]
    assert len(reports[0].skipped) == len(truth["skipped"])
    assert re.fullmatch(r"postgres://127\.0\.0\.1:\d+/test_\w+", str(reports[0].place))

    course = sandbox.world.course_ids[0]
    sandbox.world.unenroll(course, sandbox.world.class_list(course)[0].user_id)
    sandbox.world.empty_course(sandbox.world.course_ids[1], keep_caller=False)
    for pipeline in pipelines:
        load(pipeline, sandbox)
    second, expected = map(contents, pipelines)
    assert second == expected
    assert second["classlist"].total() < first["classlist"].total()
    for pipeline in pipelines:
        with reading(pipeline, "SELECT outcome, requests > 0 FROM load_runs") as runs:
            assert [tuple(row) for row in runs] == [("skipped", True)] * 2
        status = dataset_status(pipeline)
        assert status is not None
        assert {one.resource for one in status.skipped} == {
            one["resource"] for one in reports[0].skipped
        }
        staged = staged_rows(pipeline)
        assert set(staged) > {"users", "classlist"}
        assert set(staged.values()) == {0}, pipeline.pipeline_name


def test_a_full_refresh_exchanges_whole_tables(
    pipelines: list[dlt.Pipeline], sandbox: Sandbox
) -> None:
    into_postgres = pipelines[0]
    load(into_postgres, sandbox)
    kept, gone = sandbox.world.course_ids[:2]
    sandbox.world.forbid(kept)
    sandbox.world.remove_course(gone)
    for pipeline in pipelines:
        load(pipeline, sandbox, full_refresh=True)
    first, expected = map(contents, pipelines)
    lists = {"courses", "parent_courses", "classlist", "enrollments", "skipped_requests"}
    assert {name: first[name] for name in first.keys() - lists} == {
        name: expected[name] for name in expected.keys() - lists
    }
    with reading(into_postgres, "SELECT DISTINCT org_unit_id FROM classlist") as found:
        units = {unit for (unit,) in found}
    assert kept in units
    assert gone not in units


def test_arrays_are_json_in_the_database(pipelines: list[dlt.Pipeline], sandbox: Sandbox) -> None:
    into_postgres = pipelines[0]
    load(into_postgres, sandbox)
    columns = [
        (table, column)
        for table in into_postgres.default_schema.data_table_names(seen_data_only=True)
        for column, hints in into_postgres.default_schema.tables[table]["columns"].items()
        if hints["data_type"] == "json"
    ]
    assert columns
    for table, column in columns:
        types = (
            f"SELECT data_type FROM information_schema.columns WHERE table_schema = 'brightspace' "
            f"AND table_name = '{table}' AND column_name = '{column}'"
        )
        with reading(into_postgres, types) as found:
            assert found == [("jsonb",)], (table, column)
        kinds = (
            f'SELECT DISTINCT jsonb_typeof("{column}") FROM "{table}" WHERE "{column}" IS NOT NULL'
        )
        with reading(into_postgres, kinds) as found:
            assert {kind for (kind,) in found} <= {"array", "object"}, (table, column)
