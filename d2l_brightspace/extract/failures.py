"""Tables that failed as a whole: who runs the pipeline may let the others load.

Within `collect_failures()` a table that cannot be read is noted and its resource ends; outside of
it, as in plain `pipeline.run()`, it raises, and nothing of the run is loaded. Whoever collects has
to keep the rows that a failed table had handed on already out of the destination, and to raise in
the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


_collect: ContextVar[Callable[[TableFailure], None] | None] = ContextVar("collect", default=None)


@contextmanager
def collect_failures(
    at_once: Callable[[TableFailure], None] | None = None,
) -> Iterator[list[TableFailure]]:
    """Let the other tables of an extraction go on when one fails; gives the failures.

    Args:
        at_once: Called with each failure when it happens, in the thread that reads the table.
    """
    failures: list[TableFailure] = []

    def collect(failure: TableFailure) -> None:
        if at_once is not None:
            at_once(failure)
        failures.append(failure)

    token = _collect.set(collect)
    try:
        yield failures
    finally:
        _collect.reset(token)


def report_failure(failure: TableFailure) -> None:
    """Note that a table failed.

    Raises:
        BrightspaceError: If nobody collects failures.
    """
    collect = _collect.get()
    if collect is None:
        raise failure.error
    collect(failure)
