"""Ceilings on dependencies: each test fails when its ceiling may go."""

from __future__ import annotations

import inspect

import duckdb
import ibis.backends.duckdb as client_of_ibis
import sqlglot
from dlt.dataset import lineage
from dlt.destinations.impl.duckdb import sql_client as client_of_dlt
from packaging.version import Version


def test_sqlglot_is_held_back_as_long_as_dlt_needs_it() -> None:
    # dlt calls qualify(infer_schema=…), which sqlglot 30.22 took away; once dlt stops, lift
    # `sqlglot<30.22` in pyproject.toml and delete this test
    assert "infer_schema" in inspect.getsource(lineage)
    assert Version(sqlglot.__version__) < Version("30.22")


def test_duckdb_is_held_back_as_long_as_dlt_needs_it() -> None:
    # DuckDB 2.0 took away DuckDBPyConnection.fetch_arrow_table, which dlt's `dataset().t.arrow()`
    # calls, and `dataset().ibis()` through ibis; once neither does, try DuckLake with it too, lift
    # `duckdb<2` in pyproject.toml and delete this test
    wanting = [client_of_dlt, client_of_ibis]
    assert [one for one in wanting if ".fetch_arrow_table()" in inspect.getsource(one)]
    assert hasattr(duckdb.DuckDBPyConnection, "fetch_arrow_table")
    assert Version(duckdb.__version__) < Version("2")
