"""Who the credentials are, which scopes they hold, how long they last.

What an access token says of itself is read without any proof: it is for the user's eyes, and
nothing is decided by it but a message. Neither token nor claims are ever shown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from d2l_brightspace.client.auth.credentials import (
    BearerAuth,
    BrightspaceCredentials,
    IdKeyAuth,
    RefreshTokenAuth,
    ServiceUserAuth,
)
from d2l_brightspace.client.auth.tokens import claims_of
from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    ConfigurationError,
    RateLimited,
)
from d2l_brightspace.client.observations import Observations
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.printable import printable
from d2l_brightspace.scopes import CHECK_SCOPE

from .findings import Finding, problem, words

SECTION = "credentials"
_SCHEMES: dict[type[Any], str] = {
    ServiceUserAuth: "service user",
    RefreshTokenAuth: "refresh token",
    BearerAuth: "bearer token",
    IdKeyAuth: "ID-Key",
}


@dataclass
class AccountCheck:
    """What is known of the credentials."""

    findings: list[Finding] = field(default_factory=list)
    is_accepted: bool = True
    """Whether anything can be asked with them."""
    scopes: tuple[str, ...] | None = None
    """As the access token names them; None where it does not."""
    expires_at: float | None = None
    """Unix time, where the access token names it."""


def check_account(
    session: BrightspaceSession,
    credentials: BrightspaceCredentials,
    observations: Observations,
    clock: Any = time.time,
) -> AccountCheck:
    """Ask Brightspace who is calling.

    Args:
        session: Sends the requests.
        credentials: Those of the session.
        observations: What observes the session.
        clock: Unix time in seconds.
    """
    scheme = next((word for kind, word in _SCHEMES.items() if isinstance(credentials, kind)), "")
    check = AccountCheck()
    check.findings.append(Finding(SECTION, "scheme", "OK", scheme))
    try:
        block = session.get_json("lp/(version)/users/whoami", scope=CHECK_SCOPE)
    except (AuthenticationError, ConfigurationError, RateLimited) as error:
        check.is_accepted = False
        check.findings.append(Finding(SECTION, "log-in", "failed", words(error)))
        return check
    except BrightspaceError as error:
        check.findings.append(problem(SECTION, "user", error, CHECK_SCOPE, is_needed=False))
    else:
        user = block.get("Identifier") if isinstance(block, dict) else None
        check.findings.append(Finding(SECTION, "user", "OK", f"user id {user}", CHECK_SCOPE))
    if isinstance(credentials, IdKeyAuth):
        check.findings += _about_signatures(observations.reported_skew)
    else:
        check.findings += _about_token(check, observations.authorization, clock())
    return check


def _about_signatures(skew: float | None) -> Iterator[Finding]:
    if skew is not None:
        which = "behind" if skew > 0 else "ahead of"
        text = f"this machine's clock is {abs(skew):,.0f} s {which} Brightspace's: set it right"
        yield Finding(SECTION, "signatures", "warning", f"{text}; they are corrected by that")


def _about_token(check: AccountCheck, authorization: str, now: float) -> Iterator[Finding]:
    claims = claims_of(authorization.removeprefix("Bearer "))
    if claims is None:
        why = "the access token does not say: it is no JWT"
        yield Finding(SECTION, "scopes", "not checked", why)
        return
    scope = claims.get("scope")
    given = scope.split() if isinstance(scope, str) else scope if isinstance(scope, list) else None
    if given is not None:
        check.scopes = tuple(printable(one, 100) for one in given)
        yield Finding(SECTION, "scopes", "OK", " ".join(sorted(check.scopes)))
    expires = claims.get("exp")
    if isinstance(expires, (int, float)) and not isinstance(expires, bool):
        check.expires_at = float(expires)
        left = (check.expires_at - now) / 60
        yield Finding(SECTION, "access token", "OK", f"works for about {left:,.0f} min from now")


def lasts_for(check: AccountCheck, credentials: Any, seconds: float, now: float) -> Finding | None:
    """Whether a token that nobody renews lives as long as the load; None where nothing is wrong."""
    if not isinstance(credentials, BearerAuth) or check.expires_at is None:
        return None
    left = check.expires_at - now
    if left > seconds:
        return None
    return Finding(
        SECTION,
        "life",
        "warning",
        f"the token works for about {left / 60:,.0f} min, the load takes {seconds / 60:,.0f}, and "
        "a bearer token is not renewed: load fewer tables or courses, or use a refresh token "
        "or a service user",
    )
