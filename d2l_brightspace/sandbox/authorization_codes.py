"""The authorization code grant up to its code: what was asked for, consented to, and redeemed.

RFC 6749, 4.1, with the proof key of RFC 7636. D2L documents no proof key; here it is checked where
one was sent, so that a client that gets it wrong is found out.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from .clock import Clock
from .loopback import is_local
from .scopes import intersect

CODE_SECONDS = 60


class AuthorizationError(Exception):
    """A request that is refused on a page: its redirect address cannot be trusted."""


@dataclass(frozen=True)
class Asked:
    """What a client wants a person to consent to."""

    redirect_uri: str
    scope: str
    """What of it the application is registered for."""
    state: str | None
    challenge: str | None
    error: str | None = None
    """Why the client gets no code, whatever the person says."""

    def back(self, **answer: str) -> str:
        """The redirect address with an answer."""
        state = {} if self.state is None else {"state": self.state}
        mark = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{mark}{urlencode({**answer, **state})}"


@dataclass(frozen=True)
class _Code:
    asked: Asked
    expires: float


class AuthorizationCodes:
    """Remembers who asked for what, and hands out codes that work once and for a minute."""

    def __init__(self, client_id: str, registered: str, clock: Clock) -> None:
        """Know the one application there is, and the scopes it is registered for."""
        self._client_id, self._registered, self._clock = client_id, registered, clock
        self._pending: dict[str, Asked] = {}
        self._codes: dict[str, _Code] = {}

    def ask(self, query: Mapping[str, str]) -> tuple[str, Asked]:
        """Take a request; return it under the name by which the page refers to it."""
        if query.get("client_id") != self._client_id:
            raise AuthorizationError("unknown client_id")
        redirect_uri = query.get("redirect_uri", "")
        if not is_local(redirect_uri) or urlsplit(redirect_uri).fragment:
            raise AuthorizationError("redirect_uri is not registered: this machine's only")
        scope = intersect(query.get("scope", ""), self._registered)
        asked = Asked(
            redirect_uri,
            scope,
            query.get("state"),
            query.get("code_challenge"),
            _problem(query, scope),
        )
        name = secrets.token_urlsafe(16)
        self._pending[name] = asked
        return name, asked

    def decide(self, name: str, *, allowed: bool) -> str:
        """The address that the person's answer sends the browser to."""
        asked = self._pending.pop(name, None)
        if asked is None:
            raise AuthorizationError("this request was answered already, or never made")
        if not allowed:
            return asked.back(error="access_denied")
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(asked, self._clock() + CODE_SECONDS)
        return asked.back(code=code)

    def redeem(self, form: Mapping[str, str]) -> str | None:
        """The scopes that a code stands for; None where it is not good, or not good any more."""
        code = self._codes.pop(form.get("code", ""), None)  # also where the rest is wrong
        if code is None or self._clock() >= code.expires:
            return None
        if form.get("redirect_uri") != code.asked.redirect_uri:
            return None
        challenge = code.asked.challenge
        if challenge is not None and _challenge(form.get("code_verifier", "")) != challenge:
            return None
        return code.asked.scope


def _problem(query: Mapping[str, str], scope: str) -> str | None:
    if query.get("response_type") != "code":
        return "unsupported_response_type"
    if "code_challenge" in query and query.get("code_challenge_method") != "S256":
        return "invalid_request"
    return None if scope else "invalid_scope"


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
