"""What a destination can do, and doing more with it for a while."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.destinations import destination as custom_destination
from dlt.destinations import duckdb as duckdb_destination
from dlt.destinations.impl.duckdb.configuration import (
    DuckDbBaseCredentials,
    DuckDbCredentials,
)
from dlt.destinations.sql_client import SqlClientBase

from . import duckdb_files, exchange, staging


def capabilities(pipeline: dlt.Pipeline) -> DestinationCapabilitiesContext:
    """What the destination of a pipeline can do, by its type and settings; nothing is opened."""
    return pipeline.destination.capabilities()


def is_custom_function(pipeline: dlt.Pipeline) -> bool:
    """Whether the destination is a function, made by `@dlt.destination`."""
    return isinstance(pipeline.destination, custom_destination)


@contextmanager
def private_destination(pipeline: dlt.Pipeline, **values: Any) -> Iterator[None]:
    """Run a pipeline with a destination of its own, which may have other capabilities.

    The destination may be shared with other pipelines, so a copy of it takes its place; it is put
    back at the end, whatever happens. The copy finds out once what it can do: dlt asks about
    twenty times in a run, and each time reads all settings of the destination anew (0.15 s).

    Relies on `caps_params` of a destination outdoing what its type says, on a pipeline asking its
    `destination` each time, and on capabilities without a given configuration depending on nothing
    but the naming convention.

    Args:
        pipeline: Whose destination.
        values: Capabilities, by name, that are other than its type says.
    """
    original = pipeline.destination
    replacement = copy.copy(original)
    replacement.config_params = dict(original.config_params)
    replacement.caps_params = {**original.caps_params, **values}
    _find_out_once(replacement)
    _adapt_duckdb(replacement)
    staging.empty_after_load(replacement)
    exchange.honour_exchanges(replacement)
    pipeline.destination = replacement
    try:
        yield
    finally:
        pipeline.destination = original


def _find_out_once(destination: Any) -> None:
    ask = destination.capabilities
    known: dict[Any, DestinationCapabilitiesContext] = {}

    def capabilities(config: Any = None, naming: Any = None) -> DestinationCapabilitiesContext:
        if config is not None:
            return ask(config, naming)  # type: ignore[no-any-return]
        key = naming and (type(naming), naming.is_case_sensitive)
        if key not in known:
            known[key] = ask(None, naming)
        return known[key].copy()

    destination.capabilities = capabilities


def _adapt_duckdb(destination: Any) -> None:
    """Let DuckDB insert rows in whatever order its threads read them, write them soon, keep them.

    Of a million rows it would hold 240 MB more; and its files would be there for everybody. Relies
    on credentials being resolved anew for each client, and on dlt setting `global_config` after it
    has connected; a connection that the user opened is left as it is.
    """
    ask = destination.configuration

    def configuration(*arguments: Any, **options: Any) -> Any:
        config = ask(*arguments, **options)
        credentials = getattr(config, "credentials", None)
        if isinstance(credentials, DuckDbCredentials) and not credentials.external_conn():
            credentials.global_config = {**_sparing(), **(credentials.global_config or {})}
            writes = not getattr(destination, "only_reads", False)
            duckdb_files.keep_private(credentials, writes=writes)
        return config

    destination.configuration = configuration


def _sparing() -> dict[str, Any]:
    import duckdb

    settings: dict[str, Any] = {"preserve_insertion_order": False}
    if tuple(map(int, duckdb.__version__.split(".")[:2])) >= (1, 5):
        settings["write_buffer_row_group_count"] = 1
    return settings


def duckdb_names(pipeline: dlt.Pipeline) -> tuple[str, list[str]] | None:
    """The names by which DuckDB knows a pipeline's file and its datasets; nothing is opened.

    Relies on a client having its credentials and dataset names before it opens a connection, and on
    DuckDB calling a file by its name without the ending.

    Returns:
        None for other destinations, and for a connection that the user has opened.
    """
    if not isinstance(pipeline.destination, duckdb_destination):
        return None
    client: Any = pipeline.destination_client()
    credentials = client.config.credentials
    if not isinstance(credentials, DuckDbCredentials) or credentials.external_conn():
        return None
    datasets = client.sql_client
    return Path(credentials._conn_str()).stem, [
        datasets.dataset_name,
        datasets.staging_dataset_name,
    ]


@contextmanager
def only_reads(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Do nothing for a while to prepare the destination for rows; inside `private_destination`."""
    destination: Any = pipeline.destination
    if destination is None:
        yield  # dlt itself says that it is missing
        return
    destination.only_reads = True
    try:
        yield
    finally:
        del destination.only_reads


@contextmanager
def kept_open(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Keep the file of a DuckDB destination open from the first of dlt's connections to the last.

    dlt closes it after each step, and opening it again takes 30 ms. Relies on DuckDB giving the
    same database to all connections of a process to a file; other destinations are left alone.
    """
    if not isinstance(pipeline.destination, duckdb_destination):
        yield
        return
    with pipeline.sql_client():
        yield


def read_only_client(pipeline: dlt.Pipeline) -> SqlClientBase[Any]:
    """A client of the destination that changes nothing, where the destination can be told so.

    Relies on credentials being resolved anew for each client.
    """
    client = pipeline.sql_client()
    credentials = getattr(client, "credentials", None)
    if isinstance(credentials, DuckDbBaseCredentials):
        credentials.read_only = True
    return client


def kind(pipeline: dlt.Pipeline) -> str:
    """The type of a pipeline's destination, such as `postgres`, whatever its name is."""
    return str(pipeline.destination.destination_type).rpartition(".")[2]


def qualified(client: SqlClientBase[Any], table: str) -> str:
    """A table's name as the destination's SQL has it, with dataset and quotes."""
    return client.make_qualified_table_name(table)


def quoted(client: SqlClientBase[Any], column: str) -> str:
    """A column's name as the destination's SQL has it, with quotes."""
    return client.escape_column_name(column)
