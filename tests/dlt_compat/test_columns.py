"""Canaries: what `dlt_compat.columns` relies on in dlt."""

from __future__ import annotations

import dlt
import pytest

from d2l_brightspace.dlt_compat import columns

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.columns relies on: "


def load(pipeline: dlt.Pipeline, **row: object) -> None:
    users = dlt.resource([row], name="users", primary_key="id", write_disposition="merge")
    pipeline.run(users)


def test_a_column_is_forgotten_and_dropped(
    pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    load(pipeline, id=1, old=True)
    schema = str(pipeline.default_schema_name)
    assert columns.forget_column(pipeline, "unknown", ["users"], "old") == []
    assert columns.forget_column(pipeline, schema, ["others"], "old") == []
    assert columns.forget_column(pipeline, schema, ["users"], "old") == ["users"]
    load(pipeline, id=2)
    assert "old" not in pipeline.default_schema.tables["users"]["columns"], (
        RELIED_ON + "an extraction starts from `schemas`"
    )
    columns.drop_column(pipeline, ["users"], "old")
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT COUNT(*) FROM users") == [(2,)]
        named = "SELECT COUNT(*) FROM information_schema.columns WHERE column_name = 'old' AND "
        schema_of_tables = f"table_schema = '{pipeline.dataset_name}'"
        assert client.execute_sql(named + schema_of_tables) == [(0,)]
    load(pipeline, id=3)
    columns.drop_column(pipeline, ["users"], "old")
    assert "could not be dropped" in caplog.text


@pytest.mark.parametrize("is_one", [True, False])
def test_tables_are_those_of_all_sources_in_one_dataset(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, is_one: bool
) -> None:
    assert columns.columns_of_tables(pipeline) == {}
    load(pipeline, id=1)
    pipeline.run([{"seat": 2}], table_name="rooms", schema=dlt.Schema("other"))
    monkeypatch.setattr(pipeline.config, "use_single_dataset", is_one)
    found = columns.columns_of_tables(pipeline)
    assert found.keys() == ({"users", "rooms"} if is_one else {"users"}), (
        RELIED_ON + "`use_single_dataset` says where the tables of other schemas are"
    )
    assert "id" in found["users"]
