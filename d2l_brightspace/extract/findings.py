"""What a run has to know of its tables: which failed as a whole, and what else is to be said.

Within `collect_findings()` a table that cannot be read is noted and its resource ends; outside of
it, as in plain `pipeline.run()`, it raises, and nothing of the run is loaded. Whoever collects has
to keep the rows that a failed table had handed on already out of the destination, and to raise in
the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from d2l_brightspace.client.errors import BrightspaceError


@dataclass(frozen=True)
class TableFailure:
    """A table that keeps its old rows, and why."""

    resource: str
    table: str
    """Name of the table in dlt's schema."""
    error: BrightspaceError


@dataclass
class Findings:
    """What the tables of a run reported."""

    failures: list[TableFailure] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    """Lines for the report, each once."""
    at_once: Callable[[TableFailure], None] | None = None
    """Called with each failure when it happens, in the thread that reads the table."""


_findings: ContextVar[Findings | None] = ContextVar("findings", default=None)


@contextmanager
def collect_findings(
    at_once: Callable[[TableFailure], None] | None = None,
) -> Iterator[Findings]:
    """Let the other tables of an extraction go on when one fails.

    Args:
        at_once: As in `Findings`.
    """
    findings = Findings(at_once=at_once)
    token = _findings.set(findings)
    try:
        yield findings
    finally:
        _findings.reset(token)


def report_failure(failure: TableFailure) -> None:
    """Note that a table failed.

    Raises:
        BrightspaceError: If nobody collects failures.
    """
    findings = _findings.get()
    if findings is None:
        raise failure.error
    if findings.at_once is not None:
        findings.at_once(failure)
    findings.failures.append(failure)


def report_notes(notes: Iterable[str]) -> None:
    """Have lines in the report of the run; who runs without one has them in the log."""
    findings = _findings.get()
    if findings is not None:
        findings.notes.update(dict.fromkeys(notes))
