"""Access tokens of the two OAuth2 schemes: got once, kept, renewed before and after they expire.

A refresh token of Brightspace works once, and the answer that replaces it arrives once. What is
careful here follows from that: the store is locked against other processes, proves that it can be
written before anything is sent, and holds the new refresh token before the new access token is
used.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeGuard, runtime_checkable

import dlt
import filelock
import requests

from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    ConfigurationError,
    RateLimited,
    RequestContext,
)
from d2l_brightspace.client.http.messages import HttpRequest, HttpResponse, SignableRequest
from d2l_brightspace.client.http.transport import OversizedBody, SendsOne, TransportFailure

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

TOKEN_URL = "https://auth.brightspace.com/core/connect/token"  # noqa: S105
"""D2L's token endpoint, the same for every Brightspace site."""

_ATTEMPTS = 4
_BACKOFF_SECONDS = 1.0
_LONGEST_REST_SECONDS = 60.0
_LEEWAY_SECONDS = 60.0
_LOCK_SECONDS = 150.0
# D2L recommends less than 60 s and refuses more than 5 minutes
_ASSERTION_SECONDS = 55
_SMALLEST_RSA_BITS = 2048
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

_AUTHORISE_AGAIN = (
    "Authorise again: (1) open https://auth.brightspace.com/oauth2/auth in a browser with the "
    "app's client_id and sign in, (2) exchange the code for tokens, (3) set the new "
    "`refresh_token` in [sources.d2l_brightspace_source.credentials]; it wins over the stored one."
)


@dataclass(frozen=True, repr=False)
class AccessToken:
    """An access token and when it stops to work."""

    value: str
    sent_at: float
    """Unix time when the request for it was sent: its life began no earlier than this."""
    expires_at: float | None
    """Unix time; None where Brightspace named none: it is used until it is refused."""

    def is_fresh(self, now: float) -> bool:
        """Whether the token works long enough for another request."""
        if self.expires_at is None:
            return True
        # a quarter at most, so that a token that lives for two seconds is used at all
        return now < self.expires_at - min(_LEEWAY_SECONDS, (self.expires_at - self.sent_at) / 4)


