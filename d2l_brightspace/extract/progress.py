"""How far a run is: counted by whoever reads, looked at by whoever shows it.

Within `count_progress()` the tables of a source count what they do; outside of it, as in plain
`pipeline.run()`, what they count is thrown away. Counting is on the way of every row, so that it
takes no lock of its own: each counter has one writer, or writers that share a lock already, and
who looks at it may see one number a moment older than another.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal

from d2l_brightspace.client.activity import Activity, ActivityCounts, Wait

TableState = Literal["to read", "reading", "read", "failed"]
Phase = Literal["connecting", "reading", "normalizing", "loading"]


@dataclass
class TableProgress:
    """How far one table is.

    Attributes:
        resource: Name of its resource.
        table: Its name in dlt's schema.
        state: `failed` where nothing of it is loaded in this run.
        rows: Rows read so far.
        began: When the first request for it was sent, in seconds of a monotonic clock.
        ended: When the newest answer had arrived.
        courses: Courses of which its rows are read, where it is read course by course.
        skipped: Requests that were skipped, by the class of the error.
        doing: What is done for it just now.
        bytes: Bytes downloaded for it.
        error: Class of the error by which it failed.
    """

    resource: str
    table: str = ""
    state: TableState = "to read"
    rows: int = 0
    began: float | None = None
    ended: float | None = None
    courses: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    doing: Literal["", "downloading", "converting"] = ""
    bytes: int = 0
    error: str | None = None

    @property
    def seconds(self) -> float | None:
        """From the first request for it to the last answer; None where there was none."""
        return None if self.began is None or self.ended is None else self.ended - self.began

    @property
    def is_over(self) -> bool:
        """Whether nothing more is read for it."""
        return self.state in ("read", "failed")

    @property
    def is_converted(self) -> bool:
        """Whether a data set waits for nothing but dlt to take it."""
        return self.is_over or (self.ended is not None and not self.doing)

    def receiver(self) -> Callable[[int], None]:
        """What counts the bytes of one more file, told how many are there."""
        before = self.bytes

        def received(size: int) -> None:
            self.bytes = before + size

        return received

    def skip(self, error: BaseException) -> None:
        """Count a request that is skipped."""
        self.skipped[type(error).__name__] += 1


@dataclass
class CourseProgress:
    """How far the tables are that one reading takes course by course.

    Attributes:
        tables: Those tables.
        is_limited: Whether not all courses are wanted, so that nobody knows how many are.
        found: Courses found so far.
        is_complete: Whether that is all of them.
        began: When the first were found, in seconds of a monotonic clock.
    """

    tables: Sequence[TableProgress] = ()
    is_limited: bool = False
    found: int = 0
    is_complete: bool = False
    began: float | None = None

    def find(self, number: int) -> None:
        """Count courses that were found."""
        self.found += number
        if self.began is None:
            self.began = time.monotonic()

    @property
    def lists(self) -> int:
        """How many lists all courses have together."""
        return self.found * len(self.tables)

    @property
    def lists_done(self) -> int:
        """How many of these are read, or will not be."""
        return sum(
            self.found if table.is_over else min(table.courses, self.found) for table in self.tables
        )


@dataclass(frozen=True)
class Snapshot:
    """How far a run is at one moment.

    Attributes:
        phase: What it does.
        seconds: Since it began.
        tables: Tables to be read.
        tables_read: Those that are read.
        tables_failed: Those that failed.
        courses: Courses found so far; None where no table is read course by course.
        courses_done: How many of them are done: half of all lists counts as half of the courses.
        courses_complete: Whether all courses are found.
        data_sets: Data sets to be looked at; None where it is not about them, or not known yet.
        data_sets_done: Those that are converted, skipped or had nothing new.
        rows: Rows read.
        bytes: Bytes of files downloaded.
        skipped: Requests skipped.
        activity: Requests, credits, and what waits.
        doing: What is done just now, by table.
        seconds_left: By the pace so far; None where that cannot be said.
    """

    phase: Phase
    seconds: float
    tables: int = 0
    tables_read: int = 0
    tables_failed: int = 0
    courses: int | None = None
    courses_done: int = 0
    courses_complete: bool = False
    data_sets: int | None = None
    data_sets_done: int = 0
    rows: int = 0
    bytes: int = 0
    skipped: int = 0
    activity: ActivityCounts = field(default_factory=ActivityCounts)
    doing: Sequence[tuple[str, str]] = ()
    seconds_left: float | None = None


class RunProgress:
    """What one run counts.

    Args:
        tables: Names of the resources that it reads.
        table_over: Called with a table that was read or has failed, in the thread that reads it.
        writes_load_runs: Whether a row of `load_runs` will be written.

    Attributes:
        phase: What the run does.
        tables: Its tables, by resource.
        started_at: When the run began.
    """

    def __init__(
        self,
        tables: Iterable[str] = (),
        table_over: Callable[[TableProgress], object] | None = None,
        *,
        writes_load_runs: bool = False,
    ) -> None:
        self.began = time.monotonic()
        self.started_at = datetime.now(timezone.utc)
        self.phase: Phase = "connecting"
        self.tables = {name: TableProgress(name, name) for name in tables}
        self.writes_load_runs = writes_load_runs
        self._table_over = table_over
        self._lock = threading.Lock()
        self._courses: list[CourseProgress] = []
        self._sessions: list[tuple[Activity, ActivityCounts]] = []
        self._data_sets: int | None = None
        self._done_once: set[str] = set()

    # -- what those who read call ----------------------------------------------------------------

    def table(self, resource: str, table: str | None = None) -> TableProgress:
        """Where to count what is done for a table.

        Args:
            resource: Name of its resource.
            table: Its name in dlt's schema, if that is another.
        """
        with self._lock:
            found = self.tables.setdefault(resource, TableProgress(resource, resource))
            found.table = table or found.table
            return found

    def courses(self, tables: Sequence[TableProgress], *, is_limited: bool) -> CourseProgress:
        """Where to count the courses of one reading; the arguments are those of its class."""
        found = CourseProgress(tables, is_limited)
        with self._lock:
            self._courses.append(found)
        return found

    def finish(self, resource: str, error: BaseException | None = None) -> None:
        """Note that a table is read, or why it failed."""
        table = self.table(resource)
        table.state = "read" if error is None else "failed"
        table.error = None if error is None else type(error).__name__
        table.doing = ""
        if self._table_over is not None:
            self._table_over(table)

    def watch(self, activity: Activity) -> None:
        """Count what a session does from now on."""
        with self._lock:
            if all(activity is not known for known, _ in self._sessions):
                self._sessions.append((activity, activity.counts()))

    def is_first(self, what: str) -> bool:
        """Whether something is to be done that one does for all."""
        with self._lock:
            is_first = what not in self._done_once
            self._done_once.add(what)
            return is_first

    def expect_data_sets(self, number: Callable[[], int]) -> None:
        """Note how many data sets there are to do; asks once."""
        with self._lock:
            if self._data_sets is None:
                self._data_sets = number()

    def finish_data_set(self, resource: str, error: BaseException | None = None) -> None:
        """Note that a data set is done, or why it was skipped."""
        if error is not None:
            self.table(resource).skip(error)
        self.finish(resource, error)

    # -- what those who show it call -------------------------------------------------------------

    def activity(self) -> ActivityCounts:
        """What all sessions have done since they were watched."""
        with self._lock:
            counts = [one.counts().since(before) for one, before in self._sessions]
        spent = [one.credits_spent for one in counts if one.credits_spent is not None]
        left = [one.credits_left for one in counts if one.credits_left is not None]
        waits = [one.wait for one in counts if one.wait is not None]
        return ActivityCounts(
            sum(one.requests for one in counts),
            sum(spent) if spent else None,
            min(left, default=None),
            max((one.waited_seconds for one in counts), default=0.0),
            max(waits, key=_urgency, default=None),
        )

    def snapshot(self) -> Snapshot:
        """How far it is now."""
        now = time.monotonic()
        with self._lock:
            tables = [*self.tables.values()]
            courses = [one for one in self._courses if one.tables]
            data_sets = self._data_sets
        lists, done = sum(one.lists for one in courses), sum(one.lists_done for one in courses)
        found = max((one.found for one in courses), default=None)
        is_known = bool(courses) and not any(one.is_limited for one in courses)
        complete = is_known and all(one.is_complete for one in courses)
        began = min((one.began for one in courses if one.began is not None), default=now)
        left = _seconds_left(done, lists, now - began) if complete else None
        data_sets_done = 0
        if data_sets is not None:
            data_sets_done = min(sum(one.is_converted for one in tables), data_sets)
            left = _seconds_left(data_sets_done, data_sets, now - self.began)
        return Snapshot(
            self.phase,
            now - self.began,
            len(tables),
            sum(one.state == "read" for one in tables),
            sum(one.state == "failed" for one in tables),
            found,
            (done * (found or 0)) // lists if lists else 0,
            complete,
            data_sets,
            data_sets_done,
            sum(one.rows for one in tables),
            sum(one.bytes for one in tables),
            sum(one.skipped.total() for one in tables),
            self.activity(),
            [(one.table, one.doing) for one in tables if one.doing],
            left if self.phase == "reading" else None,
        )


def _urgency(wait: Wait) -> tuple[bool, float]:
    # what holds all requests back comes before the delay of a single one
    return wait.reason != "retry", wait.seconds


def _seconds_left(done: int, of: int, seconds: float) -> float | None:
    # before that, one slow answer decides
    if done < max(of * _LEAST_SHARE, 3) or done >= of:
        return None
    return seconds * (of - done) / done


_LEAST_SHARE = 0.02
_progress: ContextVar[RunProgress | None] = ContextVar("progress", default=None)


@contextmanager
def count_progress(progress: RunProgress) -> Iterator[RunProgress]:
    """Let the tables of an extraction count what they do."""
    token = _progress.set(progress)
    try:
        yield progress
    finally:
        _progress.reset(token)


def current_progress() -> RunProgress:
    """Where to count; outside of `count_progress` a place that nobody looks at."""
    return _progress.get() or RunProgress()
