"""What is known of a route, whoever asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .json_codec import decode
from .paging.pages import Expected

VERSION = "(version)"
"""Stands for the version in a path, as in D2L's own route tables."""


@dataclass(frozen=True)
class Route:
    """What must be known of a route to send its requests and classify its answers."""

    template: str
    """Path relative to `/d2l/api/`, the only form of it that error texts show."""
    expected: Expected | None = None
    scope: str | None = None
    anonymous: bool = False
    bookmark_field: str | None = None
    page_rows: int | None = None
    """Rows of a full page, where pages are asked for by their number."""
    once: bool = False
    """Whether its requests change something, and must not do so twice."""
    parse: Callable[[bytes], Any] = decode
    """Makes of a body what is asked for; ValueError or RecursionError where it is no JSON."""
