"""Splitting a list by time, so that its parts can be read side by side.

A bookmark chain goes one page after the other. A route with a real range filter (the logs:
`dateRangeStart`, `dateRangeEnd`) can be read in windows of time, each with a chain of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from math import ceil
from typing import Any

from d2l_brightspace.timestamps import utc_milliseconds as utc

_SEAM = timedelta(milliseconds=1)
_PAGES_WORTH_A_WINDOW = 3
_ROWS_AT_ONCE = 200_000


@dataclass(frozen=True)
class Range:
    """The range filter of a route: two query parameters and the row's field they are about."""

    start: str
    end: str
    field: str


@dataclass(frozen=True)
class Plan:
    """How to read on.

    Attributes:
        windows: Starts and ends to read side by side; the last may have no end.
        rest_from: Where the part begins that is to be read after these; None if nothing is left.
    """

    windows: Sequence[tuple[str, str | None]]
    rest_from: str | None


def plan(rows: Sequence[Any], field: str, since: str, pages_read: int, most: int) -> Plan | None:
    """Windows for a list whose beginning is known.

    Neighbours share two milliseconds, so that no message at a seam is lost, whether Brightspace
    takes the ends in or leaves them out; the rows read twice are merged by their key.

    Args:
        rows: First and last page read so far; more are to come.
        field: The row's time.
        since: Start of the range.
        pages_read: How many pages the rows stand for.
        most: How many windows may be read side by side.

    Returns:
        None if the list is so short that reading it page by page is no slower.
    """
    start, now = _moment(since), datetime.now(timezone.utc)
    times = [moment for row in rows if (moment := _moment(row.get(field)))]
    if start is None or not times or max(times) >= now:
        return None
    # a guess from how far these pages reach; a wrong one costs speed, not rows
    oldest = min(times)
    pages = pages_read * ((now - oldest) / max(max(times) - oldest, _SEAM))
    count = min(int(pages / _PAGES_WORTH_A_WINDOW), most)
    if count < 2:
        return None
    spans = max(ceil(pages * len(rows) / 2 / _ROWS_AT_ONCE), 1)
    end = oldest + (now - oldest) / spans
    edges = [oldest + (end - oldest) * number / count for number in range(count + 1)]
    edges[0] = start + _SEAM
    windows: list[tuple[str, str | None]] = [
        (utc(before - _SEAM), utc(after + _SEAM)) for before, after in pairwise(edges)
    ]
    if spans > 1:
        return Plan(windows, utc(end - _SEAM))
    # messages that are written meanwhile belong to the last one
    return Plan([*windows[:-1], (windows[-1][0], None)], None)


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)[:19]).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
