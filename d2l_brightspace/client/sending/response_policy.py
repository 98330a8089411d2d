"""What an answer means: take it, try again, wait, log in again, or give up, and why.

Status codes as in `basic/apicall` ("Disposition and error handling"); nothing here sends anything.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from d2l_brightspace.client.auth.id_key import reported_server_time
from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    ProtocolError,
    RequestContext,
    ServiceUnavailable,
)
from d2l_brightspace.client.http.messages import HttpResponse
from d2l_brightspace.client.json_codec import decode

from .refusal_codes import refusal_codes


@dataclass(frozen=True)
class Accept:
    """The answer is good; `body` is its decoded JSON."""

    body: Any


@dataclass(frozen=True)
class Retry:
    """A passing fault: send again after a delay, and raise `error` when that never helps."""

    error: BrightspaceError
    delivered: bool = True
    """False if the request certainly had no effect."""
    after: float | None = None
    """Seconds of the delay, where Brightspace names them."""
    attempts: int | None = None
    """At most so many; None for as many as the settings allow."""


@dataclass(frozen=True)
class Wait:
    """Brightspace asks for a delay; None where it does not say for how long."""

    seconds: float | None


@dataclass(frozen=True)
class RenewCredential:
    """The token is not accepted: get a new one, send again once, else raise `error`."""

    error: AuthenticationError


@dataclass(frozen=True)
class CorrectClock:
    """The signature's time is off: sign by the server's clock once, else raise `error`."""

    server_time: int
    error: AuthenticationError


@dataclass(frozen=True)
class Fail:
    """Sending again would not help."""

    error: BrightspaceError


Outcome = Accept | Retry | Wait | RenewCredential | CorrectClock | Fail


def classify(  # noqa: PLR0911  # a table of status codes
    response: HttpResponse,
    where: RequestContext,
    scope: str | None = None,
    parse: Callable[[bytes], Any] = decode,
) -> Outcome:
    """Decide what to do with an answer.

    Args:
        response: The answer with its body; redirects have been followed.
        where: Route and org unit, for the error text.
        scope: OAuth scope that the route asks for, where known.
        parse: Reads the body of a good answer; raises ValueError or RecursionError for no JSON.
    """
    status = response.status_code
    if 200 <= status < 300:
        return _classify_success(response, where, parse)
    where = replace(where, status=status, detail=refusal_codes(response))
    if status == 429:
        return Wait(_seconds_to_wait(response))
    if status == 401:
        return RenewCredential(
            AuthenticationError("Brightspace does not accept the token; log in again", where)
        )
    if status == 403:
        return _classify_forbidden(response, where, scope)
    if status == 404:
        return Fail(
            NotFound(
                "Nothing is there: the id may be wrong or deleted, the tool switched off for this "
                "org unit, or the version not supported",
                where,
            )
        )
    if status >= 500:
        error = ServiceUnavailable("Brightspace failed to answer", where)
        return Retry(error, after=_seconds(response.headers.get("Retry-After")))
    return Fail(ProtocolError("Brightspace does not understand the request", where))


def classify_once(outcome: Outcome) -> Outcome:
    """The outcome of a request that must not take effect twice.

    It may be sent again after a refusal, or where it cannot have arrived; where the answer is
    missing or makes no sense, nobody here knows whether it took effect.
    """
    if isinstance(outcome, Retry) and outcome.delivered:
        return Fail(_as_unknown(outcome.error))
    if isinstance(outcome, Fail) and not _is_refusal(outcome.error):
        return Fail(_as_unknown(outcome.error))
    return outcome


def _is_refusal(error: BrightspaceError) -> bool:
    status = error.context.status if error.context else None
    return status is not None and 400 <= status < 500


def _as_unknown(error: BrightspaceError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"It was sent, but whether it took effect is not known. {error.message}", error.context
    )


def _classify_success(
    response: HttpResponse, where: RequestContext, parse: Callable[[bytes], Any]
) -> Outcome:
    content_type = response.headers.get("Content-Type", "").lower()
    body = response.content
    problem = None
    if not body or body.isspace():
        problem = "The answer is empty"
    elif "html" in content_type or _MARKUP.match(body):
        problem = (
            "The answer is an HTML page in place of JSON: a log-in or maintenance page, or a "
            "host that is no Brightspace"
        )
    elif content_type and "json" not in content_type:
        kind = _CONTENT_TYPE.match(content_type)
        problem = f"The answer is {kind[0] if kind else 'of an unreadable content type'}, not JSON"
    if problem is not None:
        return Fail(ProtocolError(problem, replace(where, status=response.status_code)))
    try:
        return Accept(parse(body))
    except (ValueError, RecursionError):
        # an answer cut short looks like this, so another try may bring it whole
        where = replace(where, status=response.status_code)
        return Retry(ProtocolError("The answer is no valid JSON, or was cut short", where))


def _classify_forbidden(
    response: HttpResponse, where: RequestContext, scope: str | None
) -> Outcome:
    text = response.text[:_READ_CHARACTERS]
    server_time = reported_server_time(text)
    if server_time is not None:
        return CorrectClock(
            server_time,
            AuthenticationError(
                "Brightspace's clock and this machine's differ; set this machine's clock", where
            ),
        )
    if _INVALID_TOKEN.search(text):
        return Fail(
            AuthenticationError(
                "Brightspace does not accept the ID-Key signature: the user key was revoked or a "
                "key is wrong; log in again to get new keys",
                where,
            )
        )
    if "Retry-After" in response.headers:
        return Wait(_seconds_to_wait(response))
    return Fail(PermissionDenied(_what_is_missing(where, scope), where))


def _what_is_missing(where: RequestContext, scope: str | None) -> str:
    permission = _SECURITY_VARIABLE.search(where.detail or "")
    if permission:
        return f"The caller's role lacks the permission {permission[1]}"
    if scope and "scope" in (where.detail or "").lower():
        return f"The app lacks the OAuth scope {scope}"
    if scope:
        return f"The caller's role may not read this, or the app lacks the OAuth scope {scope}"
    return "The caller's role may not read this"


def _seconds_to_wait(response: HttpResponse) -> float | None:
    # 429 carries Retry-After alone (KB 1195); the reset header is for answers that break this
    for name in ("Retry-After", "X-Rate-Limit-Reset"):
        seconds = _seconds(response.headers.get(name))
        if seconds is not None:
            return seconds
    return None


def _seconds(value: str | None) -> float | None:
    """A wait in seconds, whether it came as seconds or as a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


_MARKUP = re.compile(rb"\s*<")
_CONTENT_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,60}", re.ASCII)
_INVALID_TOKEN = re.compile(r"^\W*(invalid token|token expired)", re.IGNORECASE)
_SECURITY_VARIABLE = re.compile(r"securityVariableName:\s*([\w.]+)")
_READ_CHARACTERS = 10_000
