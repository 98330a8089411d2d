"""Which destinations a run accepts, and for what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from d2l_brightspace import ConfigurationError, PermissionDenied, run
from d2l_brightspace.dlt_compat import destinations

from .test_failed_tables import FORBIDDEN, NEW, OLD, rows_of, source_of

SCD2 = {"disposition": "merge", "strategy": "scd2"}


def pipeline_into(destination: Any, folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "p", destination=destination, pipelines_dir=str(folder), dataset_name="data"
    )


@pytest.mark.parametrize("disposition", ["merge", SCD2])
def test_what_is_to_be_merged_is_refused_where_nothing_can_be(
    tmp_path: Path, disposition: Any
) -> None:
    pipeline = pipeline_into(dlt.destinations.filesystem(str(tmp_path / "lake")), tmp_path)
    source = source_of(
        users=(OLD, None, {"write_disposition": disposition}),
        courses=(OLD, None, {"write_disposition": "append"}),
    )
    with pytest.raises(ConfigurationError, match=r"'filesystem' cannot replace rows.*: users"):
        run(pipeline, source)
    run(pipeline, source.with_resources("courses"))


@pytest.mark.parametrize("disposition", ["append", "replace", {"disposition": "replace"}])
def test_what_a_user_wants_appended_or_replaced_is_loaded_anywhere(
    tmp_path: Path, disposition: Any
) -> None:
    pipeline = pipeline_into(dlt.destinations.filesystem(str(tmp_path / "lake")), tmp_path)
    for rows in (OLD, NEW):
        source = source_of(users=(rows, None, {}))
        source.users.apply_hints(write_disposition=disposition)
        report = run(pipeline, source)
    in_all = 4 if disposition == "append" else 2
    assert [(t.table, t.from_this_run, t.in_all) for t in report.tables] == [("users", 2, in_all)]


def test_a_function_is_a_destination(tmp_path: Path) -> None:
    seen: list[tuple[str, list[Any]]] = []

    @dlt.destination(batch_size=10, name="sink")
    def sink(items: Any, table: Any) -> None:
        seen.append((table["name"], [(item["id"], item["name"]) for item in items]))

    pipeline = pipeline_into(sink, tmp_path)
    report = run(pipeline, source_of(users=(OLD, None, {})))
    assert seen == [("users", [(1, "a"), (2, "b")])]
    assert [(t.table, t.from_this_run, t.in_all) for t in report.tables] == [("users", 2, None)]
    assert "users" in str(report)

    with pytest.raises(PermissionDenied):
        run(pipeline, source_of(users=(OLD, FORBIDDEN, {}), courses=(NEW, None, {})))
    assert seen[1:] == [("courses", [(2, "B"), (3, "c")])]


def test_a_merge_that_fails_in_the_middle_leaves_the_rows(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(pipeline, source_of(users=(OLD, None, {})))
    with pipeline.sql_client() as client:
        client.execute_sql("ALTER TABLE users ALTER COLUMN name TYPE INTEGER USING 1")
    with pytest.raises(Exception, match="users"):
        run(pipeline, source_of(users=(NEW, None, {})))
    assert rows_of(pipeline, "users", "id") == [(1,), (2,)]


def test_a_run_merges_in_transactions_whatever_the_destination_says_by_itself(
    pipeline: dlt.Pipeline,
) -> None:
    within = []
    source = source_of(users=(OLD, None, {}))

    def look(row: Any) -> Any:
        within.append(destinations.capabilities(pipeline).supports_transactions)
        return row

    source.users.add_map(look)
    run(pipeline, source)
    assert set(within) == {True}
    assert destinations.capabilities(pipeline).supports_transactions is None


def test_a_table_nested_in_another_is_counted(pipeline: dlt.Pipeline) -> None:
    rows = [{"id": 1, "name": "a", "roles": ["x", "y"]}]
    report = run(pipeline, source_of(users=(rows, None, {})))
    counted = {table.table: (table.from_this_run, table.in_all) for table in report.tables}
    assert counted == {"users": (1, 1), "users__roles": (2, 2)}


@pytest.mark.parametrize(
    ("file", "dataset"), [("same", "same"), ("Same", "same"), ("data_staging", "data")]
)
def test_a_file_and_a_dataset_of_one_name_are_refused_before_anything_is_read(
    tmp_path: Path, file: str, dataset: str
) -> None:
    pipeline = dlt.pipeline(
        "p",
        destination=dlt.destinations.duckdb(str(tmp_path / f"{file}.duckdb")),
        dataset_name=dataset,
        pipelines_dir=str(tmp_path),
    )
    source, asked = source_of(users=(OLD, None, {})), []
    source.users.add_map(asked.append)
    with pytest.raises(ConfigurationError, match="have one name") as caught:
        run(pipeline, source)
    assert f'dataset_name="{dataset}_data"' in str(caught.value)
    assert not asked
    assert not (tmp_path / f"{file}.duckdb").exists()


def test_a_connection_that_the_user_opened_may_have_any_name(tmp_path: Path) -> None:
    with duckdb.connect(":memory:") as connection:
        run(
            pipeline_into(dlt.destinations.duckdb(connection), tmp_path),
            source_of(users=(OLD, None, {})),
        )
        assert connection.execute("SELECT COUNT(*) FROM data.users").fetchall() == [(2,)]
