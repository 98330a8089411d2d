"""What is known of a route, whoever asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import ProtocolError, RequestContext
from .json_codec import decode
from .paging.pages import Envelope
from .paging.time_windows import Range

VERSION = "(version)"
"""Stands for the version in a path, as in D2L's own route tables."""


@dataclass(frozen=True)
class Route:
    """What must be known of a route to send its requests and classify its answers."""

    template: str
    """Path relative to `/d2l/api/`, the only form of it that error texts show."""
    expected: Envelope | None = None
    scope: str | None = None
    anonymous: bool = False
    bookmark_field: str | None = None
    range: Range | None = None
    once: bool = False
    """Whether its requests change something, and must not do so twice."""
    parse: Callable[[bytes], Any] = decode
    """Reads the body of a good answer; raises ValueError or RecursionError for what is no JSON."""
    tabulate: Callable[[list[Any], int | None], Any] = lambda rows, _: rows
    """Makes a table of rows of an org unit; raises ValueError for rows that cannot be in it."""
    join: Callable[[list[Any]], Any] = list
    """Puts such tables one below the other."""

    def tabulated(self, rows: list[Any], where: RequestContext) -> Any:
        """The table of a page's rows.

        Raises:
            ProtocolError: If a row cannot be in it.
        """
        try:
            return self.tabulate(rows, where.org_unit_id)
        except ValueError as error:
            raise ProtocolError(str(error), where) from None
