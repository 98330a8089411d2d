"""The tables beside the data: what each extract brought, and the rows that could not be loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timezone
from typing import Any

from dlt.common import json

from d2l_brightspace.endpoints.columns import count, flag, identifier, personal, text, timestamp

from .changes import CHANGES_HINTS, DATA_SET_CHANGES
from .csv_to_arrow import BadRow, Converted
from .deleted import DELETED_HINTS, DELETED_ROWS
from .dictionary import codes, table_name
from .planning import Extract

EXTRACTS_LOADED = "extracts_loaded"
BAD_ROWS = "bad_rows"

_SECONDS = {
    "data_type": "double",
    "nullable": True,
    "description": "Time to download and convert it.",
}
_EXTRACT = {
    "data_set": text("Table of the data set.", required=True),
    "kind": text("full or differential.", required=True),
    "created": timestamp("When Data Hub made the extract (UTC).", required=True),
}

AUDIT_TABLES: dict[str, dict[str, Any]] = {
    EXTRACTS_LOADED: {
        "write_disposition": "merge",
        "primary_key": [*_EXTRACT],
        "columns": {
            **_EXTRACT,
            "reason": text("Why a full was taken; newer where a differential was added."),
            "version": text("Version of the data sets' schema."),
            "rows_in_file": count("Rows below the header."),
            "rows_loaded": count("Rows that went to the table, or to the steps of a user."),
            "rows_older": count("Rows left out for a newer version in another extract of the run."),
            "rows_disappeared": count("Rows the table had and this full has not; if counted."),
            "rows_inserted": count("Rows that were new; known only where the table was empty."),
            "rows_marked_deleted": count("Rows whose IsDeleted is true; null without the column."),
            "rows_bad": count("Rows that went to bad_rows."),
            "bytes": count("Size of the download."),
            "seconds": _SECONDS,
            "missing_columns": text("Documented columns that it lacks."),
            "unknown_columns": text("Columns that nobody documents; loaded as text."),
            "gap": flag("Whether differentials before it were lost; the next full is taken."),
            "load_id": text("Run that loaded it; the load_id in _dlt_loads."),
        },
    },
    DATA_SET_CHANGES: CHANGES_HINTS,
    DELETED_ROWS: DELETED_HINTS,
    BAD_ROWS: {
        "write_disposition": "merge",
        "primary_key": [*_EXTRACT, "line"],
        "columns": {
            **_EXTRACT,
            "line": identifier("Line of the file, 1 being the header.", required=True),
            "column": text("Column with the bad value; null for a whole row."),
            "problem": text("What is wrong."),
            "cells": personal("The row as a JSON array of its cells.", kind="free_text"),
            "load_id": text("Run that met it."),
        },
    },
}
"""dlt's hints of the two tables."""


CODES = "codes"
CODES_HINTS: dict[str, Any] = {
    "write_disposition": "merge",
    "primary_key": ["data_set", "column", "code"],
    "columns": {
        "data_set": text("Table of the data set.", required=True),
        "column": text("Column of the table.", required=True),
        "code": text("What the column holds; cast a number to text to compare.", required=True),
        "meaning": text("What it means; null where the code speaks for itself."),
    },
}


def code_rows(normalize: Callable[[str], str]) -> list[dict[str, Any]]:
    """Rows of `codes`: what D2L documents of the codes in the tables.

    Args:
        normalize: Column name in the CSV to column name in the table.
    """
    return [
        {
            "data_set": table_name(one.data_set),
            "column": normalize(one.column),
            "code": one.code,
            "meaning": one.meaning or None,
        }
        for one in codes()
    ]


def extract_loaded(
    table: str,
    extract: Extract,
    converted: Converted,
    older: int,
    **more: Any,
) -> dict[str, Any]:
    """One row of `extracts_loaded`.

    Args:
        table: Table of the data set.
        extract: The extract.
        converted: What became of its CSV.
        older: Rows that were left out for newer versions of them.
        more: The other columns.
    """
    return {
        "data_set": table,
        "kind": extract.kind,
        "created": extract.created,
        "version": extract.version,
        "rows_in_file": converted.rows_in_file,
        "rows_loaded": converted.rows - older,
        "rows_older": older,
        "rows_bad": len(converted.bad),
        "bytes": extract.size,
        **more,
    }


def bad_rows(
    table: str, extract: Extract, found: Sequence[BadRow], load_id: str
) -> Iterator[dict[str, Any]]:
    """Rows of `bad_rows`."""
    for row in found:
        yield {
            "data_set": table,
            "kind": extract.kind,
            "created": extract.created.astimezone(timezone.utc),
            "line": row.line,
            "column": row.column,
            "problem": row.problem,
            "cells": json.dumps([_printable(cell) for cell in row.cells]),
            "load_id": load_id,
        }


def _printable(cell: str) -> str:
    return cell.encode("utf-8", "replace").decode("utf-8")
