"""The four ways to log in to Brightspace: what a user sets, and what signs the requests of a run.

Each of them is also a `requests` authentication, and one that dlt's `rest_api` takes as the `auth`
of a client: it puts the credential on a request when that is prepared, just before it is sent, and
cures a 401, or a clock that differs, once.

Settings live in `[sources.d2l_brightspace_source.credentials]`. They are checked where they enter:
a secret with a newline at its end would otherwise turn up, in full, in an error of the HTTP layer.
"""

from __future__ import annotations

import copy
import os
import threading
import weakref
from contextlib import ExitStack
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import dlt
from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from requests import PreparedRequest, Response

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.http.messages import HttpRequest, HttpResponse, SignableRequest
from d2l_brightspace.client.http.origins import is_loopback, within_brightspace
from d2l_brightspace.client.http.private_logs import private_logs
from d2l_brightspace.client.http.transport import SendsOne, Transport
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.paths import checked_path

from .authorization_code import AUTHORIZATION_URL
from .grants import RefreshTokenGrant, ServiceUserGrant, TokenAuthenticator
from .id_key import IdKeyAuthenticator, reported_server_time, without_signature
from .token_endpoint import TOKEN_URL, TokenEndpoint
from .token_store import FileTokenStore, TokenStore

_SECTION = "[sources.d2l_brightspace_source.credentials]"
_PEM_EXAMPLE = (
    'private_key = """-----BEGIN PRIVATE KEY-----\\n…\\n-----END PRIVATE KEY-----"""; in a shell: '
    'export SOURCES__D2L_BRIGHTSPACE_SOURCE__CREDENTIALS__PRIVATE_KEY="$(cat key.pem)"'
)


class Authenticator(Protocol):
    """Puts a credential on each request at the moment of sending; one per run, thread-safe."""

    def authenticate(self, request: SignableRequest) -> None:
        """Set the bearer or sign the URL of a request that is about to be sent."""

    def renew(self, refused: SignableRequest) -> bool:
        """After a 401: get a new credential; False if this scheme has no way to."""

    def learn_server_time(self, server_time: int) -> bool:
        """After `Timestamp out of range`: True if the corrected clock is worth another try."""


class _BearerAuthenticator:
    """Sends a token that somebody else obtained and that nobody here can renew."""

    def __init__(self, token: str) -> None:
        self._token = token

    def authenticate(self, request: SignableRequest) -> None:
        request.headers["Authorization"] = f"Bearer {self._token}"

    def renew(self, refused: SignableRequest) -> bool:
        return False

    def learn_server_time(self, server_time: int) -> bool:
        return False


class _OneExchange:
    """Sends single requests, and leaves no connection behind."""

    def exchange(self, request: HttpRequest) -> HttpResponse:
        transport = Transport(Limits())
        try:
            return transport.exchange(request)
        finally:
            transport.close()


class _Shared:
    """The one authenticator of a credential and of its copies, for use by requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: tuple[Any, ...] = ()
        self._authenticator: Authenticator | None = None

    def authenticator(self, credentials: _Credentials) -> Authenticator:
        settings = tuple(dict(credentials).values())
        with self._lock:
            if self._authenticator is None or settings != self._settings:
                self._authenticator = credentials.authenticator(_OneExchange())
                self._settings = settings
            return self._authenticator


@configspec
class _Credentials(AuthConfigBase):
    """What the four schemes share."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the credential on a request of `requests`."""
        self._put_on(request)
        request.register_hook("response", self._cure)  # type: ignore[no-untyped-call]
        request.register_hook("response", _keep_at_home)  # type: ignore[no-untyped-call]
        return request

    def _put_on(self, request: PreparedRequest) -> None:
        self._authenticator.authenticate(request)

    def authenticator(self, transport: SendsOne) -> Authenticator:
        """What puts these credentials on the requests of one run; sends nothing."""
        raise NotImplementedError

    @property
    def _authenticator(self) -> Authenticator:
        # no field, so that it is neither shown nor taken for a setting
        shared = self.__dict__.setdefault("_shared", _Shared())
        return shared.authenticator(self)  # type: ignore[no-any-return]

    def _cure(self, response: Response, **options: Any) -> Response:
        """Send a request once more, after a 401 or where its time is not Brightspace's."""
        authenticator = self._authenticator
        if response.status_code == 401:
            if not authenticator.renew(response.request):
                return response
        else:
            refused = response.status_code == 403
            server_time = reported_server_time(response.text) if refused else None
            if server_time is None:
                return response
            # worth another try in any case: another thread may have learned it meanwhile
            authenticator.learn_server_time(server_time)
        response.content  # noqa: B018  # read to its end, the connection can be used again
        response.close()
        request = response.request.copy()
        self._put_on(request)
        again: Response = response.connection.send(request, **options)
        again.history.append(response)
        again.request = request
        return again

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # rest_api copies its configuration; two copies that each renewed a refresh token for
        # themselves would use up each other's
        twin = copy.copy(self)
        twin.__dict__["_shared"] = self.__dict__.setdefault("_shared", _Shared())
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_shared"}

    def __post_init__(self) -> None:
        # Resolve what was made by hand. dlt would otherwise take an instance for a bag of values
        # and fill the first class of the union from the environment: another login than the given.
        if not self.is_partial():
            self.resolve()

    def parse_native_representation(self, native_value: Any) -> None:
        """Refuse credentials that are one single value."""
        raise ValueError(
            f"the credentials are a table of named settings in {_SECTION}, not one value, "
            'such as token = "…"'
        )

    def _set(self, *names: str, example: str = "…") -> None:
        for name in names:
            self[name] = _check(name, self[name], example)


