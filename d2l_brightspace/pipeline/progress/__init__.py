"""Showing a run while it lasts: on a terminal, as lines of a log, or for programs.

`command_progress()` gives the display of a command; `run(…, progress=…)` takes any object that has
what `ProgressDisplay` has.
"""

from __future__ import annotations

from .command import LogFormat, command_progress
from .display import ProgressDisplay, RunEnd, RunPlan
from .json_lines import JsonLines
from .plain_lines import PlainLines

__all__ = [
    "JsonLines",
    "LogFormat",
    "PlainLines",
    "ProgressDisplay",
    "RunEnd",
    "RunPlan",
    "command_progress",
]
