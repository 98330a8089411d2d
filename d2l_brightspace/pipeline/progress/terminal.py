"""A display that changes in place, for a person who watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from d2l_brightspace.dlt_compat.messages import log_to
from d2l_brightspace.extract.progress import Snapshot, TableProgress
from d2l_brightspace.printable import printable

from . import words
from .display import RunEnd, RunPlan

_BAR_WIDTH = 32
_SHOWN_TASKS = 4


class Terminal:
    """Shows a run in some lines at the bottom of the screen, and clears them at its end.

    Lines of the log go above; what they are written to is put back at the end.

    Args:
        console: Where to show it; None for standard error.
        interval_seconds: Time between two changes.
    """

    yields_to_dlt = True

    def __init__(self, console: Console | None = None, interval_seconds: float = 0.5) -> None:
        self.interval_seconds = interval_seconds
        self._console = console or Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._live: Live | None = None
        self._log = ExitStack()
        self._pace = words.Pace()
        self._destination = ""

    def begin(self, plan: RunPlan) -> None:
        """Show what will be read."""
        self._pace, self._destination = words.Pace(), printable(plan.destination)
        self._console.print(
            Text(
                f"Reading {words.number_of(len(plan.tables), 'table')} into {self._destination}, "
                f"dataset {printable(plan.dataset)}: {words.names(plan.tables)}"
            )
        )
        self._live = Live(
            Text("connecting"), console=self._console, auto_refresh=False, transient=True
        )
        stderr = sys.stderr
        self._live.start(refresh=True)
        self._log.enter_context(log_to(stderr, sys.stderr))

    def enter(self, snapshot: Snapshot) -> None:
        """Show which phase has begun."""
        self.update(snapshot)

    def update(self, snapshot: Snapshot) -> None:
        """Show how far it is."""
        if self._live is not None:
            lines = self._lines(snapshot, self._pace.rate(snapshot))
            self._live.update(Group(*lines), refresh=True)

    def table_over(self, table: TableProgress) -> None:
        """Nothing: the next update counts it."""

    def end(self, end: RunEnd) -> None:
        """Clear the lines; the report comes after them."""
        live, self._live = self._live, None
        self._log.close()
        if live is not None:
            live.stop()

    def _lines(self, snapshot: Snapshot, rate: words.Rate) -> Iterator[Any]:
        into = f" into {self._destination}" if snapshot.phase == "loading" else ""
        tables = f"{snapshot.tables_read:,} of {words.number_of(snapshot.tables, 'table')} read"
        yield Text.assemble(
            (f"{snapshot.phase}{into}", "bold"),
            f"  {words.duration(snapshot.seconds)}  ",
            # of the data sets that were chosen, a tenant need not offer all
            tables if snapshot.data_sets is None else "",
        )
        place = words.place(snapshot)
        if place is not None and snapshot.phase == "reading":
            yield _bar(snapshot, place)
        yield Text(", ".join(words.amounts(snapshot, rate)))
        if snapshot.doing:
            tasks = [f"{doing} {printable(table)}" for table, doing in snapshot.doing]
            yield Text(words.names(tasks, _SHOWN_TASKS), "dim")
        waiting = words.waiting(snapshot, rate)
        if waiting is not None:
            yield Text(waiting, "yellow")


def _bar(snapshot: Snapshot, place: str) -> Table:
    done, total = snapshot.courses_done, snapshot.courses or 0
    is_known = snapshot.courses_complete
    if snapshot.data_sets is not None:
        done, total, is_known = snapshot.data_sets_done, snapshot.data_sets, True
    line = Table.grid(padding=(0, 1))
    # of how many courses is not known yet, and a share of an unknown whole says nothing
    share = min(done, total) if is_known else 0
    left = words.time_left(snapshot)
    line.add_row(
        ProgressBar(total=max(total, 1), completed=share, width=_BAR_WIDTH),
        Text(", ".join(filter(None, [place, left]))),
    )
    return line
