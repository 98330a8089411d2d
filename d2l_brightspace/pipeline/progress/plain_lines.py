"""Lines for a log: one at once, one for each phase, one now and then in between."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TextIO

from d2l_brightspace.extract.progress import Snapshot, TableProgress
from d2l_brightspace.printable import printable

from . import words
from .display import RunEnd, RunPlan


def utc_now() -> datetime:
    """The time that a line is stamped with."""
    return datetime.now(timezone.utc)


class PlainLines:
    """Shows a run as lines with a UTC time stamp, each written out at once.

    Args:
        stream: Where to write; None for standard error.
        interval_seconds: Time between two lines of one phase.
        now: The time.
    """

    yields_to_dlt = True

    def __init__(
        self,
        stream: TextIO | None = None,
        interval_seconds: float = 30.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._stream = stream
        self._now = now
        self._pace = words.Pace()
        self._destination = ""

    def line(self, text: str) -> None:
        """Write one line."""
        stream = self._stream or sys.stderr
        if stream is None:  # it was closed before the command began
            return
        stream.write(f"{self._now():%Y-%m-%dT%H:%M:%SZ} {text}\n")
        stream.flush()

    def begin(self, plan: RunPlan) -> None:
        """Say what will be read."""
        self._pace, self._destination = words.Pace(), printable(plan.destination)
        self.line(
            f"{printable(plan.pipeline)}: will read {words.number_of(len(plan.tables), 'table')} "
            f"into {self._destination}, dataset {printable(plan.dataset)}: "
            f"{words.names(plan.tables)}"
        )

    def enter(self, snapshot: Snapshot) -> None:
        """Say which phase has begun, and what was read by then."""
        self._pace.rate(snapshot)
        if snapshot.phase == "connecting":
            self.line("connecting")
        elif snapshot.phase == "reading":
            self.line("reading")
        else:
            done = f"{words.duration(snapshot.seconds)} so far"
            parts = [*words.amounts(snapshot, words.Rate()), done]
            self.line(f"{self._phase(snapshot)}: {', '.join(parts)}")

    def update(self, snapshot: Snapshot) -> None:
        """Say how far it is."""
        rate = self._pace.rate(snapshot)
        parts = [
            words.place(snapshot) if snapshot.phase == "reading" else None,
            *words.amounts(snapshot, rate),
            words.waiting(snapshot, rate),
            words.time_left(snapshot),
            f"{words.duration(snapshot.seconds)} so far",
        ]
        self.line(f"{self._phase(snapshot)}: {', '.join(filter(None, parts))}")

    def table_over(self, table: TableProgress) -> None:
        """Nothing: a table that fails is a line of the log already."""

    def end(self, end: RunEnd) -> None:
        """Say what came of it."""
        why = f" ({end.error})" if end.error else ""
        self.line(f"ended: {end.outcome}{why}, in {words.duration(end.seconds)}")

    def _phase(self, snapshot: Snapshot) -> str:
        into = f" into {self._destination}" if snapshot.phase == "loading" else ""
        return snapshot.phase + into
