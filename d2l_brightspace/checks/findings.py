"""What the checks have found, and what it means for an exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from d2l_brightspace.client.errors import (
    BrightspaceError,
    NotFound,
    PermissionDenied,
)
from d2l_brightspace.extract.estimate import Estimate

Outcome = Literal[
    "OK",
    "warning",
    "scope missing",
    "permission missing",
    "nothing there",
    "no course",
    "failed",
    "not checked",
]
_GOOD = ("OK", "warning", "not checked")


@dataclass(frozen=True)
class Finding:
    """What came of one check."""

    section: str
    name: str
    outcome: Outcome
    detail: str = ""
    """What was found, or what to do; may hold foreign text."""
    scope: str | None = None
    """OAuth scope that it is about."""
    is_needed: bool = True
    """Whether a load of the chosen tables fails without it."""

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way of a load, as far as is known."""
        return self.outcome in _GOOD or not self.is_needed

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "section": self.section,
            "name": self.name,
            "outcome": self.outcome,
            "detail": self.detail or None,
            "scope": self.scope,
            "needed": self.is_needed,
        }


def problem(
    section: str,
    name: str,
    error: BrightspaceError,
    scope: str | None = None,
    *,
    is_needed: bool = True,
) -> Finding:
    """The finding that an error is."""
    outcome: Outcome = "failed"
    if isinstance(error, PermissionDenied):
        outcome = "scope missing" if error.is_about_scope else "permission missing"
    elif isinstance(error, NotFound):
        outcome = "nothing there"
    return Finding(section, name, outcome, words(error), scope, is_needed)


def words(error: BrightspaceError) -> str:
    """What an error says, and Brightspace's codes for it."""
    detail = error.context.detail if error.context else None
    return f"{error.message}. Brightspace says: {detail}" if detail else error.message


@dataclass
class Findings:
    """All that was found."""

    found: list[Finding] = field(default_factory=list)
    is_host_reached: bool = True
    settings_error: Exception | None = None
    """Why nothing could be asked at all."""
    estimate: Estimate | None = None

    def add(self, findings: Iterable[Finding]) -> None:
        """Take more of them."""
        self.found += findings

    @property
    def exit_code(self) -> int:
        """0 all well, 1 something cannot be loaded, 2 settings are wrong, 3 host not reachable."""
        if self.settings_error is not None:
            return 2
        if not self.is_host_reached:
            return 3
        return 0 if all(one.ok for one in self.found) else 1

    def as_json(self) -> dict[str, Any]:
        """For programs: one object."""
        return {
            "ok": self.exit_code == 0,
            "exit_code": self.exit_code,
            "checks": [one.as_json() for one in self.found],
            "estimate": self.estimate.as_json() if self.estimate else None,
        }


def settings_problem(error: Exception) -> Finding:
    """The finding that missing or wrong settings are."""
    text = (
        error.message
        if isinstance(error, BrightspaceError)
        else "settings are missing or cannot be read; see below"
    )
    return Finding("settings", "settings", "failed", text)
