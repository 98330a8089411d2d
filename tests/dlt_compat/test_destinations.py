"""What is relied on about destinations; a failure here means that dlt has changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from d2l_brightspace.dlt_compat import destinations

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.destinations relies on: "


def test_capabilities_can_be_overridden_for_a_while(pipeline: dlt.Pipeline) -> None:
    original = pipeline.destination
    before = dict(original.caps_params), dict(original.config_params)
    with destinations.private_destination(pipeline, supports_transactions=True):
        known = destinations.capabilities(pipeline)
        assert known.supports_transactions is True, RELIED_ON + "`caps_params` come last"
        client = pipeline._get_destination_clients(dlt.Schema("any"))[0]
        assert client.capabilities.supports_transactions is True
        assert pipeline.destination is not original
        with pipeline.sql_client() as connection:  # the same database
            connection.execute_sql("CREATE TABLE there (id INTEGER)")
    assert pipeline.destination is original
    assert (original.caps_params, original.config_params) == before
    with pipeline.sql_client() as connection:
        assert connection.execute_sql("SELECT COUNT(*) FROM there") == [(0,)]


def test_a_destination_is_given_back_after_an_error(pipeline: dlt.Pipeline) -> None:
    original = pipeline.destination
    with (
        pytest.raises(ZeroDivisionError),
        destinations.private_destination(pipeline, supports_transactions=True),
    ):
        raise ZeroDivisionError
    assert pipeline.destination is original


def test_a_merge_asks_for_transactions_by_the_capability(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

    begun = []
    begin = DuckDbSqlClient.begin_transaction

    def begin_transaction(self: Any) -> Any:
        begun.append(self)
        return begin(self)

    def users() -> Any:
        return dlt.resource([{"id": 1}], name="users", primary_key="id", write_disposition="merge")

    pipeline.run(users())
    monkeypatch.setattr(DuckDbSqlClient, "begin_transaction", begin_transaction)
    pipeline.run(users())
    without = len(begun)
    with destinations.private_destination(pipeline, supports_transactions=True):
        pipeline.run(users())
    assert len(begun) - without > without, RELIED_ON + "`supports_transactions` decides"


@pytest.mark.parametrize("name", ["duckdb", "postgres", "snowflake", "bigquery", "mssql"])
def test_the_strategies_of_a_destination_are_known_without_a_connection(name: str) -> None:
    known = getattr(dlt.destinations, name)().capabilities()
    assert "delete-insert" in known.supported_merge_strategies


def test_a_function_as_destination_is_recognized(pipeline: dlt.Pipeline) -> None:
    @dlt.destination(name="sink")
    def sink(items: Any, table: Any) -> None: ...

    assert not destinations.is_custom_function(pipeline)
    for given in (sink, sink()):
        other = dlt.pipeline("other", destination=given, pipelines_dir=pipeline.pipelines_dir)
        assert destinations.is_custom_function(other), RELIED_ON + "the class of functions"


def test_a_duckdb_file_stays_open_between_connections(pipeline: dlt.Pipeline) -> None:
    def ask(sql: str) -> Any:
        with pipeline.sql_client() as client:
            return client.execute_sql(sql)

    order = "SELECT current_setting('default_null_order')"
    usual = ask(order)
    with destinations.kept_open(pipeline):
        ask("SET GLOBAL default_null_order = 'nulls_first'")
        assert ask(order) != usual, RELIED_ON + "connections of one process share a database"
    assert ask(order) == usual, "it is not closed at the end"


def test_names_are_quoted_as_the_destination_wants_them(pipeline: dlt.Pipeline) -> None:
    pipeline.run([{"id": 1}], table_name="users")
    with pipeline.sql_client() as client:
        assert destinations.qualified(client, "users") == '"d2l_brightspace_data"."users"'
        assert destinations.quoted(client, "id") == '"id"'


def test_a_destination_finds_out_once_what_it_can_do(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run([{"id": 1}], table_name="users")
    kind = type(pipeline.destination)
    naming = pipeline.default_schema.naming
    asked = []
    raw = kind._raw_capabilities

    def _raw_capabilities(self: Any) -> Any:
        asked.append(self)
        return raw(self)

    plain = [pipeline.destination.capabilities(naming=given) for given in (None, naming)]
    monkeypatch.setattr(kind, "_raw_capabilities", _raw_capabilities)
    with destinations.private_destination(pipeline):
        for _ in range(3):
            for given, expected in zip((None, naming), plain, strict=True):
                known = pipeline.destination.capabilities(naming=given)
                assert dict(known) == dict(expected)
                # dlt changes what it is given
                known.preferred_loader_file_format = "csv"
    assert len(asked) == 2


def test_both_kinds_of_naming_are_kept_apart(pipeline: dlt.Pipeline) -> None:
    from dlt.common.normalizers.naming import direct, snake_case

    pipeline.destination = dlt.destinations.snowflake()
    conventions = [snake_case.NamingConvention(), direct.NamingConvention()]
    plain = [pipeline.destination.capabilities(naming=given) for given in conventions]
    with destinations.private_destination(pipeline):
        known = [pipeline.destination.capabilities(naming=given) for given in conventions]
    assert [caps.has_case_sensitive_identifiers for caps in known] == [
        caps.has_case_sensitive_identifiers for caps in plain
    ]


@pytest.mark.parametrize("own", [None, True], ids=["default", "set-by-the-user"])
def test_duckdb_loads_in_any_order_for_a_while(tmp_path: Path, own: bool | None) -> None:
    given = {} if own is None else {"preserve_insertion_order": own}
    credentials = DuckDbCredentials(str(tmp_path / "any.duckdb"), global_config=given)
    pipeline = dlt.pipeline(
        "any_order",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(credentials),
    )

    def keeps_order() -> Any:
        with pipeline.sql_client() as client:
            return client.execute_sql("SELECT current_setting('preserve_insertion_order')")

    with destinations.private_destination(pipeline):
        kept = keeps_order()
        pipeline.run([{"id": 1}], table_name="one")
    assert kept == [(bool(own),)], RELIED_ON + "`global_config` of resolved credentials"
    assert keeps_order() == [(True,)]
    assert credentials.global_config == given
