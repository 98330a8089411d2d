"""What `dlt_compat.addresses` and its neighbours rely on, and that no address holds a secret."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dlt
import pytest
from dlt.common import logger as dlt_logger
from dlt.common.runtime.collector import LogCollector
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.snowflake.configuration import SnowflakeCredentials

from d2l_brightspace.dlt_compat import addresses, collectors, destinations, messages


def test_the_file_of_a_duckdb_is_known_before_it_is_opened(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    client = pipeline.sql_client()
    assert addresses.file_of(client) == tmp_path / "warehouse.duckdb"
    assert addresses.address(client, "duckdb") == str(tmp_path / "warehouse.duckdb")
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_read_only_client_cannot_write(pipeline: dlt.Pipeline) -> None:
    pipeline.run([{"id": 1}], table_name="users")
    with (
        destinations.read_only_client(pipeline) as client,
        pytest.raises(messages.DatabaseException, match="read-only"),
    ):
        client.execute_sql("DELETE FROM users")
    with pipeline.sql_client() as client:  # the next client is as it was
        client.execute_sql("DELETE FROM users")


def test_a_missing_table_is_told_apart(pipeline: dlt.Pipeline) -> None:
    pipeline.run([{"id": 1}], table_name="users")
    with pipeline.sql_client() as client, pytest.raises(messages.DatabaseUndefinedRelation):
        client.execute_sql("SELECT * FROM load_runs")


SECRETS = "anna", "s3cret"


@pytest.mark.parametrize(
    ("credentials", "kind", "expected"),
    [
        (
            PostgresCredentials("postgresql://anna:s3cret@db.example:5432/lms?sslkey=s3cret"),
            "postgres",
            "postgres://db.example:5432/lms",
        ),
        (
            SnowflakeCredentials("snowflake://anna:s3cret@account/lms?role=s3cret"),
            "snowflake",
            "snowflake://account/lms",
        ),
        (SimpleNamespace(project_id="school"), "bigquery", "bigquery://school"),
        (
            SimpleNamespace(server_hostname="adb.example", catalog="main", access_token="s3cret"),
            "databricks",
            "databricks://adb.example/main",
        ),
        (SimpleNamespace(host="anna:s3cret@h?token=s3cret", database=None), "x", "x://h"),
        (SimpleNamespace(token="s3cret"), "x", None),
    ],
    ids=["postgres", "snowflake", "bigquery", "databricks", "whole-address", "none"],
)
def test_an_address_holds_no_secret(credentials: Any, kind: str, expected: str | None) -> None:
    found = addresses.address(SimpleNamespace(credentials=credentials), kind)
    assert found == expected
    assert not any(secret in str(found) for secret in SECRETS)


def test_dlts_own_display_is_noticed(make_pipeline: Any) -> None:
    assert not collectors.shows_progress(make_pipeline())
    own = LogCollector(logger=io.StringIO(), dump_system_stats=False)
    assert collectors.shows_progress(make_pipeline(progress=own))


@pytest.mark.filterwarnings("ignore:psutil dependency is not installed")
def test_dlts_setting_for_a_display_is_noticed(
    make_pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROGRESS", "log")
    assert collectors.shows_progress(make_pipeline())


def test_dlts_log_can_be_written_elsewhere_for_a_while(pipeline: dlt.Pipeline) -> None:
    assert dlt_logger.LOGGER is not None
    before, elsewhere, other = io.StringIO(), io.StringIO(), io.StringIO()
    handlers = [logging.StreamHandler(before), logging.StreamHandler(other)]
    for handler in handlers:
        dlt_logger.LOGGER.addHandler(handler)
    try:
        with messages.log_to(before, elsewhere):
            dlt_logger.warning("inside")
        dlt_logger.warning("outside")
    finally:
        for handler in handlers:
            dlt_logger.LOGGER.removeHandler(handler)
    assert ("inside" in elsewhere.getvalue(), "inside" in before.getvalue()) == (True, False)
    assert ("outside" in elsewhere.getvalue(), "outside" in before.getvalue()) == (False, True)
    assert "inside" in other.getvalue()


def test_dlts_wrapping_is_taken_off() -> None:
    class Wrapper(messages.DltException):
        pass

    inner, outer = ValueError(), Wrapper()
    outer.__cause__ = Wrapper()
    outer.__cause__.__cause__ = inner
    assert messages.unwrapped(outer) is inner
    assert messages.unwrapped(inner) is inner
    alone = Wrapper()
    assert messages.unwrapped(alone) is alone
