"""Lines for programs: one JSON object for each event."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

from d2l_brightspace.extract.progress import Snapshot, TableProgress

from .display import RunEnd, RunPlan
from .plain_lines import utc_now


class JsonLines:
    """Shows a run as JSON objects, one a line, each with `at` (UTC) and `event`.

    The events are `run_started`, `phase`, `progress`, `table_finished`, `table_failed`, `skipped`
    (how many by now, whenever there are more) and `run_finished`.

    Args:
        stream: Where to write; None for standard error.
        interval_seconds: Time between two events `progress`.
        now: The time.
    """

    yields_to_dlt = False

    def __init__(
        self,
        stream: TextIO | None = None,
        interval_seconds: float = 30.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._stream = stream
        self._now = now
        self._skipped = 0

    def event(self, event: str, **values: Any) -> None:
        """Write one event."""
        stream = self._stream or sys.stderr
        if stream is None:  # it was closed before the command began
            return
        at = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stream.write(json.dumps({"at": at, "event": event, **values}) + "\n")
        stream.flush()

    def begin(self, plan: RunPlan) -> None:
        """The event `run_started`."""
        self._skipped = 0
        self.event(
            "run_started",
            pipeline=plan.pipeline,
            source=plan.source,
            destination=plan.destination,
            dataset=plan.dataset,
            tables=list(plan.tables),
        )

    def enter(self, snapshot: Snapshot) -> None:
        """The event `phase`."""
        self._count_skipped(snapshot)
        self.event("phase", **as_json(snapshot))

    def update(self, snapshot: Snapshot) -> None:
        """The event `progress`, and `skipped` where more was skipped since the last one."""
        self._count_skipped(snapshot)
        self.event("progress", **as_json(snapshot))

    def table_over(self, table: TableProgress) -> None:
        """The event `table_finished` or `table_failed`."""
        failed = table.state == "failed"
        seconds = None if table.seconds is None else round(table.seconds, 3)
        self.event(
            "table_failed" if failed else "table_finished",
            table=table.table,
            rows=table.rows,
            seconds=seconds,
            skipped=table.skipped.total(),
            **({"error": table.error} if failed else {}),
        )

    def end(self, end: RunEnd) -> None:
        """The event `run_finished`, with the report where there is one."""
        self.event(
            "run_finished",
            outcome=end.outcome,
            seconds=round(end.seconds, 3),
            error=end.error,
            report=None if end.report is None else end.report.as_json(),
        )

    def _count_skipped(self, snapshot: Snapshot) -> None:
        if snapshot.skipped > self._skipped:
            self._skipped = snapshot.skipped
            self.event("skipped", count=snapshot.skipped)


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """The figures of a snapshot; null where they are not known."""
    activity, left = snapshot.activity, snapshot.seconds_left
    wait = activity.wait
    return {
        "phase": snapshot.phase,
        "seconds": round(snapshot.seconds, 3),
        "tables": snapshot.tables,
        "tables_read": snapshot.tables_read,
        "tables_failed": snapshot.tables_failed,
        "courses": snapshot.courses,
        "courses_done": None if snapshot.courses is None else snapshot.courses_done,
        "courses_complete": None if snapshot.courses is None else snapshot.courses_complete,
        "data_sets": snapshot.data_sets,
        "data_sets_done": None if snapshot.data_sets is None else snapshot.data_sets_done,
        "rows": snapshot.rows,
        "bytes": snapshot.bytes,
        "skipped": snapshot.skipped,
        "requests": activity.requests,
        "credits": activity.credits_spent,
        "credits_left": activity.credits_left,
        "waiting_for": None if wait is None else wait.reason,
        "waiting_seconds": None if wait is None else round(wait.seconds, 3),
        "seconds_left": None if left is None else round(left, 1),
    }
