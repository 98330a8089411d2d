"""What a run asks of the destination."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.sources import DltSource

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.dlt_compat import destinations


def check_destination(pipeline: dlt.Pipeline, source: DltSource) -> None:
    """Refuse a destination where dlt would append and so keep every row of every run.

    A destination function is handed the rows and does with them what its author wants. So is any
    destination where nothing is to be merged: who set `append` or `replace` means it.

    Raises:
        ConfigurationError: If rows are to be merged, and the destination cannot; or if a DuckDB
            file and its dataset have one name.
    """
    if pipeline.destination is None or destinations.is_custom_function(pipeline):
        return  # dlt itself says that the destination is missing
    _check_names(pipeline)
    if can_replace_rows(pipeline):
        return
    merged = sorted(
        name for name, resource in source.selected_resources.items() if _may_merge(resource)
    )
    if merged:
        raise ConfigurationError(
            f"The destination {pipeline.destination.destination_name!r} cannot replace rows (dlt's "
            f"merge strategy delete-insert), so each run would add all rows again: {_few(merged)}. "
            'Load into a SQL database, for example destination = "duckdb", "postgres" or '
            '"snowflake"; or say for each resource that you want whole copies or all versions: '
            'source.users.apply_hints(write_disposition="replace"), or "append".'
        )


def _check_names(pipeline: dlt.Pipeline) -> None:
    """Refuse a dataset that has the name of its DuckDB file.

    `name.table` could then be a table of the dataset or of the file, and DuckDB refuses to choose.
    """
    file, datasets = destinations.duckdb_names(pipeline) or ("", [])
    if file.lower() not in map(str.lower, datasets):
        return
    raise ConfigurationError(
        f"The DuckDB file {file}.duckdb and the dataset {datasets[0]!r} (which uses "
        f"{datasets[1]!r} as well) have one name, and DuckDB cannot tell them apart. Nothing was "
        f'requested. Rename one of them, for example dataset_name="{datasets[0]}_data", or '
        'destination=dlt.destinations.duckdb("warehouse.duckdb").'
    )


def can_replace_rows(pipeline: dlt.Pipeline) -> bool:
    """Whether the destination is a database that deletes and inserts rows by SQL."""
    if pipeline.destination is None or destinations.is_custom_function(pipeline):
        return False
    strategies = destinations.capabilities(pipeline).supported_merge_strategies
    return "delete-insert" in (strategies or ())


def _may_merge(resource: Any) -> bool:
    disposition = resource.write_disposition
    if isinstance(disposition, dict):
        disposition = disposition.get("disposition")
    # what is found out by a function row by row may be anything
    return callable(disposition) or disposition == "merge"


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


@contextmanager
def merge_in_transactions(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Let a merge delete old rows and insert new ones in one step, or neither.

    dlt does so only where a destination says `supports_transactions`, which those for DuckDB,
    Postgres, Snowflake and others leave open: a failed insert would leave the table without rows.
    """
    if pipeline.destination is None:
        yield  # dlt itself says that it is missing
        return
    values = {"supports_transactions": True} if _leaves_transactions_open(pipeline) else {}
    with destinations.private_destination(pipeline, **values):
        yield


def _leaves_transactions_open(pipeline: dlt.Pipeline) -> bool:
    known = destinations.capabilities(pipeline)
    return known.supports_ddl_transactions and known.supports_transactions is None


_SHOWN = 5
