"""The server's clock: it can be ahead or behind, and a test can move it without sleeping."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Seconds since the epoch as this server believes them to be."""

    def __init__(self, source: Callable[[], float], offset: float = 0) -> None:
        """Read the time from source and add offset seconds to it."""
        self._source = source
        self.offset = offset

    def __call__(self) -> float:
        """Return the server's time."""
        return self._source() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the clock on (or back, with a negative number)."""
        self.offset += seconds
