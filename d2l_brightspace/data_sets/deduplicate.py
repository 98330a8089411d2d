"""One row for each key: of several versions of a row, only the newest goes to the destination.

A full and the differentials after it may hold the same row many times. The higher Version wins,
then the later LastModified, then the later extract, then the later row of it. DuckDB does the
comparing on the Parquet files, with a bound on its memory, so that a table of any size can pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from .table_layout import LOAD_ID, Layout

MEMORY = "256MB"
ROWS_AT_ONCE = 50_000
FEW_ROWS = 200_000
"""So many keys are compared in memory."""


class KeyTooSmall(Exception):
    """A file holds different rows under one key, none of which is the newer: the key has grown.

    Args:
        number: Which of the files.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def deduplicate(
    files: Sequence[Path],
    layout: Layout,
    scratch: Path,
    written: Callable[[Path, int], object] = lambda _path, _size: None,
    *,
    has_full: bool = False,
) -> list[int]:
    """Remove older versions of rows from Parquet files, in place.

    Args:
        files: The extracts, oldest first.
        layout: Their columns.
        scratch: Folder for what does not fit into memory.
        written: Called with each file that is written anew, and its size.
        has_full: Whether the first file is a full, which holds each row once.

    Returns:
        How many rows each file lost.

    Raises:
        KeyTooSmall: If rows would be lost that no other row is a newer version of.
    """
    if not layout.key or not files or _are_few_and_distinct(files, layout):
        return [0] * len(files)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(scratch),
    }
    with duckdb.connect(config=settings) as connection:
        _find_repeated_keys(connection, files, layout)
        _check_key(connection, files, layout, has_full=has_full)
        lost = _find_older_rows(connection, files, layout)
        for number, path in enumerate(files):
            if lost[number]:
                twin = path.with_suffix(".newest")
                written(twin, path.stat().st_size)
                _rewrite(connection, number, path, twin)
                written(path, twin.stat().st_size)
                twin.replace(path)
                written(twin, 0)
    return lost


def _are_few_and_distinct(files: Sequence[Path], layout: Layout) -> bool:
    """Whether no key is repeated, as far as memory alone can tell.

    A database that is made and thrown away costs 40 ms of CPU, and a daily run has 140 data sets
    with a few rows each.
    """
    keys = []
    for path in files:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > FEW_ROWS:
                return False
            keys.append(file.read(layout.key, use_threads=False))
    together = pa.concat_tables(keys, promote_options="permissive")
    if together.num_rows > FEW_ROWS:
        return False
    distinct = together.group_by(layout.key, use_threads=False).aggregate([])
    return bool(distinct.num_rows == together.num_rows)


def _find_repeated_keys(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], layout: Layout
) -> None:
    keys = _quoted(layout.key)
    union = " UNION ALL ".join(f"SELECT {keys} FROM {_parquet(path)}" for path in files)
    connection.execute(
        f"CREATE TEMP TABLE repeated AS "
        f"SELECT {keys} FROM ({union}) GROUP BY ALL HAVING count(*) > 1"
    )


def _check_key(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], layout: Layout, *, has_full: bool
) -> None:
    if not connection.execute("SELECT 1 FROM repeated LIMIT 1").fetchone():
        return
    keys = _quoted(layout.key)
    for number, path in enumerate(files):
        order = [] if has_full and number == 0 else layout.order
        found = connection.execute(
            f"SELECT 1 FROM (SELECT DISTINCT * EXCLUDE ({_quoted(layout.ours)}, file_row_number) "
            f"FROM {_parquet(path)} SEMI JOIN repeated USING ({keys})) "
            f"GROUP BY {_quoted([*layout.key, *order])} HAVING count(*) > 1 LIMIT 1"
        ).fetchone()
        if found:
            raise KeyTooSmall(number)


def column_that_tells_rows_apart(
    path: Path, layout: Layout, candidates: Sequence[str]
) -> str | None:
    """The first of some columns with which the key names every row of a file, and is never null."""
    keys = _quoted(layout.key)
    with duckdb.connect() as connection:
        for name in candidates:
            row = connection.execute(
                f'SELECT count(*), count(DISTINCT ({keys}, "{name}")), count("{name}") '
                f"FROM {_parquet(path)}"
            ).fetchone()
            if row and row[0] == row[1] == row[2]:
                return name
    return None


def _find_older_rows(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], layout: Layout
) -> list[int]:
    keys = _quoted(layout.key)
    union = " UNION ALL ".join(
        f"SELECT {keys}, {_quoted(layout.order, 'NULL')}, {number} AS file, file_row_number "
        f"FROM {_parquet(path)} SEMI JOIN repeated USING ({keys})"
        for number, path in enumerate(files)
    )
    order = [f'"{name}" DESC NULLS LAST' for name in layout.order]
    newest_first = ", ".join([*order, "file DESC", "file_row_number DESC"])
    connection.execute(
        f"CREATE TEMP TABLE older AS SELECT file, file_row_number FROM ({union}) "
        f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {newest_first}) > 1"
    )
    counts = connection.execute("SELECT file, count(*) FROM older GROUP BY file").fetchall()
    return [dict(counts).get(number, 0) for number in range(len(files))]


def _rewrite(connection: duckdb.DuckDBPyConnection, number: int, path: Path, target: Path) -> None:
    kept = connection.sql(
        f"SELECT * EXCLUDE (file_row_number) FROM {_parquet(path)} ANTI JOIN "
        f"(SELECT file_row_number FROM older WHERE file = {number}) USING (file_row_number)"
    )
    # not that of the table: a file may be older than one of its columns
    schema = pq.read_schema(path)
    with pq.ParquetWriter(
        target, schema, compression="none", use_dictionary=[LOAD_ID], write_statistics=False
    ) as writer:
        for batch in kept.to_arrow_reader(ROWS_AT_ONCE):
            # the types are the same, but for what Arrow calls a time zone and a nullable column
            arrays = [
                column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)
            ]
            writer.write_batch(batch.from_arrays(arrays, schema=schema))


def _parquet(path: Path) -> str:
    name = str(path).replace("'", "''")
    return f"read_parquet('{name}', file_row_number = true)"


def _quoted(names: Sequence[str], otherwise: str = "") -> str:
    return ", ".join(f'"{name}"' for name in names) or otherwise