@dataclass(frozen=True, repr=False)
class StoredTokens:
    """What has to outlive a run of the refresh-token scheme."""

    refresh_token: str
    """The newest one."""
    configured: str
    """Fingerprint of the configured refresh token from which the newest one descends."""
    access_token: AccessToken | None = None

    def to_json(self) -> str:
        """One line of text for a store to keep; it holds secrets."""
        held = self.access_token
        return json.dumps(
            {
                "refresh_token": self.refresh_token,
                "configured": self.configured,
                "access_token": held
                and {
                    "value": held.value,
                    "sent_at": held.sent_at,
                    "expires_at": held.expires_at,
                },
            }
        )

    @classmethod
    def from_json(cls, text: str) -> StoredTokens:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If the text is something else; the message does not quote it.
        """
        document = _json_object(text) or {}
        refresh_token, configured = document.get("refresh_token"), document.get("configured")
        access = document.get("access_token")
        if not (_is_text(refresh_token) and _is_text(configured)):
            raise ValueError("no stored tokens")
        if access is None:
            return cls(refresh_token, configured)
        if not _is_access_token(access):
            raise ValueError("no stored access token")
        return cls(
            refresh_token,
            configured,
            AccessToken(access["value"], access["sent_at"], access["expires_at"]),
        )


@runtime_checkable
class TokenStore(Protocol):
    """Keeps the newest refresh token between runs.

    The source calls `load` and `save` only inside `locked`. A store in a vault keeps
    `tokens.to_json()` as one secret and gives it back through `StoredTokens.from_json`.
    """

    def locked(self) -> AbstractContextManager[None]:
        """Keep every other process that shares the store out for a while."""

    def load(self) -> StoredTokens | None:
        """What was saved last; None if nothing was saved yet."""

    def save(self, tokens: StoredTokens) -> None:
        """Keep the tokens so that they survive a crash of the machine; whole or not at all."""


class FileTokenStore:
    """Keeps the tokens in one file that only its owner may read.

    Args:
        path: The file; a `.lock` file is put beside it. Its folder is made if there is none.
        lock_seconds: How long to wait for another process.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, lock_seconds: float = _LOCK_SECONDS
    ) -> None:
        self._path = Path(path).expanduser()
        self._lock_seconds = lock_seconds

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the store.

        Raises:
            ConfigurationError: If the folder cannot be used, or another process keeps the lock.
        """
        lock = filelock.FileLock(f"{self._path}.lock", self._lock_seconds, mode=0o600)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout:
            raise ConfigurationError(
                f"Another process has kept the token store {self._path} locked for more than "
                f"{self._lock_seconds:g} s. Wait for it to end, or stop it, and run again."
            ) from None
        except OSError as error:
            self._unusable("locked", error)
        try:
            yield
        finally:
            lock.release()

    def load(self) -> StoredTokens | None:
        """Read the file.

        Raises:
            ConfigurationError: If it cannot be read or holds something else.
        """
        try:
            return StoredTokens.from_json(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._unusable("read", error)
        except ValueError:
            raise ConfigurationError(
                f"The token store {self._path} is damaged. Delete the file and run again: the "
                f"configured refresh token is then tried. If it is used up: {_AUTHORISE_AGAIN}"
            ) from None

    def save(self, tokens: StoredTokens) -> None:
        """Replace the file.

        Raises:
            ConfigurationError: If it cannot be written; the old file is then still there.
        """
        try:
            self._replace(tokens.to_json())
        except OSError as error:
            self._unusable("written", error)

    def _replace(self, text: str) -> None:
        # one fixed name, since the store is locked: what a killed process left is cleared away
        draft = self._path.with_name(f"{self._path.name}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        _sync_folder(self._path.parent)

    def _unusable(self, verb: str, error: OSError) -> NoReturn:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"The token store {self._path} cannot be {verb} ({reason}). Set `credentials.token_"
            'store` to a file that this user may write, such as token_store = "/var/lib/my-loader/'
            'brightspace-token.json".'
        ) from None


def default_store(token_url: str, client_id: str, refresh_token: str) -> FileTokenStore:
    """The file store in dlt's global folder, one file for each chain of refresh tokens.

    The configured token is part of the name, so that two people's consent to one app, or two
    tenants, do not overwrite each other.
    """
    name = _fingerprint(f"{token_url}\n{client_id}\n{refresh_token}")[:16]
    folder = Path(dlt.current.run_context().global_dir, "d2l_brightspace", "refresh_tokens")
    return FileTokenStore(folder / f"{name}.json")


class Grant(Protocol):
    """A way to get an access token."""

    def obtain(self, refused: str | None) -> AccessToken:
        """Get a token that is fresh and is not the refused one."""


class TokenAuthenticator:
    """Sets the bearer; one token for all threads of a run.

    Args:
        grant: Where tokens come from.
        clock: Unix time in seconds, replaced in tests.
    """

    def __init__(self, grant: Grant, clock: Callable[[], float] = time.time) -> None:
        self._grant = grant
        self._clock = clock
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._failure: BrightspaceError | None = None

    def authenticate(self, request: SignableRequest) -> None:
        """Set the bearer, getting a token first if there is none that is fresh."""
        request.headers["Authorization"] = f"Bearer {self._fresh_token().value}"

    def renew(self, refused: SignableRequest) -> bool:
        """Replace the token that a request was refused with, unless another thread has."""
        value = str(refused.headers.get("Authorization", "")).removeprefix("Bearer ")
        with self._lock:
            if self._token is None or self._token.value == value:
                self._obtain(value)
        return True

    def learn_server_time(self, server_time: int) -> bool:
        """Nothing to learn: a bearer carries no time."""
        return False

    def _fresh_token(self) -> AccessToken:
        token = self._token
        if token is not None and token.is_fresh(self._clock()):
            return token
        with self._lock:
            if self._token is None or not self._token.is_fresh(self._clock()):
                return self._obtain(None)
            return self._token

    def _obtain(self, refused: str | None) -> AccessToken:
        # What failed once fails the run: each waiting thread would send the same refresh token
        # again, or knock again at an endpoint that is down.
        if self._failure is not None:
            raise copy.copy(self._failure)
        try:
            self._token = self._grant.obtain(refused)
        except BrightspaceError as error:
            self._failure = copy.copy(error)
            raise
        return self._token


class RefreshTokenGrant:
    """Exchanges the newest refresh token for an access token and the next refresh token.

    Args:
        endpoint: Where to send it.
        client_id: Client id of the app.
        client_secret: Client secret of the app.
        refresh_token: The configured refresh token, with which a chain begins.
        scope: Scopes to ask for, None for all that were consented to.
        store: Keeps the newest refresh token; None for a file in dlt's global folder.
        clock: Unix time in seconds, replaced in tests.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        *,
        scope: str | None = None,
        store: TokenStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._client_id = client_id
        self._client_secret = client_secret
        self._refresh_token = refresh_token
        self._scope = scope
        self._given_store = store
        self._clock = clock

    def obtain(self, refused: str | None) -> AccessToken:
        """A stored access token if it is fresh and not the refused one, else a new one."""
        with self._store.locked():
            stored = self._store.load()
            current = self._current(stored)
            access = current.access_token
            if access and access.value != refused and access.is_fresh(self._clock()):
                return access
            # a store that takes no write is found out now, while the refresh token still works
            self._store.save(stored or current)
            return self._exchange(current)

    @cached_property
    def _store(self) -> TokenStore:
        # not in `__init__`: to find its global folder, dlt writes a file
        return self._given_store or default_store(
            self._endpoint.url, self._client_id, self._refresh_token
        )

    def _current(self, stored: StoredTokens | None) -> StoredTokens:
        configured = _fingerprint(self._refresh_token)
        if stored is not None and stored.configured == configured:
            return stored
        return StoredTokens(self._refresh_token, configured)

    def _exchange(self, current: StoredTokens) -> AccessToken:
        form = {"grant_type": "refresh_token", "refresh_token": current.refresh_token}
        if self._scope:
            form["scope"] = self._scope
        # HTTP Basic without the form-encoding of RFC 6749 2.3.1, as D2L's own sample does
        answer = self._endpoint.ask(
            lambda: form, basic=(self._client_id, self._client_secret), single_use=True
        )
        access = answer.access_token()
        # kept also where the access token is missing: the refresh token that was sent is used up
        newest = answer.refresh_token() or current.refresh_token
        self._keep(StoredTokens(newest, current.configured, access))
        return access or _no_access_token()

    def _keep(self, tokens: StoredTokens) -> None:
        try:
            self._store.save(tokens)
        except Exception as error:  # noqa: BLE001  # a user's own store may raise anything
            reason = error.message if isinstance(error, BrightspaceError) else type(error).__name__
            raise AuthenticationError(
                "The new refresh token could not be stored, and the old one is used up. "
                f"{reason} {_AUTHORISE_AGAIN}"
            ) from None


