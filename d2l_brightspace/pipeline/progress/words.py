"""The words and figures that displays and reports have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from d2l_brightspace.client.activity import ActivityCounts
from d2l_brightspace.extract.progress import Snapshot
from d2l_brightspace.printable import printable

_WINDOW_SECONDS = 60.0
_SHOWN_WAIT_SECONDS = 1.0
"""Delays shorter than this are the usual spacing of requests."""
_PACED_SHARE = 0.3
_SHOWN_NAMES = 12


@dataclass(frozen=True)
class Rate:
    """How fast a run was in the last minute.

    Attributes:
        rows: Rows for each second.
        waited: Share of the time in which all requests were held back.
    """

    rows: float = 0.0
    waited: float = 0.0


class Pace:
    """Measures how fast a run is of late."""

    def __init__(self) -> None:
        self._seen: deque[Snapshot] = deque()

    def rate(self, now: Snapshot) -> Rate:
        """The rate up to a snapshot, which is remembered; each phase has its own."""
        if self._seen and self._seen[-1].phase != now.phase:
            self._seen.clear()
        while len(self._seen) > 1 and now.seconds - self._seen[0].seconds > _WINDOW_SECONDS:
            self._seen.popleft()
        self._seen.append(now)
        first = self._seen[0]
        seconds = now.seconds - first.seconds
        if seconds <= 0:
            return Rate()
        waited = now.activity.waited_seconds - first.activity.waited_seconds
        return Rate((now.rows - first.rows) / seconds, min(waited / seconds, 1.0))


def duration(seconds: float) -> str:
    """A time as a person says it: `0.4 s`, `41 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`."""
    if isinstance(seconds, float) and seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def number_of(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def names(found: Sequence[str], most: int = _SHOWN_NAMES) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(map(printable, found[:most]))
    return shown if len(found) <= most else f"{shown} and {len(found) - most:,} more"


def megabytes(size: int) -> str:
    """A size in MB."""
    return f"{size / 1e6:,.1f} MB"


def costs(activity: ActivityCounts) -> list[str]:
    """Requests, and credits where Brightspace reports them."""
    found = [number_of(activity.requests, "request")]
    if activity.credits_left is not None:
        found.append(number_of(round(activity.credits_left), "credit left", "credits left"))
    return found


def place(snapshot: Snapshot) -> str | None:
    """How far a run is, in courses or data sets; None where neither is counted."""
    if snapshot.data_sets is not None:
        return f"{snapshot.data_sets_done:,} of {snapshot.data_sets:,} data sets"
    if snapshot.courses is None:
        return None
    if not snapshot.courses and not snapshot.courses_complete:
        return "looking for courses"
    so_far = "" if snapshot.courses_complete else " found so far"
    return f"{snapshot.courses_done:,} of {number_of(snapshot.courses, 'course')}{so_far}"


def amounts(snapshot: Snapshot, rate: Rate) -> Iterator[str]:
    """What was read, and what it took."""
    if snapshot.bytes:
        yield megabytes(snapshot.bytes)
    yield number_of(snapshot.rows, "row")
    if rate.rows >= 1 and snapshot.phase == "reading":
        yield f"{rate.rows:,.0f} rows/s"
    yield from costs(snapshot.activity)
    if snapshot.skipped:
        yield f"{snapshot.skipped:,} skipped"
    if snapshot.tables_failed and snapshot.data_sets is None:
        yield number_of(snapshot.tables_failed, "table failed", "tables failed")


def time_left(snapshot: Snapshot) -> str | None:
    """How long it will take yet; None where that cannot be said."""
    if snapshot.seconds_left is None:
        return None
    return f"about {duration(max(round(snapshot.seconds_left), 1))} left at this pace"


def waiting(snapshot: Snapshot, rate: Rate) -> str | None:
    """What the run waits for; None where it does not wait."""
    wait = snapshot.activity.wait
    if snapshot.phase != "reading":
        return None
    if wait is not None and wait.seconds >= _SHOWN_WAIT_SECONDS:
        return _WAITS[wait.reason].format(duration(round(wait.seconds)))
    if rate.waited >= _PACED_SHARE:
        return f"slowed down by the rate limit: {rate.waited:.0%} of the time spent waiting"
    return None


_WAITS = {
    "credits": "waiting for credits of the rate limit, {} more",
    "rate limit": "waiting as Brightspace's rate limit asks for, {} more",
    "retry": "a request that failed is sent again in {}",
}
