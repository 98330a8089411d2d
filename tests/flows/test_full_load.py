"""All tables, with each way to log in, compared with what the sandbox holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import dlt
import pytest

from d2l_brightspace import run
from tests import ROOT, needs_proc

from .conftest import RENEWED, SCHEMES, count, counts_of_truth, query, row_counts

LOAD = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import dlt
from d2l_brightspace import IdKeyAuth, d2l_brightspace_source, run
from benchmarks.memory import megabytes

url, folder, *keys = sys.argv[1:]
pipeline = dlt.pipeline(
    "memory", pipelines_dir=folder, destination=dlt.destinations.duckdb(folder + "/w.duckdb")
)
run(pipeline, d2l_brightspace_source(url, IdKeyAuth(*keys)))
print(megabytes("VmHWM"))
"""


@pytest.mark.parametrize(
    ("scheme", "token_lifetime"),
    [(scheme, 2 if scheme in RENEWED else 3600) for scheme in SCHEMES],
    ids=[f"{scheme}-2s-tokens" if scheme in RENEWED else scheme for scheme in SCHEMES],
)
def test_each_scheme_loads_exactly_what_the_sandbox_holds(
    start: Any, source_of: Any, pipeline: dlt.Pipeline, scheme: str, token_lifetime: int
) -> None:
    # slow enough for the short tokens to end in mid-load
    sandbox = start(
        courses=4,
        users=30,
        log_messages=120,
        page_size=10,
        forbidden_courses=1,
        latency_ms=100,
        token_lifetime=token_lifetime,
    )

    report = run(pipeline, source_of(sandbox, scheme))

    assert row_counts(pipeline, sandbox) == counts_of_truth(sandbox)
    skipped = {(row["resource"], row["org_unit_id"]) for row in report.skipped}
    assert skipped == {(s["resource"], s["org_unit_id"]) for s in sandbox.truth()["skipped"]}

    asked_versions = [a for a in sandbox.requests if "/versions" in a["path"]]
    assert {arrival["scheme"] for arrival in asked_versions} == {"anonymous"}


def test_ids_are_numbers_and_join_across_tables(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox))

    strangers = query(
        pipeline,
        "SELECT COUNT(*) FROM classlist AS c LEFT JOIN users AS u ON c.identifier = u.user_id "
        "LEFT JOIN courses AS o ON c.org_unit_id = o.identifier "
        "WHERE u.user_id IS NULL OR o.identifier IS NULL",
    )
    assert strangers == [(0,)]
    for table, columns in {
        "classlist": ("org_unit_id", "identifier", "role_id"),
        "enrollments": ("org_unit_id", "user__identifier", "role__id"),
        "courses": ("identifier", "semester__identifier"),
        "log_messages": ("log_message_id", "user_id", "org_unit_id"),
    }.items():
        for column in columns:
            assert pipeline.default_schema.tables[table]["columns"][column]["data_type"] == "bigint"


def test_every_table_can_be_read_through_the_dataset(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox))
    dataset = pipeline.dataset()

    for table, rows in counts_of_truth(sandbox).items():
        assert len(dataset[table].df()) == rows
        assert len(dataset[table].fetchall()) == rows
        assert dataset(f"SELECT COUNT(*) FROM {table}").fetchall() == [(rows,)]
    assert len(dataset.skipped_requests.df()) == 3
    assert dataset.classlist.join("courses").limit(1).fetchall()


def test_an_empty_tenant_makes_the_same_tables(
    start: Any, source_of: Any, make_pipeline: Any, tmp_path: Path
) -> None:
    full = make_pipeline()
    empty = dlt.pipeline(
        "empty",
        pipelines_dir=str(tmp_path / "other"),
        dataset_name="d2l_brightspace_data",
        destination=dlt.destinations.duckdb(str(tmp_path / "empty.duckdb")),
    )
    run(full, source_of(start(courses=3, users=10, log_messages=20)))
    run(empty, source_of(start(courses=0, users=0, log_messages=0)))

    def shapes(pipeline: dlt.Pipeline) -> dict[str, set[tuple[str, str]]]:
        rows = query(
            pipeline,
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            f"WHERE table_schema = '{pipeline.dataset_name}'",
        )
        tables: dict[str, set[tuple[str, str]]] = {}
        for table, column, data_type in rows:
            tables.setdefault(table, set()).add((column, data_type))
        return tables

    assert shapes(empty) == shapes(full)


def test_a_load_takes_no_more_than_the_least_number_of_requests_and_five(
    start: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    sandbox = start(courses=50, users=60, class_size=30, log_messages=300, latency_ms=20)

    run(pipeline, source_of(sandbox))

    page = 100
    truth = counts_of_truth(sandbox)
    lists = ("org_units", "users", "my_enrollments", "log_messages", "log_message_groups")
    least = 1 + sum(-(-truth[table] // page) for table in lists)  # versions, tenant-wide lists
    least += 50 + -(-50 // 25) + 50 + 50  # courses, parents by 25, class lists, enrollments
    assert least <= len(sandbox.requests) <= least + 5
    assert row_counts(pipeline, sandbox) == truth


@needs_proc
def test_a_load_of_fifty_courses_stays_under_400_megabytes(start: Any, tmp_path: Path) -> None:
    sandbox = start(courses=50, users=60, class_size=30, log_messages=300, latency_ms=20)
    keys = sandbox.credentials["id_key"]
    output = subprocess.run(
        [
            sys.executable,
            "-c",
            LOAD,
            sandbox.url,
            str(tmp_path),
            keys["app_id"],
            keys["app_key"],
            keys["user_id"],
            keys["user_key"],
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert int(output.stdout.split()[-1]) < 400


def test_children_are_read_side_by_side_within_the_bound(
    start: Any, source_of: Any, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__LIMITS__REQUESTS_IN_FLIGHT", "4")
    sandbox = start(courses=30, users=30, latency_ms=30)

    run(pipeline, source_of(sandbox).with_resources("classlist"))

    assert 3 <= sandbox.requests.peak_in_flight <= 4
    assert count(pipeline, "classlist") == counts_of_truth(sandbox)["classlist"]


def test_every_row_names_its_load_and_is_in_the_report(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    report = run(pipeline, source_of(sandbox))

    for table in report.tables:
        loads = query(pipeline, f"SELECT DISTINCT _dlt_load_id FROM {table.table}")
        assert loads == [(report.load_ids[0],)]
        assert table.from_this_run == table.in_all == count(pipeline, table.table)
    assert "Classlist.SeeClasslist" in str(report)
