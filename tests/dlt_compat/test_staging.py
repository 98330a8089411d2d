"""What is relied on about the staging dataset; a failure here means that dlt has changed it."""

from __future__ import annotations

from typing import Any

import dlt
import pytest
from dlt.destinations.exceptions import DatabaseTransientException

from d2l_brightspace.dlt_compat import staging
from d2l_brightspace.dlt_compat.destinations import private_destination

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.staging relies on: "


def load(pipeline: dlt.Pipeline, **hints: Any) -> None:
    rows = dlt.resource([{"id": 1}], name="users", primary_key="id")
    pipeline.run(rows, write_disposition="merge", **hints)


def count(pipeline: dlt.Pipeline, dataset: str = "", table: str = "users") -> Any:
    with pipeline.sql_client() as client:
        name = f"{client.dataset_name}{dataset}.{table}"
        return client.execute_sql(f"SELECT COUNT(*) FROM {name}")[0][0]  # type: ignore[index]


def test_rows_stay_in_the_staging_dataset_until_they_are_deleted(pipeline: dlt.Pipeline) -> None:
    load(pipeline)
    assert count(pipeline, "_staging") == 1, "dlt empties its staging dataset by itself"
    with private_destination(pipeline):
        load(pipeline)
    assert count(pipeline, "_staging") == 0, RELIED_ON + "`complete_load` ends each load"
    assert count(pipeline) == 1


def test_tables_that_were_never_staged_or_are_gone(pipeline: dlt.Pipeline) -> None:
    pipeline.run(dlt.resource([{"id": 1}], name="appended"))
    load(pipeline)
    with pipeline.sql_client() as client:
        client.execute_sql(f"CREATE TABLE {client.dataset_name}_staging.kept AS SELECT 1 AS id")
    pipeline.run(
        dlt.resource([{"id": 1}], name="gone", primary_key="id"), write_disposition="merge"
    )
    with pipeline.sql_client() as client:
        client.execute_sql(f"DROP TABLE {client.dataset_name}_staging.gone")
    name = pipeline.default_schema_name
    staging.empty_later(pipeline, name, ["users", "appended", "gone", "unknown"])
    assert count(pipeline, "_staging") == 0
    assert count(pipeline, "_staging", "kept") == 1
    assert count(pipeline, table="appended") == 1


def test_what_cannot_be_emptied_is_told_and_ends_no_load(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: Any) -> None:
        raise DatabaseTransientException(Exception("canary"))

    monkeypatch.setattr(staging, "_truncate", refused)
    with private_destination(pipeline):
        load(pipeline)
    assert "staging dataset still holds rows" in caplog.text
    assert "canary" not in caplog.text
    assert count(pipeline) == 1
