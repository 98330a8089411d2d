"""How far a run got over its data sets: one that fails is skipped, all that fail are an error."""

from __future__ import annotations

import threading

from d2l_brightspace.client.errors import BrightspaceError


class Coverage:
    """Counts what became of the data sets of one run; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._good = 0
        self._failed: list[BrightspaceError] = []

    def good(self) -> None:
        """Note that a data set was loaded, or had nothing new."""
        with self._lock:
            self._good += 1

    def failed(self, error: BrightspaceError, of: int) -> None:
        """Note that a data set could not be loaded.

        Args:
            error: Why not.
            of: How many data sets the run has.

        Raises:
            BrightspaceError: If it is the last one and none was good.
        """
        with self._lock:
            self._failed.append(error)
            if self._good or len(self._failed) < of:
                return
            first = self._failed[0]
        if of == 1:
            raise first
        raise type(first)(
            f"Not one of {of} data sets could be loaded. The first: {first.message}", first.context
        )
