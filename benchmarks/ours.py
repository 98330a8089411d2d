"""Ours: the source and `run`, as the README has them."""

from __future__ import annotations

import sys

import dlt

from d2l_brightspace import BearerAuth, d2l_brightspace_source, run


def main() -> None:
    """Load one work: base address, tables, courses, DuckDB file, working folder."""
    base, tables, courses, database, folder = sys.argv[1:]
    pipeline = dlt.pipeline(
        "ours",
        pipelines_dir=folder,
        destination=dlt.destinations.duckdb(database),
        dataset_name="brightspace",
    )
    source = d2l_brightspace_source(
        base,
        BearerAuth(token="benchmark"),
        org_unit_ids=range(1, int(courses) + 1),
        start_date="2020-01-01",
        tables=tables.split(","),
    )
    run(pipeline, source)


if __name__ == "__main__":
    main()
