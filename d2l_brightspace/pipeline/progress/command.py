"""The display of a command: what fits where it writes to."""

from __future__ import annotations

import contextlib
import sys
from typing import Literal

from .display import ProgressDisplay
from .json_lines import JsonLines
from .plain_lines import PlainLines

LogFormat = Literal["auto", "json"]


def command_progress(log_format: LogFormat = "auto") -> ProgressDisplay:
    """The display of a command, on standard error; says at once that the command has begun.

    Nothing slow is imported by then: dlt alone takes a second or more.

    Args:
        log_format: `json` for one JSON object a line; `auto` for a display that changes in place
            on a terminal, and lines everywhere else.
    """
    if log_format == "json":
        return JsonLines()
    if sys.stderr is not None and sys.stderr.isatty():
        from .terminal import Terminal

        return Terminal()
    lines = PlainLines()
    # a log that takes no line is no reason not to load
    with contextlib.suppress(OSError):
        lines.line("starting")
    return lines
