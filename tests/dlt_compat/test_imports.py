"""Canaries: what `dlt_compat.imports` relies on in dlt."""

from __future__ import annotations

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from d2l_brightspace.dlt_compat.dlt_ids import has_dlt_ids, new_dlt_ids
from d2l_brightspace.dlt_compat.imports import past_steps, user_steps


def extracted(tmp_path, resource):
    pipeline = dlt.pipeline(
        "canary",
        pipelines_dir=str(tmp_path / "p"),
        destination=dlt.destinations.duckdb(str(tmp_path / "x.duckdb")),
        dataset_name="canary",
    )
    pipeline.run(resource, loader_file_format="parquet")
    return pipeline


def imported(path, rows: int):
    hints = dlt.mark.make_hints(table_name="numbers", columns={"number": {"data_type": "bigint"}})
    return dlt.mark.with_file_import(str(path), "parquet", rows, hints)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"number": pa.array([1, 2], pa.int64())}), path)
    return path


@pytest.mark.parametrize("parallelized", [False, True], ids=["plain", "in-threads"])
@pytest.mark.parametrize(("past", "rows"), [(True, 2), (False, 0)], ids=["past", "through"])
def test_an_imported_file_vanishes_behind_a_step_unless_it_goes_past(
    tmp_path, file, parallelized, past, rows
):
    @dlt.resource(parallelized=parallelized, columns={"number": {"data_type": "bigint"}})
    def numbers():
        item = imported(file, 2)
        yield past_steps(item) if past else item
        yield past_steps(dlt.mark.materialize_table_schema())

    pipeline = extracted(tmp_path, numbers().add_map(lambda row: row))
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT count(*) FROM numbers") == [(rows,)]


def test_user_steps_are_seen_while_a_resource_runs(tmp_path):
    seen = []

    @dlt.resource(parallelized=True)
    def numbers():
        seen.append(user_steps("numbers"))
        yield [{"number": 1}]

    source = dlt.source(lambda: numbers, name="canary_source")()
    source.numbers.add_filter(lambda row: True).add_limit(5)
    extracted(tmp_path, source)
    [steps] = seen
    assert steps.takes_rows
    assert steps.is_limited


def test_without_a_source_there_are_no_steps():
    assert not user_steps("numbers").takes_rows


def test_ids_are_seen_in_tables_that_had_rows(tmp_path):
    seen = []

    @dlt.resource
    def numbers(number: int):
        seen.append(has_dlt_ids("numbers"))
        yield [{"number": number}]

    for number in (1, 2):
        extracted(tmp_path, numbers(number))
    assert seen == [None, True]


def test_new_ids_are_distinct_and_look_like_those_of_dlt(tmp_path):
    @dlt.resource
    def numbers():
        yield [{"number": 1}]

    with extracted(tmp_path, numbers()).sql_client() as client:
        [(of_dlt,)] = client.execute_sql("SELECT _dlt_id FROM numbers")
    ours = new_dlt_ids(1000)
    assert len(set(ours)) == 1000
    assert {len(one) for one in ours} == {len(of_dlt)}
