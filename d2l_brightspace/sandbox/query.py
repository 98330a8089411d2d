"""The query parameters of a call, bound to the types that D2L gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from .problems import invalid_parameters

# A UTCDateTime is written with milliseconds and Z (UTCDateTime of D2L's documentation).
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ID = re.compile(r"[0-9]{1,18}")


class Query:
    """Parameters by name, in any case; an empty value counts as absent, as a bookmark's does."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep the last value of each name."""
        self._values = {name.lower(): value for name, value in pairs if value}

    def text(self, name: str) -> str | None:
        """Return the value as it is."""
        return self._values.get(name.lower())

    def number(self, name: str) -> int | None:
        """Return a D2LID."""
        value = self.text(name)
        return None if value is None else _number(name, value)

    def numbers(self, name: str) -> list[int]:
        """Return a comma list of D2LIDs."""
        value = self.text(name)
        return [] if value is None else [_number(name, part) for part in value.split(",")]

    def flag(self, name: str) -> bool | None:
        """Return a boolean."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in {"true", "false", "1", "0"}:
            raise invalid_parameters(f"{name} must be true or false")
        return value.lower() in {"true", "1"}

    def instant(self, name: str) -> datetime | None:
        """Return a UTCDateTime."""
        value = self.text(name)
        if value is None:
            return None
        problem = f"{name} must be a UTCDateTime like 2026-11-22T04:44:00.000Z"
        if not _INSTANT.fullmatch(value):
            raise invalid_parameters(problem)
        try:
            return datetime.fromisoformat(f"{value[:-1]}+00:00")
        except ValueError:  # the 30th of February
            raise invalid_parameters(problem) from None

    def words(self, name: str, allowed: Iterable[str]) -> set[str]:
        """Return a comma list of words out of the allowed ones."""
        words = set((self.text(name) or "").split(",")) - {""}
        unknown = words - set(allowed)
        if unknown:
            raise invalid_parameters(f"{name} does not know {', '.join(sorted(unknown))}")
        return words


def _number(name: str, value: str) -> int:
    if not _ID.fullmatch(value.strip()):
        raise invalid_parameters(f"{name} must hold D2LIDs")
    return int(value)
