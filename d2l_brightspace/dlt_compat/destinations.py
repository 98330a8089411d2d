"""What a destination can do, and doing more with it for a while."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.destinations import destination as custom_destination
from dlt.destinations.sql_client import SqlClientBase


def capabilities(pipeline: dlt.Pipeline) -> DestinationCapabilitiesContext:
    """What the destination of a pipeline can do, by its type and settings; nothing is opened."""
    return pipeline.destination.capabilities()


def is_custom_function(pipeline: dlt.Pipeline) -> bool:
    """Whether the destination is a function, made by `@dlt.destination`."""
    return isinstance(pipeline.destination, custom_destination)


@contextmanager
def override_capabilities(pipeline: dlt.Pipeline, **values: Any) -> Iterator[None]:
    """Run a pipeline with other capabilities of its destination.

    The destination may be shared with other pipelines, so a copy of it takes its place; it is put
    back at the end, whatever happens.

    Relies on `caps_params` of a destination outdoing what its type says, and on a pipeline asking
    its `destination` each time.
    """
    original = pipeline.destination
    replacement = copy.copy(original)
    replacement.config_params = dict(original.config_params)
    replacement.caps_params = {**original.caps_params, **values}
    pipeline.destination = replacement
    try:
        yield
    finally:
        pipeline.destination = original


def qualified(client: SqlClientBase[Any], table: str) -> str:
    """A table's name as the destination's SQL has it, with dataset and quotes."""
    return client.make_qualified_table_name(table)


def quoted(client: SqlClientBase[Any], column: str) -> str:
    """A column's name as the destination's SQL has it, with quotes."""
    return client.escape_column_name(column)
