"""OAuth2 authorization code: the address for the browser, what comes back, the first tokens.

RFC 6749, 4.1. The proof key (RFC 7636) is always sent: D2L documents none, and a server that knows
none ignores it. The state tells the answer to this log-in from one that somebody else began.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from d2l_brightspace.client.errors import AuthenticationError

from .token_endpoint import TokenAnswer, TokenEndpoint, error_context
from .tokens import claims_of

AUTHORIZATION_URL = "https://auth.brightspace.com/oauth2/auth"
"""D2L's authorization endpoint, the same for every Brightspace site."""

# RFC 6749, 4.1.2.1
_ADVICE = {
    "access_denied": (
        "Access was not allowed in the browser, so nothing was changed. Log in again and choose "
        "'Allow'; if there was nothing to choose, the role of the user may not use the app."
    ),
    "invalid_scope": (
        "The app is not registered for a scope that was asked for. Ask for less by --scope, or add "
        "the scope to the app in Manage Extensibility."
    ),
    "unauthorized_client": (
        "The app may not log people in. In Manage Extensibility choose the grant type "
        "'Authorization Code'."
    ),
    "invalid_request": (
        "Brightspace does not accept the request. Compare client id and redirect address with the "
        "app in Manage Extensibility: they must be the same to the letter."
    ),
    "unsupported_response_type": (
        "Brightspace offers no log-in by authorization code at this address. Check `auth_url`."
    ),
    "server_error": "Brightspace failed while it was asked. Log in again later.",
    "temporarily_unavailable": "Brightspace is busy. Log in again later.",
}


@dataclass(frozen=True, repr=False)
class AuthorizationRequest:
    """One log-in of one person: it works once."""

    auth_url: str
    client_id: str
    redirect_uri: str
    scope: str
    """Scopes to ask for, separated by blanks."""
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def address(self) -> str:
        """What the browser opens."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "code_challenge": _base64url(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        mark = "&" if urlsplit(self.auth_url).query else "?"
        # blanks as %20: of "+" only forms say for certain that it is a blank
        return f"{self.auth_url}{mark}{urlencode(query, quote_via=quote)}"

    def is_answered_by(self, answer: Mapping[str, str]) -> bool:
        """Whether the parameters of a redirect belong to this request."""
        state = answer.get("state", "")
        return secrets.compare_digest(state.encode(), self.state.encode())

    def code_in(self, answer: Mapping[str, str]) -> str:
        """The code that a redirect brought.

        Raises:
            AuthenticationError: If it is the answer to another request, or a refusal.
        """
        if not self.is_answered_by(answer):
            raise AuthenticationError(
                "This is the answer to another log-in than the one that was begun here. Log in "
                "again, and paste the address that this log-in ends at."
            )
        if code := answer.get("code"):
            return code
        # an error code is one of a few words; anything else in that place may be an echo
        known = answer["error"] if answer.get("error") in _ADVICE else ""
        raise AuthenticationError(
            _ADVICE.get(known, "Brightspace sent the browser back without a code. Log in again."),
            error_context(None, known or None),
        )

    def pasted(self, text: str) -> dict[str, str]:
        """The parameters in an address that was pasted, or in what somebody took out of it."""
        if "=" in text:
            return pasted_parameters(text)
        # the code alone: whether it is of this log-in, only the proof key tells
        return {"code": text.strip(), "state": self.state}

    def exchange(self, code: str, client_secret: str, endpoint: TokenEndpoint) -> TokenAnswer:
        """Turn the code into tokens.

        Raises:
            AuthenticationError: If there are none, whatever the cause.
            RateLimited: If the endpoint is busy at every attempt, or asks for a long delay.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        try:
            client = (self.client_id, client_secret)
            return endpoint.ask(lambda: form, basic=client, single_use=True)
        except AuthenticationError as error:
            if error.context is None or error.context.detail != "invalid_grant":
                raise
            # the endpoint's own advice for this code is about refresh tokens
            raise AuthenticationError(
                "The token endpoint does not accept the code: it works once and for a short time, "
                "and the redirect address must be the registered one. Log in again.",
                error.context,
            ) from None


def redirect_parameters(query: str) -> dict[str, str]:
    """The parameters of a redirect; none where one of them is there twice (RFC 6749, 3.1)."""
    pairs = parse_qsl(query)
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {}


def pasted_parameters(address: str) -> dict[str, str]:
    """The parameters of an address; also where only its end was copied."""
    return redirect_parameters(address.strip().partition("#")[0].rpartition("?")[2])


def granted_scopes(answer: TokenAnswer) -> str | None:
    """The scopes of an access token, separated by blanks; None where nothing says.

    They are in the answer (RFC 6749, 5.1) or in the token, where that is a JWT as D2L's are.
    """
    claims = claims_of(answer.fields.get("access_token")) or {}
    for found in (answer.fields.get("scope"), claims.get("scope")):
        words = " ".join(found) if isinstance(found, list) and _all_text(found) else found
        if isinstance(words, str) and words.strip():
            return " ".join(words.split())
    return None


def _all_text(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
