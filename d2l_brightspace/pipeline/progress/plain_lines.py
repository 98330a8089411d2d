"""Lines for a log: one at once, one for each phase, one now and then in between."""

from __future__ import annotations

from d2l_brightspace.extract.progress import Snapshot, TableProgress
from d2l_brightspace.printable import printable

from . import words
from .display import RunEnd, RunPlan
from .log_lines import LogLines


class PlainLines(LogLines):
    """Shows a run as lines with a UTC time stamp."""

    yields_to_dlt = True
    _destination = ""
    _pace: words.Pace

    def line(self, text: str) -> None:
        """Write one line."""
        self.write(f"{self.now():%Y-%m-%dT%H:%M:%SZ} {text}")

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
