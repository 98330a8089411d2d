"""What leaves the executor together: the rows of one unit, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from d2l_brightspace.client.errors import BrightspaceError

from .arrow import Part, Rows


@dataclass
class Unit:
    """Rows that are loaded together or not at all: one list, or all lists of one course."""

    keys: Mapping[str, int]
    """Keys of the parents that its lists have in common."""
    parts: list[Part | Rows] = field(default_factory=list)
    rows: int = 0
    errors: list[BrightspaceError] = field(default_factory=list)
    """Why it is skipped; empty where it was read whole."""
    org_unit_ids: tuple[int, ...] = ()
    """Org units whose rows are missing when it is skipped; 0 where it is not about one."""
    is_stream: bool = False
    """Whether it is one piece of a list that is handed on as it comes."""
    is_asked: bool = False
    """Whether a list of its own was asked for: a course without quizzes asks for no attempts."""
    open_lists: int = 0

    def clear(self) -> None:
        """Drop all rows: they are void, or will not be loaded."""
        self.parts, self.rows = [], 0
