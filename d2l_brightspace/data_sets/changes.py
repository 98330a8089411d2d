"""What changed about data sets: the table `data_set_changes`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime, timezone
from typing import Any

import dlt

from d2l_brightspace.endpoints.columns import text, timestamp
from d2l_brightspace.printable import printable

DATA_SET_CHANGES = "data_set_changes"
CHANGES_HINTS: dict[str, Any] = {
    "write_disposition": "merge",
    "primary_key": ["data_set", "change", "detail", "load_id"],
    "columns": {
        "data_set": text("Table of the data set.", required=True),
        "change": text(
            "new, renamed, retired, version, new_column, missing_column or key.", required=True
        ),
        "detail": text("What is new, or what was before and is now.", required=True),
        "noticed_at": timestamp("When it was noticed (UTC)."),
        "load_id": text("Run that noticed it.", required=True),
    },
}
logger = logging.getLogger(__name__)


class Changes:
    """What one run notices of one data set.

    Args:
        table: Table of the data set.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        self._found: list[tuple[str, str]] = []

    def note(self, change: str, detail: str) -> None:
        """Note a change."""
        logger.warning("%s: %s: %s", self._table, change, printable(detail))
        self._found.append((change, detail))

    def rows(self, load_id: str) -> Iterator[Any]:
        """Rows of `data_set_changes`, for dlt; each is given once."""
        found, self._found = self._found, []
        if found:
            rows = [_row(self._table, change, detail, load_id) for change, detail in found]
            yield dlt.mark.with_table_name(rows, DATA_SET_CHANGES)


def changes_of_list(
    now: Mapping[str, tuple[str, str]], state: MutableMapping[str, Any], load_id: str
) -> list[dict[str, Any]]:
    """What the tenant offers for the first time, or no more.

    Args:
        now: Table and name of each data set on offer, by identity.
        state: Keeps what was on offer before.
        load_id: The run.
    """
    before = state.get("offered")
    state["offered"] = {identity: list(one) for identity, one in now.items()}
    if before is None:
        return []
    return [
        *(_row(now[one][0], "new", now[one][1], load_id) for one in now if one not in before),
        *(_row(*_as_retired(before[one]), load_id) for one in before if one not in now),
    ]


def _as_retired(entry: list[str]) -> tuple[str, str, str]:
    table, name = entry
    return table, "retired", name


def _row(table: str, change: str, detail: str, load_id: str) -> dict[str, Any]:
    return {
        "data_set": table,
        "change": change,
        "detail": detail[:1000],
        "noticed_at": datetime.now(timezone.utc),
        "load_id": load_id,
    }