class ServiceUserGrant:
    """Exchanges a signed assertion for an access token.

    Args:
        endpoint: Where to send it.
        client_id: Client id of the app.
        private_key: PEM text of an RSA or EC key.
        key_id: The `kid` under which the app's JWKS holds the public key.
        scope: Scopes to ask for, separated by blanks.
        clock: Unix time in seconds, replaced in tests.

    Raises:
        ConfigurationError: If the key cannot be used, or the extra `service-user` is missing.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        client_id: str,
        private_key: str,
        key_id: str,
        scope: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._client_id = client_id
        self._key, self._algorithm = _signing_key(private_key)
        self._key_id = key_id
        self._scope = scope
        self._clock = clock

    def obtain(self, refused: str | None) -> AccessToken:
        """A new access token."""
        return self._endpoint.ask(self._form).access_token() or _no_access_token()

    def _form(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(),
            "scope": self._scope,
        }

    def _assertion(self) -> str:
        import jwt

        now = int(self._clock())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._endpoint.url,
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(
            claims, self._key, self._algorithm, headers={"kid": self._key_id, "typ": "JWT"}
        )


@dataclass(frozen=True, repr=False)
class TokenAnswer:
    """A JSON object from the token endpoint, and when it was asked for."""

    fields: Mapping[str, Any]
    sent_at: float

    def access_token(self) -> AccessToken | None:
        """The access token; None if there is none that could be sent in a header."""
        value = self.fields.get("access_token")
        if not (_is_text(value) and re.fullmatch("[!-~]+", value)):
            return None
        lifetime = _seconds(self.fields.get("expires_in"))
        return AccessToken(value, self.sent_at, self.sent_at + lifetime if lifetime else None)

    def refresh_token(self) -> str | None:
        """The next refresh token; None if the one that was sent goes on working."""
        value = self.fields.get("refresh_token")
        return value if _is_text(value) else None


class TokenEndpoint:
    """Asks the token endpoint, again where that is safe.

    Args:
        url: Address of the endpoint.
        transport: Sends the request.
        clock: Unix time in seconds, replaced in tests.
        sleep: Rests between attempts, replaced in tests.
    """

    def __init__(
        self,
        url: str,
        transport: SendsOne,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self._transport = transport
        self._clock = clock
        self._sleep = sleep

    def ask(
        self,
        form: Callable[[], dict[str, str]],
        *,
        basic: tuple[str, str] | None = None,
        single_use: bool = False,
    ) -> TokenAnswer:
        """Send a form and read the answer.

        Args:
            form: Makes the fields, anew for each attempt.
            basic: Client id and secret for HTTP Basic.
            single_use: The form holds something that the server may accept only once, so a form
                whose answer was lost is not sent again.

        Returns:
            The answer to a request that was granted.

        Raises:
            AuthenticationError: If there is no token, whatever the cause. Not `ServiceUnavailable`
                or `ProtocolError`: those may cost one org unit its rows, this ends the run.
            RateLimited: If the endpoint is busy at every attempt, or asks for a long rest.
        """
        attempt = 0
        while True:
            attempt += 1
            sent_at = self._clock()
            request = requests.Request(
                "POST", self.url, data=form(), auth=basic, headers={"Accept": "application/json"}
            )
            outcome = self._exchange(HttpRequest.of(request.prepare()), single_use=single_use)
            if isinstance(outcome, HttpResponse):
                return TokenAnswer(_fields(outcome, single_use=single_use), sent_at)
            rest = max(outcome.rest, _BACKOFF_SECONDS * 2 ** (attempt - 1))
            if attempt == _ATTEMPTS or rest > _LONGEST_REST_SECONDS:
                raise outcome.error
            self._sleep(rest)

    def _exchange(self, request: HttpRequest, *, single_use: bool) -> HttpResponse | _Again:
        try:
            response = self._transport.exchange(request)
        except TransportFailure as failure:
            if single_use and failure.delivered:
                raise _lost(failure.reason) from None
            return _Again(
                AuthenticationError(
                    f"The token endpoint cannot be reached: {failure.reason}. Run again later, or "
                    "check `credentials.token_url` and the network.",
                    _context(None),
                )
            )
        except OversizedBody:
            raise _unreadable("far more than a token", None) from None
        return _again(response) or response


@dataclass(frozen=True)
class _Again:
    """Why one attempt failed, and how long the endpoint wants to be left alone."""

    error: BrightspaceError
    rest: float = 0.0


def _again(response: HttpResponse) -> _Again | None:
    context = _context(response.status_code)
    # `Retry-After` as a date is left to the back-off
    rest = _seconds(response.headers.get("Retry-After")) or 0.0
    if response.status_code == requests.codes.too_many_requests:
        return _Again(RateLimited("The token endpoint is busy. Run again later.", context), rest)
    if response.status_code >= requests.codes.server_error:
        error = AuthenticationError("The token endpoint fails. Run again later.", context)
        return _Again(error, rest)
    return None


def _fields(response: HttpResponse, *, single_use: bool) -> Mapping[str, Any]:
    document = _json_object(response.content)
    if response.status_code >= requests.codes.bad_request:
        raise _refused(response.status_code, (document or {}).get("error"), single_use=single_use)
    if response.status_code == requests.codes.ok and document is not None:
        return document
    kind = "a redirect" if response.is_redirect else "something that is not a JSON object"
    raise _unreadable(kind, response.status_code)


def _unreadable(kind: str, status: int | None) -> AuthenticationError:
    return AuthenticationError(
        f"The token endpoint answered with {kind}. Check `credentials.token_url`: D2L's is "
        f"{TOKEN_URL}.",
        _context(status),
    )


# RFC 6749, 5.2
_ERROR_CODES = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_ADVICE = {
    "invalid_grant": (
        "The token endpoint does not accept the refresh token any more: it was used already, has "
        f"expired, or was revoked. {_AUTHORISE_AGAIN}"
    ),
    "invalid_client": (
        "The token endpoint does not know the client. Compare `client_id` and `client_secret` "
        "with the app in Manage Extensibility; for a service user compare `client_id` and "
        "`key_id` with the app's JWKS URL, and check this machine's clock."
    ),
    "unauthorized_client": (
        "The app may not use this grant. In Manage Extensibility switch on 'Enable refresh "
        "tokens', or the grant type 'Client Credentials' for a service user."
    ),
    "invalid_scope": (
        "The app is not registered for a scope in `credentials.scope`. Ask for less, or add the "
        "scope to the app in Manage Extensibility; blanks go between scopes, none around commas."
    ),
}


def _refused(status: int, code: object, *, single_use: bool) -> AuthenticationError:
    # an error code is one of a few words; anything else in that place may be an echo
    known = code if isinstance(code, str) and code in _ERROR_CODES else None
    # a service user has no refresh token: its grant is the assertion by which the client is known
    advice = "invalid_client" if known == "invalid_grant" and not single_use else known
    return AuthenticationError(
        _ADVICE.get(advice or "", "The token endpoint refuses to hand out a token."),
        _context(status, known),
    )


def _lost(reason: str) -> AuthenticationError:
    return AuthenticationError(
        f"The answer of the token endpoint was lost ({reason}). The request was not sent again: "
        "the refresh token in it may be used up. Run again once; if it is refused then: "
        f"{_AUTHORISE_AGAIN}",
        _context(None),
    )


def _no_access_token() -> NoReturn:
    raise AuthenticationError(
        "The token endpoint's answer holds no `access_token`. Check `credentials.token_url`.",
        _context(requests.codes.ok),
    )


def _context(status: int | None, detail: str | None = None) -> RequestContext:
    return RequestContext("token endpoint", status=status, detail=detail)


def _signing_key(pem: str) -> tuple[RSAPrivateKey | EllipticCurvePrivateKey, str]:
    try:
        import jwt  # noqa: F401
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise ConfigurationError(
            "A service user needs PyJWT and cryptography: "
            'pip install "d2l-brightspace[service-user]"'
        ) from None
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except Exception:  # noqa: BLE001  # whatever cryptography says of the key, it must not be shown
        key = None
    if isinstance(key, RSAPrivateKey) and key.key_size >= _SMALLEST_RSA_BITS:
        return key, "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key, _CURVES[key.curve.name]
    raise ConfigurationError(
        "Setting `credentials.private_key` cannot be read, or is neither an RSA key of at least "
        f"{_SMALLEST_RSA_BITS} bits nor an EC key on P-256, P-384 or P-521. A key that works: "
        "`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`."
    )


def _json_object(text: str | bytes) -> dict[str, Any] | None:
    # no exception leaves from here: json's holds the whole text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _is_access_token(value: object) -> bool:
    # written by `to_json`, so any other shape means damage
    if not isinstance(value, dict) or set(value) != {"value", "sent_at", "expires_at"}:
        return False
    ends = value["expires_at"]
    return (
        _is_text(value["value"])
        and _is_number(value["sent_at"])
        and (ends is None or _is_number(ends))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(value: object) -> float | None:
    """A positive, finite number, also where it arrives as a string; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
