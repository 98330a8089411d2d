"""What a database that an earlier version has loaded needs before this one goes on."""

from __future__ import annotations

import dlt
from dlt.sources import DltSource

from d2l_brightspace.dlt_compat import columns
from d2l_brightspace.endpoints import ENDPOINTS

_DELETED = "_deleted"
"""Was null in every row: only rows that stood for emptied lists, on the way, had a value."""


def forget_obsolete_columns(pipeline: dlt.Pipeline, source: DltSource) -> list[str]:
    """Let the next load write tables without columns that have no use any more.

    Called when nothing is pending, since what was extracted before may hold them.

    Returns:
        The tables that had one.
    """
    replaced = [name for name, one in ENDPOINTS.items() if one.replaces is not None]
    return columns.forget_column(pipeline, source.schema.name, replaced, _DELETED)


def drop_obsolete_columns(pipeline: dlt.Pipeline, tables: list[str]) -> None:
    """Drop those columns in the database, once a load has stored the schema without them."""
    if tables:
        columns.drop_column(pipeline, tables, _DELETED)
