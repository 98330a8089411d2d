"""Lines of a log, each of which is written out at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TextIO


def utc_now() -> datetime:
    """The time that a line is stamped with."""
    return datetime.now(timezone.utc)


class LogLines:
    """What displays have in common that write lines.

    Args:
        stream: Where to write; None for standard error.
        interval_seconds: Time between two looks at the run.
        now: The time.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        interval_seconds: float = 30.0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.interval_seconds = interval_seconds
        self.now = now
        self._stream = stream

    def write(self, text: str) -> None:
        """Write one line."""
        stream = self._stream or sys.stderr
        if stream is None:  # the command was started with it closed
            return
        stream.write(f"{text}\n")
        stream.flush()
