"""Whether a run exchanges tables as a whole, so that rows which are in no list any more go as well.

Without it a run deletes only what it has new rows for: the rows of the lists that it has read, or
those of the same keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_whole: ContextVar[bool] = ContextVar("whole_tables", default=False)


@contextmanager
def exchange_whole_tables() -> Iterator[None]:
    """Have the tables that are extracted inside exchanged as a whole when they are loaded."""
    token = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(token)


def are_exchanged() -> bool:
    """Whether the extraction that runs is one of whole tables."""
    return _whole.get()
