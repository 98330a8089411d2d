"""The report of a run as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import dlt

from d2l_brightspace import run
from d2l_brightspace.pipeline.report import RunReport, TableCount

NOTHING_NEW = [TableCount(f"table_{number}", 0, 5, 0) for number in range(9)]
REPORT = RunReport("p", "data", "duckdb", ["1"], [], [])


def lines(*counts: TableCount, **more: Any) -> list[str]:
    text = str(replace(REPORT, tables=counts, **more))
    return [line for line in text.splitlines() if line.startswith("  ")]


def test_tables_without_anything_new_are_one_line() -> None:
    last = datetime(2026, 1, 4, 3, 0, 41, tzinfo=timezone.utc)
    assert lines(*NOTHING_NEW, last_run_at=last) == [
        "  9 tables: nothing new since 2026-01-04 03:00 UTC"
    ]
    heads, users, others = lines(*NOTHING_NEW, TableCount("users", 3, 1_234, -2, 1, 4.25))
    assert heads.split()[:5] == ["table", "rows", "of", "this", "run"]
    assert heads.split()[5:] == ["change", "rows", "in", "all", "skipped", "time"]
    assert users.split() == ["users", "3", "-2", "1,234", "1", "4.2", "s"]
    assert others == "  9 tables: nothing new"
    assert len(heads) == len(users)
    assert len(lines(*NOTHING_NEW[:8])) == 1 + 8


def test_a_table_that_only_lost_rows_or_was_skipped_is_shown() -> None:
    lost, skipped = TableCount("users", 0, 3, -1), TableCount("grades", 0, 3, 0, 1)
    assert [line.split()[0] for line in lines(*NOTHING_NEW, lost, skipped)[1:-1]] == [
        "users",
        "grades",
    ]


def test_what_is_not_known_is_left_out() -> None:
    assert str(replace(REPORT, tables=[TableCount("users", 3, None)])).splitlines() == [
        "Loaded into dataset data at duckdb (load 1)",
        "",
        "  table                     rows of this run   rows in all",
        "  users                                    3             ?",
        "",
        "Nothing was skipped.",
    ]
    as_json = REPORT.as_json()
    assert as_json["outcome"] == "complete"
    unknown = ("started_at", "ended_at", "seconds", "requests", "credits", "place")
    assert {as_json[name] for name in unknown} == {None}


def test_a_table_that_somebody_dropped_is_left_out(
    pipeline: dlt.Pipeline,
) -> None:
    def users(*rows: dict[str, Any]) -> Any:
        @dlt.source(name="made_up")
        def source() -> Any:
            hints: Any = {"write_disposition": "merge", "primary_key": "id"}
            return [dlt.resource(rows, name="users", **hints), dlt.resource(rows, name="old")]

        return source()

    run(pipeline, users({"id": 1}))
    with pipeline.sql_client() as client:
        client.execute_sql("DROP TABLE old")
    report = run(pipeline, users({"id": 1}, {"id": 2}).with_resources("users"))
    assert [*report.tables] == [TableCount("users", 2, 2, 1)]
