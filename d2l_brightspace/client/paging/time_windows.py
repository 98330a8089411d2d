"""Splitting a list by time, so that its parts can be read side by side.

A bookmark chain goes one page after the other. A route with a real range filter (the logs:
`dateRangeStart`, `dateRangeEnd`) can be read in windows of time, each with a chain of its own. A
chain is split while it is read, whenever nobody else has anything to do: what it has read so far
says how much is to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from d2l_brightspace.timestamps import utc_milliseconds

from .pages import value_of

_SEAM = timedelta(milliseconds=1)
_SHORTEST = timedelta(seconds=2)
_PAGES_WORTH_A_WINDOW = 10
"""Each window ends with a page that is not full, so fewer would cost more than they save."""


@dataclass
class TimeWindow:
    """The part of a list between two moments, and how far it was read.

    Attributes:
        field: The row's time.
        end: Where it ends; None for a window that is open, for what is written meanwhile.
    """

    field: str
    end: datetime | None = None
    _first: datetime | None = None
    _last: datetime | None = None
    _rows: int = 0
    _pages: int = 0

    def note(self, rows: Sequence[Any]) -> None:
        """Take notice of a page that was read."""
        times = [moment for row in rows if (moment := _moment(value_of(row, self.field)))]
        if not times:
            return
        self._first = self._first or min(times)
        self._last = max(times)
        self._rows += len(rows)
        self._pages += 1

    def split(self) -> tuple[str, TimeWindow] | None:
        """Cut off the later half of what is left; None if it is so short that it is not worth it.

        Neighbours share two milliseconds, so that no row at a seam is lost, whether Brightspace
        takes the ends in or leaves them out; the rows read twice are merged by their key.

        Returns:
            Start of the new window, and the window.
        """
        if self._first is None or self._last is None or self._last <= self._first:
            return None
        left = (self.end or datetime.now(timezone.utc)) - self._last
        # a guess from how far these pages reach; a wrong one costs speed, not rows
        pages_left = self._pages * (left / (self._last - self._first))
        if left < _SHORTEST or pages_left < _PAGES_WORTH_A_WINDOW:
            return None
        middle = self._last + left / 2
        later = TimeWindow(self.field, self.end)
        self.end = middle + _SEAM
        return utc_milliseconds(middle - _SEAM), later


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)[:19]).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
