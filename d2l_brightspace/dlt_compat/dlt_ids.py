"""The ids that dlt gives to dictionaries, and neither to Arrow tables nor to files."""

from __future__ import annotations

from dlt.common.normalizers.utils import generate_dlt_ids

from . import pipes

DLT_ID = "_dlt_id"


def has_dlt_ids(table: str) -> bool | None:
    """Whether rows of the table carry dlt's id; None where there are no rows yet."""
    known = pipes.known_table(table)
    return None if known is None else DLT_ID in known["columns"]


def new_dlt_ids(count: int) -> list[str]:
    """Ids such as dlt gives to rows that it normalizes."""
    return generate_dlt_ids(count)