@configspec
class BearerAuth(_Credentials):
    """An OAuth2 access token that you already hold; nothing renews it when it expires."""

    token: TSecretStrValue = dlt.secrets.value
    """Access token, with or without `Bearer ` before it."""

    def on_resolved(self) -> None:
        """Check and tidy the settings.

        Raises:
            ConfigurationError: If a setting is missing or cannot be right.
        """
        if isinstance(self.token, str) and self.token.strip().lower().startswith("bearer "):
            self.token = self.token.strip()[len("bearer ") :]
        self._set("token")

    def authenticator(self, transport: SendsOne) -> Authenticator:
        """What puts these credentials on the requests of one run; sends nothing."""
        self.resolve()
        return _BearerAuthenticator(self.token)


@configspec
class RefreshTokenAuth(_Credentials):
    """OAuth2 authorization code: acts as the person who gave consent.

    Brightspace accepts each refresh token once and hands out the next one with every access token.
    The newest is kept in `token_store`; a newly configured `refresh_token` wins over a kept one,
    and a later `d2l-brightspace login` over both.
    """

    client_id: str = dlt.config.value
    client_secret: TSecretStrValue = dlt.secrets.value
    refresh_token: TSecretStrValue | None = None
    """The first one; None: that which `d2l-brightspace login` put into the token store."""
    token_url: str = TOKEN_URL
    scope: str | None = None
    """Scopes to ask for, separated by blanks; None: those that were consented to."""
    token_store: Any | None = None
    """Absolute path of a file, or a `TokenStore`; None: a file in dlt's global folder."""
    auth_url: str = AUTHORIZATION_URL
    """Where `d2l-brightspace login` sends the browser."""

    def on_resolved(self) -> None:
        """Check and tidy the settings.

        Raises:
            ConfigurationError: If a setting is missing or cannot be right.
        """
        self._set("client_id", "client_secret")
        if self.refresh_token is not None:
            self._set("refresh_token")
        self.token_url = _check_address("token_url", self.token_url, TOKEN_URL)
        self.auth_url = _check_address("auth_url", self.auth_url, AUTHORIZATION_URL)
        self.scope = _check("scope", self.scope) if self.scope else None
        _check_token_store(self.token_store)

    def authenticator(self, transport: SendsOne) -> Authenticator:
        """What puts these credentials on the requests of one run; sends nothing."""
        return TokenAuthenticator(self.grant(transport))

    def grant(self, transport: SendsOne) -> RefreshTokenGrant:
        """What keeps the tokens and renews them; sends nothing."""
        self.resolve()
        return RefreshTokenGrant(
            TokenEndpoint(self.token_url, transport),
            self.client_id,
            self.client_secret,
            self.refresh_token,
            scope=self.scope,
            store=_token_store(self.token_store),
        )


@configspec
class ServiceUserAuth(_Credentials):
    """OAuth2 client credentials: a service user that proves itself with a private key.

    Needs the extra `service-user`: `pip install "d2l-brightspace[service-user]"`.
    """

    client_id: str = dlt.config.value
    private_key: TSecretStrValue = dlt.secrets.value
    """PEM text of an RSA or EC key, not the path of a file."""
    key_id: str = dlt.config.value
    """The `kid` of the public key in the JWKS that the app is registered with."""
    scope: str = dlt.config.value
    """Scopes to ask for, separated by blanks."""
    token_url: str = TOKEN_URL

    def on_resolved(self) -> None:
        """Check and tidy the settings.

        Raises:
            ConfigurationError: If a setting is missing or cannot be right.
        """
        self._set("client_id", "key_id")
        self._set("scope", example="users:userdata:read enrollment:orgunit:read")
        self.private_key = _check_private_key(self.private_key)
        self.token_url = _check_address("token_url", self.token_url, TOKEN_URL)

    def authenticator(self, transport: SendsOne) -> Authenticator:
        """What puts these credentials on the requests of one run; sends nothing."""
        self.resolve()
        grant = ServiceUserGrant(
            TokenEndpoint(self.token_url, transport),
            self.client_id,
            self.private_key,
            self.key_id,
            self.scope,
        )
        return TokenAuthenticator(grant)


