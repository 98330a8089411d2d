"""What can go wrong with Brightspace, classed by what the user does next.

A message names the route template, the org unit and Brightspace's codes for the refusal. It never
holds a URL with a query, a body, a row or a secret: messages end up in logs and traces. Nor does it
hold a control character: messages end up on terminals, a traceback's last line as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from d2l_brightspace.printable import printable, printable_lines


@dataclass(frozen=True)
class RequestContext:
    """Where an error happened and what Brightspace said about it."""

    route: str
    """Route template, such as `lp/(version)/courses/(orgUnitId)`; never a URL."""
    org_unit_id: int | None = None
    status: int | None = None
    """HTTP status, None where no answer arrived."""
    detail: str | None = None
    """Codes from Brightspace's words, such as the permission that is missing; no other words."""
    parent_key: str | None = None
    """Keys below the org unit that the route is about, such as `QuizId=7`."""

    def __post_init__(self) -> None:
        if self.detail is not None:
            object.__setattr__(self, "detail", printable(self.detail))


class BrightspaceError(Exception):
    """Base of all errors of this package.

    Args:
        message: What happened and what to do next.
        context: Where it happened; None for errors that no request is behind.
    """

    report: Any = None
    """What a run did before it raised this, where it loaded some of the tables."""

    def __init__(self, message: str, context: RequestContext | None = None) -> None:
        # callers make foreign text one line; this keeps control characters out in any case
        self.message = printable_lines(message)
        super().__init__(self.message)
        self.context = context

    def __str__(self) -> str:
        if self.context is None:
            return self.message
        return f"{self.message} [{describe(self.context)}]"

    def __reduce__(self) -> tuple[object, ...]:
        # dlt pickles exceptions with its trace; the default rebuilds from `args` alone.
        return (type(self), (self.message, self.context), self.__dict__)


class ConfigurationError(BrightspaceError):
    """A setting is wrong: correct it. Raised before any request is answered."""


class AuthenticationError(BrightspaceError):
    """The credentials are not accepted: log in again or replace them."""


class PermissionDenied(BrightspaceError):
    """The caller may not read this: grant the permission or the OAuth scope it names."""

    @property
    def is_about_scope(self) -> bool:
        """Whether Brightspace says that the app, not the role, may not read this."""
        # no published wording; its problem details say "scope" where they are about one
        detail = self.context.detail if self.context else None
        return "scope" in (detail or "").lower()


class NotFound(BrightspaceError):
    """Nothing is there: wrong id, version or slash, or a tool that is switched off."""


class RateLimited(BrightspaceError):
    """Brightspace asks for a longer delay than the settings allow: run again later."""


class ServiceUnavailable(BrightspaceError):
    """Brightspace does not answer, or answers 5xx, after all retries: run again later."""


class Unreachable(ServiceUnavailable):
    """Brightspace was never reached in this run: check `host` and the network, or run later."""


class OutcomeUnknown(BrightspaceError):
    """A request that changes something was sent, but its answer was lost: look before repeating."""


class ProtocolError(BrightspaceError):
    """Brightspace broke its own contract: a loop, a missing envelope, HTML in place of JSON."""


SKIPPABLE = (PermissionDenied, NotFound, ProtocolError, ServiceUnavailable)
"""Answers that cost one list its rows, and not everybody else theirs; `Unreachable` does."""


def describe(context: RequestContext) -> str:
    """One line that says where an error happened."""
    parts = [printable(context.route)]
    if context.org_unit_id is not None:
        parts.append(f"org unit {context.org_unit_id}")
    if context.parent_key:
        parts.append(printable(context.parent_key))
    if context.status is not None:
        parts.append(f"status {context.status}")
    if context.detail:
        parts.append(f"Brightspace says: {context.detail}")
    return ", ".join(parts)
