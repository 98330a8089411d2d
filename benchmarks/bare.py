"""A page of rows through dlt alone, without a request: what no small load can undercut."""

from __future__ import annotations

import sys

import dlt
import pyarrow as pa


def main() -> None:
    """Merge a hundred rows of Arrow; takes the arguments of `benchmarks.ours`."""
    _, table, _, database, folder = sys.argv[1:]
    pipeline = dlt.pipeline(
        "bare",
        pipelines_dir=folder,
        destination=dlt.destinations.duckdb(database),
        dataset_name="brightspace",
    )
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False)])
    rows = pa.table({"id": range(100)}, schema)
    pipeline.run(rows, table_name=table, write_disposition="merge", primary_key="id")


if __name__ == "__main__":
    main()
