"""The OAuth2 grants: ways to get an access token, and what puts it on requests.

One token serves all threads of a run; it is renewed before it expires and where it was refused.
"""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import NoReturn, Protocol

from d2l_brightspace.client.errors import AuthenticationError, BrightspaceError
from d2l_brightspace.client.http.messages import SignableRequest

from .signing_key import signing_key
from .token_endpoint import TokenEndpoint, error_context
from .token_store import TokenStore, default_store, fingerprint
from .tokens import LOG_IN_AGAIN, AccessToken, StoredTokens, is_sendable

# D2L recommends less than 60 s and refuses more than 5 minutes
_ASSERTION_SECONDS = 55


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
        refresh_token: The configured refresh token, with which a chain begins; None where only
            that counts which a log-in put into the store.
        scope: Scopes to ask for, None for all that were consented to.
        store: Keeps the newest refresh token; None for a file in dlt's global folder.
        clock: Unix time in seconds, replaced in tests.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        client_id: str,
        client_secret: str,
        refresh_token: str | None,
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
            # a user's own store gives what it likes
            sendable = access is not None and is_sendable(access.value)
            if access and sendable and access.value != refused and access.is_fresh(self._clock()):
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

    def adopt(self, refresh_token: str, access_token: AccessToken) -> TokenStore:
        """Keep the tokens of a new log-in; from now on they win over a configured refresh token.

        Returns:
            The store that keeps them.

        Raises:
            AuthenticationError: If it cannot.
            ConfigurationError: If it is locked, or not safe.
        """
        # said to descend from what is configured, so that it is found in its place
        configured = fingerprint(self._refresh_token or "")
        with self._store.locked():
            self._keep(StoredTokens(refresh_token, configured, access_token))
        return self._store

    def check_store(self) -> None:
        """Find out whether tokens can be kept, before a person takes the trouble to log in.

        Raises:
            ConfigurationError: If they cannot.
        """
        with self._store.locked():
            pass

    def _current(self, stored: StoredTokens | None) -> StoredTokens:
        if self._refresh_token is None:
            return stored or self._no_refresh_token()
        configured = fingerprint(self._refresh_token)
        if stored is not None and stored.configured == configured:
            return stored
        return StoredTokens(self._refresh_token, configured)

    def _no_refresh_token(self) -> NoReturn:
        raise AuthenticationError(
            f"There is no refresh token yet: none is configured, and none is in {self._store}. "
            "Log in: `d2l-brightspace login` (without a browser here: `d2l-brightspace login "
            "--paste`)."
        )

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
                f"{reason} {LOG_IN_AGAIN}"
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
        self._key, self._algorithm = signing_key(private_key)
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


def _no_access_token() -> NoReturn:
    raise AuthenticationError(
        "The token endpoint's answer holds no `access_token`. Check `credentials.token_url`.",
        error_context(200),
    )
