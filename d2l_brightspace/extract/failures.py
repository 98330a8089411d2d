"""Tables that failed as a whole: who runs the pipeline may let the others load.

Within `collect_failures()` a table that cannot be read is noted and its resource ends; outside of
it, as in plain `pipeline.run()`, it raises, and nothing of the run is loaded. Whoever collects has
to keep the rows that a failed table had handed on already out of the destination, and to raise in
the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from d2l_brightspace.client.errors import BrightspaceError


@dataclass(frozen=True)
class TableFailure:
    """A table that keeps its old rows, and why."""

    resource: str
    table: str
    """Name of the table in dlt's schema."""
    error: BrightspaceError


_collected: ContextVar[list[TableFailure] | None] = ContextVar("table_failures", default=None)


@contextmanager
def collect_failures() -> Iterator[list[TableFailure]]:
    """Let the other tables of an extraction go on when one fails; gives the failures."""
    failures: list[TableFailure] = []
    token = _collected.set(failures)
    try:
        yield failures
    finally:
        _collected.reset(token)


def report_failure(failure: TableFailure) -> None:
    """Note that a table failed.

    Raises:
        BrightspaceError: If nobody collects failures.
    """
    failures = _collected.get()
    if failures is None:
        raise failure.error
    failures.append(failure)
