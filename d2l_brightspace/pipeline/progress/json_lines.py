"""Lines for programs: one JSON object for each event."""

from __future__ import annotations

import json
from typing import Any

from d2l_brightspace.extract.progress import Snapshot, TableProgress

from .display import RunEnd, RunPlan
from .log_lines import LogLines


class JsonLines(LogLines):
    """Shows a run as JSON objects, one a line, each with `at` (UTC) and `event`.

    The events are `run_started`, `phase`, `progress`, `table_finished`, `table_failed`, `skipped`
    (how many by now, whenever there are more) and `run_finished`.
    """

    yields_to_dlt = False
    _skipped = 0

    def event(self, event: str, **values: Any) -> None:
        """Write one event."""
        at = self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.write(json.dumps({"at": at, "event": event, **values}))

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
