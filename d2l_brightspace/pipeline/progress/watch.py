"""Lets a display show a run: calls it, now and then, until the run is over."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from d2l_brightspace.extract.progress import Phase, RunProgress, TableProgress

from .display import ProgressDisplay, RunEnd, RunPlan

if TYPE_CHECKING:
    from d2l_brightspace.pipeline.report import RunReport

logger = logging.getLogger(__name__)
_JOIN_SECONDS = 5.0


class Watch:
    """One run, and the display that shows it.

    Args:
        display: Shows it; None to show nothing.
        plan: What the run is going to do.

    Attributes:
        progress: What the run counts.
        report: What it did, once that is known.
    """

    def __init__(self, display: ProgressDisplay | None, plan: RunPlan) -> None:
        table_over = None if display is None else self._note
        self.progress = RunProgress(plan.tables, table_over)
        self.report: RunReport | None = None
        self._display = display
        self._plan = plan
        self._over: deque[TableProgress] = deque()
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._is_over = False
        self._thread: threading.Thread | None = None

    def enter(self, phase: Phase) -> None:
        """Begin another phase."""
        self.progress.phase = phase
        self._show(lambda display: display.enter(self.progress.snapshot()))

    def begin(self) -> None:
        """Show what the run is going to do, and then how far it is, until `end` is called."""
        self._show(lambda display: display.begin(self._plan))
        if self._display is not None:
            self._thread = threading.Thread(
                target=self._update, name="d2l-brightspace-progress", daemon=True
            )
            self._thread.start()

    def end(self, error: BaseException | None = None) -> None:
        """Show what came of the run; afterwards nothing is shown any more."""
        self._is_over = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
        seconds = time.monotonic() - self.progress.began
        name = None if error is None else _class_of(error)
        self._show(lambda display: display.end(RunEnd(seconds, self.report, name)))

    def _note(self, table: TableProgress) -> None:
        self._over.append(table)
        self._wake.set()

    def _update(self) -> None:
        display = self._display
        interval = display.interval_seconds if display is not None else 0.0
        due = time.monotonic() + interval
        while not self._is_over:
            self._wake.wait(max(due - time.monotonic(), 0.0))
            self._wake.clear()
            if self._is_over:
                return
            if time.monotonic() < due:
                self._show(lambda _display: None)
                continue
            self._show(lambda display: display.update(self.progress.snapshot()))
            due = time.monotonic() + interval

    def _show(self, call: Callable[[ProgressDisplay], object]) -> None:
        """Show the tables that are over, and then something else."""
        with self._lock:
            if self._display is None:
                return
            try:
                while self._over:
                    self._display.table_over(self._over.popleft())
                call(self._display)
            except Exception as error:  # noqa: BLE001  # such as a pipe that nobody reads
                display, self._display = self._display, None
                with suppress(Exception):
                    display.end(RunEnd(0.0))
                logger.warning("The run is not shown any more (%s)", type(error).__name__)


def _class_of(error: BaseException) -> str:
    from d2l_brightspace.dlt_compat.messages import unwrapped  # here, for dlt is slow to import

    return type(unwrapped(error)).__name__


@contextmanager
def watch(display: ProgressDisplay | None, plan: RunPlan) -> Iterator[Watch]:
    """Show a run for as long as it lasts."""
    watched = Watch(display, plan)
    try:
        watched.begin()
        yield watched
    except BaseException as error:
        watched.end(error)
        raise
    watched.end()
