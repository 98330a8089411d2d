"""Rows that were deleted for good: those that a table holds and its new full does not.

No differential tells of them; a full does by their absence. Asked for by a setting, because the
keys of the whole table are read for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.common import json

from d2l_brightspace.endpoints.columns import text, timestamp

from .deduplicate import MEMORY
from .table_layout import Layout

DELETED_ROWS = "deleted_rows"
DELETED_HINTS: dict[str, Any] = {
    "write_disposition": "merge",
    "primary_key": ["data_set", "key", "created"],
    "columns": {
        "data_set": text("Table of the data set.", required=True),
        "key": text("The key of the row that is gone, as a JSON object.", required=True),
        "created": timestamp("When the full was made that has it no more (UTC).", required=True),
        "noticed_at": timestamp("When the row was found to be gone (UTC)."),
        "load_id": text("Run that removed it."),
    },
}
_ROWS_AT_ONCE = 50_000


def keys_in_table(table: str, layout: Layout) -> Iterator[list[tuple[Any, ...]]]:
    """The keys of all rows that the destination has, some at a time."""
    with dlt.current.pipeline().sql_client() as client:
        columns = ", ".join(map(client.escape_column_name, layout.key))
        query = f"SELECT {columns} FROM {client.make_qualified_table_name(table)}"
        with client.execute_query(query) as cursor:
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield [tuple(row) for row in rows]


def keys_that_are_gone(
    before: Iterable[Sequence[tuple[Any, ...]]],
    files: Sequence[Path],
    layout: Layout,
    scratch: Path,
) -> Iterator[dict[str, Any]]:
    """The keys of a table that are in none of the files it is built anew of.

    Args:
        before: Keys of the table.
        files: Parquet files.
        layout: Their columns.
        scratch: Folder for what does not fit into memory.
    """
    schema = pa.schema([layout.schema.field(name).with_nullable(True) for name in layout.key])
    keys = ", ".join(f'"{name}"' for name in layout.key)
    with duckdb.connect(
        config={"memory_limit": MEMORY, "temp_directory": str(scratch)}
    ) as connection:
        connection.register("no_rows", schema.empty_table())
        connection.execute("CREATE TABLE keys_before AS SELECT * FROM no_rows")
        for rows in before:
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            connection.register("some_rows", pa.Table.from_arrays(columns, schema=schema))
            connection.execute("INSERT INTO keys_before SELECT * FROM some_rows")
            connection.unregister("some_rows")
        names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        gone = connection.execute(
            f"SELECT DISTINCT {keys} FROM keys_before ANTI JOIN "
            f"read_parquet([{names}], union_by_name = true) USING ({keys})"
        )
        while found := gone.fetchmany(_ROWS_AT_ONCE):
            for row in found:
                yield dict(zip(layout.key, row, strict=True))


def deleted_rows(
    table: str, gone: Iterable[dict[str, Any]], created: datetime, load_id: str
) -> list[dict[str, Any]]:
    """Rows of `deleted_rows`."""
    now = datetime.now(timezone.utc)
    return [
        {
            "data_set": table,
            "key": json.dumps(key),
            "created": created,
            "noticed_at": now,
            "load_id": load_id,
        }
        for key in gone
    ]
