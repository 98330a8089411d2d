"""Columns: those that there are, and those that nobody fills any more."""

from __future__ import annotations

import logging
from collections.abc import Collection

import dlt
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseException

logger = logging.getLogger(__name__)


def columns_of_tables(pipeline: dlt.Pipeline) -> dict[str, set[str]]:
    """The columns of all tables in a pipeline's dataset that were ever loaded into.

    Each source of a pipeline has a schema of its own, and the first one's is the default. Relies on
    `use_single_dataset` saying whether the others' tables are in the same dataset.
    """
    if not pipeline.default_schema_name:
        return {}
    is_one = pipeline.config.use_single_dataset
    found: dict[str, set[str]] = {}
    for name in pipeline.schema_names if is_one else [pipeline.default_schema_name]:
        schema = pipeline.schemas[name]
        for table in schema.data_table_names(seen_data_only=True):
            found.setdefault(table, set()).update(schema.tables[table]["columns"])
    return found


def forget_column(
    pipeline: dlt.Pipeline, schema: str, resources: Collection[str], column: str
) -> list[str]:
    """Take a column out of a pipeline's schema, so that the next load writes a table without it.

    Relies on `schemas` giving the schema that the next extraction starts from, and on a table
    naming its resource.

    Returns:
        The tables that had it.
    """
    if schema not in pipeline.schemas:
        return []
    tables = pipeline.schemas[schema].tables
    found = [
        name
        for name, table in tables.items()
        if column in table["columns"] and table.get("resource") in resources
    ]
    for name in found:
        del tables[name]["columns"][column]
    return found


def drop_column(pipeline: dlt.Pipeline, tables: Collection[str], column: str) -> None:
    """Drop a column that a schema has forgotten; where that cannot be done it stays, and is null.

    Relies on the destination taking `ALTER TABLE … DROP COLUMN`, as SQL databases do.
    """
    try:
        opened = pipeline.sql_client()
    except SqlClientNotAvailable:
        return
    with opened as client:
        name = client.escape_column_name(column)
        for table in tables:
            try:
                place = client.make_qualified_table_name(table)
                client.execute_sql(f"ALTER TABLE {place} DROP COLUMN {name}")
            except DatabaseException as error:
                logger.warning(
                    "The column %s of %s has no use any more and could not be dropped (%s). Drop "
                    "it by hand if it is in the way.",
                    *(column, table, type(error).__name__),
                )
