"""What is relied on about DuckDB's files; a failure here means that it has changed."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from d2l_brightspace.dlt_compat import duckdb_files
from d2l_brightspace.dlt_compat.destinations import kept_open, only_reads, private_destination

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.duckdb_files relies on: "


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("warehouse*")}


def test_a_new_database_and_its_log_are_private_before_the_first_row(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    with private_destination(pipeline):
        with kept_open(pipeline):
            private = {"warehouse.duckdb": 0o600, "warehouse.duckdb.wal": 0o600}
            assert modes(tmp_path) == private, RELIED_ON + "clients open through `conn_pool`"
        with pipeline.sql_client() as client:
            schemas = client.execute_sql("SELECT schema_name FROM information_schema.schemata")
    assert not [name for (name,) in schemas or () if "brightspace" in name]
    assert modes(tmp_path) == {"warehouse.duckdb": 0o600}


def test_what_duckdb_puts_beside_a_database_follows_its_mode(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    with pipeline.sql_client():
        assert modes(tmp_path) == {"warehouse.duckdb": 0o644}, "DuckDB has private files by itself"
    (tmp_path / "warehouse.duckdb").chmod(0o640)
    (tmp_path / "warehouse.duckdb.tmp").mkdir()
    with private_destination(pipeline), pipeline.sql_client() as client:
        client.execute_sql("CREATE TABLE t AS SELECT 1 AS id")
        with pipeline.sql_client():
            assert modes(tmp_path) == {
                "warehouse.duckdb": 0o640,
                "warehouse.duckdb.wal": 0o640,
                "warehouse.duckdb.tmp": 0o750,
            }


def test_nothing_is_written_where_nothing_will_be(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    with private_destination(pipeline):
        with only_reads(pipeline), pipeline.sql_client():
            assert modes(tmp_path) == {"warehouse.duckdb": 0o600}
        assert not hasattr(pipeline.destination, "only_reads")


def test_connections_are_opened_by_many_threads_at_once(tmp_path: Path) -> None:
    at_once = threading.Barrier(8, timeout=30)
    errors: list[Exception] = []

    def work(pool: Any) -> None:
        at_once.wait()
        try:
            pool.return_conn(pool.borrow_conn())
        except duckdb.Error as error:
            errors.append(error)

    for _ in range(20):
        pools = []
        for _ in range(2):  # two runs, each with four threads
            credentials = DuckDbCredentials(str(tmp_path / "warehouse.duckdb"))
            credentials.resolve()
            duckdb_files.keep_private(credentials)
            pools += [credentials.conn_pool] * 4
        threads = [threading.Thread(target=work, args=(pool,)) for pool in pools]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert modes(tmp_path) == {"warehouse.duckdb": 0o600}
