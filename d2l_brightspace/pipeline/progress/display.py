"""What a display of a run is asked to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from d2l_brightspace.extract.progress import Snapshot, TableProgress

if TYPE_CHECKING:
    from d2l_brightspace.pipeline.report import RunReport


@dataclass(frozen=True)
class RunPlan:
    """What a run is going to do.

    Attributes:
        pipeline: Name of the pipeline.
        source: Name of the source.
        tables: Tables that will be read.
        destination: Name of the destination.
        dataset: Name of the dataset.
    """

    pipeline: str
    source: str
    tables: Sequence[str]
    destination: str
    dataset: str


@dataclass(frozen=True)
class RunEnd:
    """What came of a run.

    Attributes:
        seconds: How long it took.
        report: What it did; None where it was ended by an error.
        error: Class of that error.
    """

    seconds: float
    report: RunReport | None = None
    error: str | None = None

    @property
    def outcome(self) -> str:
        """As in the column `outcome` of `load_runs`."""
        return "failed" if self.report is None else self.report.outcome


class ProgressDisplay(Protocol):
    """Shows one run at a time; its methods are never called by two threads at once.

    What it raises ends the display and not the run.

    Attributes:
        interval_seconds: Time between two updates.
        yields_to_dlt: Whether it shows nothing where dlt shows the progress itself.
    """

    interval_seconds: float
    yields_to_dlt: bool

    def begin(self, plan: RunPlan) -> None:
        """Show what will be read; nothing was sent yet."""

    def enter(self, snapshot: Snapshot) -> None:
        """Show that another phase has begun."""

    def update(self, snapshot: Snapshot) -> None:
        """Show how far the run is."""

    def table_over(self, table: TableProgress) -> None:
        """Show that a table was read, or has failed."""

    def end(self, end: RunEnd) -> None:
        """Show what came of it; called last, in all cases."""