@configspec
class IdKeyAuth(_Credentials):
    """Legacy ID-Key signing: an application's id and key, a user's id and key."""

    app_id: str = dlt.config.value
    app_key: TSecretStrValue = dlt.secrets.value
    user_id: str = dlt.config.value
    user_key: TSecretStrValue = dlt.secrets.value

    def on_resolved(self) -> None:
        """Check and tidy the settings.

        Raises:
            ConfigurationError: If a setting is missing or cannot be right.
        """
        self._set("app_id", "app_key", "user_id", "user_key")

    def authenticator(self, transport: SendsOne) -> Authenticator:
        """What puts these credentials on the requests of one run; sends nothing."""
        self.resolve()
        return IdKeyAuthenticator(self.app_id, self.app_key, self.user_id, self.user_key)

    def _put_on(self, request: PreparedRequest) -> None:
        request.url = without_signature(request.url or "")
        request.__class__ = _SignedWhenSent
        request.__dict__["_credentials"] = self
        # urllib3 gets the signed path; nothing says when the exchange is over but its end
        logs = ExitStack()
        logs.enter_context(private_logs())
        weakref.finalize(request, logs.close)


class _SignedWhenSent(PreparedRequest):
    """A request whose URL holds no signature: that is put on when requests asks what to send.

    Whoever logs the URL, as dlt does at level INFO, or names it in an error, has none to tell. A
    copy, such as the one requests makes for a redirect, is not signed.
    """

    _credentials: IdKeyAuth

    @property
    def path_url(self) -> str:
        """Path and query as they go over the wire."""
        twin = PreparedRequest()
        twin.method, twin.url = self.method, self.url
        self._credentials._authenticator.authenticate(twin)
        return twin.path_url


def _keep_at_home(response: Response, **_: Any) -> Response:
    # requests takes the header along to all of a host, where other apps may be
    if response.is_redirect:
        target = within_brightspace(response.headers["Location"], response.url)
        for one in [response, *response.history] if target is None else []:
            one.request.headers.pop("Authorization", None)
    return response


BrightspaceCredentials: TypeAlias = BearerAuth | ServiceUserAuth | RefreshTokenAuth | IdKeyAuth
"""dlt takes the first of these whose required settings are all there."""


def _setting_error(name: str, problem: str, example: str) -> ConfigurationError:
    # never the value: a secret may have been put into the wrong setting
    return ConfigurationError(
        f"Setting `credentials.{name}` {problem}. Set it in {_SECTION}: {example}"
    )


def _check(name: str, value: object, example: str = "…") -> str:
    text = value.strip() if isinstance(value, str) else ""
    if name == "scope":
        text = " ".join(text.split())
    problem = None
    if value is None:
        problem = "is missing"
    elif not isinstance(value, str):
        problem = "is not a text"
    elif not text:
        problem = "is empty"
    elif text[0] in "\"'<":
        problem = "begins with a quote or a placeholder's bracket"
    elif not (text.isascii() and text.isprintable()):
        problem = "holds control characters or characters outside ASCII"
    elif " " in text and name != "scope":
        problem = "holds a blank"
    if problem:
        raise _setting_error(name, problem, f'{name} = "{example}"')
    return text


def _check_address(name: str, value: object, usual: str) -> str:
    example = f'{name} = "{usual}"'
    url = _check(name, value, usual)
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise _setting_error(name, "is not an address", example)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise _setting_error(name, "must begin with https:// (http only on loopback)", example)
    return url


def _check_private_key(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _setting_error("private_key", "is missing", _PEM_EXAMPLE)
    # environment variables and JSON often carry a PEM with "\n" spelled out
    pem = value.replace("\\r", "").replace("\\n", "\n").replace("\r\n", "\n").strip()
    problem = None
    if not (pem.startswith("-----BEGIN ") and "-----END " in pem):
        problem = "is not a PEM text (a path is not read: give the text of the file)"
    elif "ENCRYPTED" in pem:
        problem = "has a passphrase; write one without it by `openssl pkey -in key.pem`"
    elif "PRIVATE KEY-----" not in pem:
        problem = "holds no private key, only a public key or a certificate"
    if problem:
        raise _setting_error("private_key", problem, _PEM_EXAMPLE)
    return f"{pem}\n"


def _check_token_store(value: object) -> None:
    if value is None or isinstance(value, TokenStore):
        return
    example = 'token_store = "/var/lib/my-loader/brightspace-token.json"'
    if not isinstance(value, str | os.PathLike):
        raise _setting_error("token_store", "is neither a path nor a TokenStore", example)
    # a relative path names another file for each folder the job is started in, and the token in
    # the wrong one is used up
    if not checked_path(value, "Setting `credentials.token_store`", example).is_absolute():
        raise _setting_error("token_store", "must be an absolute path", example)


def _token_store(value: Any) -> TokenStore | None:
    if value is None or isinstance(value, TokenStore):
        return value
    return FileTokenStore(value)
