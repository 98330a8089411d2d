"""Who is calling, and what may they do."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import unquote_plus

from starlette.requests import Request

from .clock import Clock
from .keyring import Keyring
from .oauth import TokenIssuer
from .problems import insufficient_scope, plain, unauthorized
from .scopes import covers

_WINDOW = 300  # seconds an ID-Key timestamp may be off


@dataclass(frozen=True)
class Caller:
    """An application acting for a user. An ID-Key application is not bound by scopes."""

    application: str
    scope: str | None

    def must_hold(self, required: str, path: str) -> None:
        """Refuse unless one of the required scopes was granted."""
        if self.scope is not None and not covers(self.scope, required):
            raise insufficient_scope(path, required)


class Gate:
    """Finds out who is calling; wrong credentials are refused, also where none are needed."""

    def __init__(self, keyring: Keyring, issuer: TokenIssuer, clock: Clock) -> None:
        """Know every credential there is."""
        self._keyring, self._issuer, self._clock = keyring, issuer, clock

    def identify(self, request: Request) -> Caller | None:
        """Return the caller, or nothing for an anonymous call."""
        scheme = scheme_of(request)
        if scheme == "bearer":
            return self._bearer(request.headers["authorization"])
        if scheme == "id_key":
            return self._id_key(request)
        if scheme == "anonymous":
            return None
        raise unauthorized()

    def _bearer(self, header: str) -> Caller:
        grant = self._issuer.grant_of(header[len("bearer ") :].strip())
        if grant is None:
            raise unauthorized()
        return Caller(grant.application, grant.scope)

    def _id_key(self, request: Request) -> Caller | None:
        keys, given = self._keyring, request.query_params
        if given.get("x_a") != keys.app_id:
            raise plain(403, "Invalid token")
        stamp = given.get("x_t", "")
        self._check_time(stamp)
        base = f"{request.method}&{_signed_path(request)}&{stamp}"
        _check_signature(base, keys.app_key, given.get("x_c", ""))
        if not given.get("x_b") and not given.get("x_d"):
            return None  # an application without a user: enough for the version routes
        if given.get("x_b") != keys.user_id:
            raise plain(403, "Invalid token")
        _check_signature(base, keys.user_key, given.get("x_d", ""))
        return Caller(keys.app_id, None)

    def _check_time(self, stamp: str) -> None:
        if not (stamp.isascii() and stamp.isdigit()):
            raise plain(403, "Invalid token")
        now = int(self._clock())
        if abs(now - int(stamp)) > _WINDOW:
            # The exact bytes of D2L's .NET and Java unit tests of a skewed clock.
            raise plain(403, f"Timestamp out of range\r\n{now}\r\n")


def scheme_of(request: Request) -> str:
    """Name the authentication scheme that a request tries to use."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        word = authorization.partition(" ")[0].lower()
        return word if word in {"bearer", "basic"} else "unknown"
    return "id_key" if "x_a" in request.query_params else "anonymous"


def _signed_path(request: Request) -> str:
    # Decoded, then lower-cased: the order of D2L's .NET SDK, the platform of the server.
    raw: bytes = request.scope["raw_path"]
    return unquote_plus(raw.decode("ascii", "replace")).lower()


def is_signature_of(text: str, key: str, given: str) -> bool:
    """Tell whether a signature is that of a text with a key."""
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(expected, given.encode())


def _check_signature(base: str, key: str, given: str) -> None:
    if not is_signature_of(base, key, given):
        raise plain(403, "Invalid token")
