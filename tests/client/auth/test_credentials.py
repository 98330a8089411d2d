from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.configuration.providers import CustomLoaderDocProvider
from dlt.common.configuration.specs import PluggableRunContext

from d2l_brightspace.client.auth.credentials import (
    BearerAuth,
    BrightspaceCredentials,
    IdKeyAuth,
    RefreshTokenAuth,
    ServiceUserAuth,
)
from d2l_brightspace.client.auth.token_endpoint import TOKEN_URL
from d2l_brightspace.client.auth.token_store import FileTokenStore
from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.http.origins import is_loopback
from d2l_brightspace.client.http.transport import Transport

CANARY = "canary-secret-0451"
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)
FIELDS: dict[type[Any], dict[str, str]] = {
    BearerAuth: {"token": CANARY},
    RefreshTokenAuth: {
        "client_id": "app",
        "client_secret": CANARY,
        "refresh_token": f"{CANARY}-refresh",
    },
    ServiceUserAuth: {
        "client_id": "app",
        "private_key": PEM,
        "key_id": "key-1",
        "scope": "users:userdata:read",
    },
    IdKeyAuth: {
        "app_id": "app",
        "app_key": CANARY,
        "user_id": "user",
        "user_key": f"{CANARY}-user",
    },
}
REQUIRED = {**FIELDS, RefreshTokenAuth: {"client_id": "app", "client_secret": CANARY}}
"""Without the refresh token, which a log-in puts into the store."""
SCHEMES = pytest.mark.parametrize("spec", FIELDS, ids=lambda spec: spec.__name__)
ENVIRONMENT = "SOURCES__D2L_BRIGHTSPACE_SOURCE__CREDENTIALS__"


@dlt.source(name="d2l_brightspace", section="d2l_brightspace_source")
def source(credentials: BrightspaceCredentials = dlt.secrets.value) -> Any:
    return dlt.resource([{"credentials": credentials}], name="resolved")


def resolved(credentials: Any = dlt.secrets.value) -> Any:
    return next(iter(source(credentials).resources["resolved"]))["credentials"]


def values(credentials: Any, spec: type[Any]) -> dict[str, str]:
    return {name: credentials[name] for name in FIELDS[spec]}


@pytest.fixture
def settings() -> Iterator[dict[str, Any]]:
    """A document as `secrets.toml` holds it, to be filled by the test."""
    document: dict[str, Any] = {}
    section = {"sources": {"d2l_brightspace_source": {"credentials": document}}}
    container = Container()[PluggableRunContext].providers
    before = list(container.providers)
    provider = CustomLoaderDocProvider("settings of the test", lambda: section, locations=[])
    container.add_provider(provider)
    yield document
    container.providers[:] = before


@SCHEMES
def test_resolves_from_the_environment(spec: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FIELDS[spec].items():
        monkeypatch.setenv(ENVIRONMENT + name.upper(), value)
    credentials = resolved()
    assert type(credentials) is spec
    assert values(credentials, spec) == FIELDS[spec]


@SCHEMES
def test_resolves_from_a_settings_document(spec: type[Any], settings: dict[str, Any]) -> None:
    settings.update(FIELDS[spec])
    credentials = resolved()
    assert type(credentials) is spec
    assert values(credentials, spec) == FIELDS[spec]


@SCHEMES
def test_resolves_from_a_dict(spec: type[Any]) -> None:
    credentials = resolved(dict(FIELDS[spec]))
    assert type(credentials) is spec
    assert values(credentials, spec) == FIELDS[spec]


@SCHEMES
def test_an_instance_is_taken_as_it_is(spec: type[Any]) -> None:
    instance = spec(**FIELDS[spec])
    assert resolved(instance) is instance


@SCHEMES
def test_an_instance_wins_over_another_scheme_in_the_settings(
    spec: type[Any], settings: dict[str, Any]
) -> None:
    for other, fields in FIELDS.items():
        settings.update(fields if other is not spec else {})
    instance = spec(**FIELDS[spec])
    assert resolved(instance) is instance


def test_the_first_of_the_schemes_whose_settings_are_all_there(settings: dict[str, Any]) -> None:
    settings.update(REQUIRED[RefreshTokenAuth])
    assert isinstance(resolved(), RefreshTokenAuth)
    settings.update(FIELDS[ServiceUserAuth])
    assert isinstance(resolved(), ServiceUserAuth)


def test_positional() -> None:
    assert BearerAuth("token-1").token == "token-1"


@pytest.mark.parametrize("as_path", [str, Path], ids=["str", "Path"])
def test_token_store_as_a_path(as_path: type[Any], tmp_path: Path, transport: Transport) -> None:
    path = as_path(tmp_path / "tokens.json")
    credentials = resolved({**FIELDS[RefreshTokenAuth], "token_store": path})
    assert credentials.token_store == path
    credentials.authenticator(transport)


def test_token_store_from_the_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    path = str(tmp_path / "tokens.json")
    settings.update(FIELDS[RefreshTokenAuth], token_store=path)
    assert resolved().token_store == path


def test_token_store_as_an_instance(tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    assert RefreshTokenAuth(**FIELDS[RefreshTokenAuth], token_store=store).token_store is store


@SCHEMES
def test_incomplete_settings_name_what_is_missing(
    spec: type[Any], settings: dict[str, Any]
) -> None:
    missing = list(REQUIRED[spec])[-1]
    settings.update({k: v for k, v in FIELDS[spec].items() if k != missing})
    with pytest.raises(ConfigFieldMissingException) as caught:
        resolved()
    text = str(caught.value)
    assert spec.__name__ in text
    assert f"`{missing}`" in text
    assert CANARY not in text


@SCHEMES
def test_incomplete_by_hand_is_found_before_any_request(
    spec: type[Any], transport: Transport
) -> None:
    missing = list(REQUIRED[spec])[-1]
    credentials = spec(**{k: v for k, v in FIELDS[spec].items() if k != missing})
    with pytest.raises(ConfigurationError, match=rf"credentials\.{missing}` is missing"):
        credentials.authenticator(transport)


def test_credentials_that_are_one_text_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__CREDENTIALS", CANARY)
    with pytest.raises(Exception, match="a table of named settings") as caught:
        resolved()
    assert CANARY not in str(caught.value)


@SCHEMES
def test_blanks_around_are_stripped(spec: type[Any]) -> None:
    credentials = spec(**{name: f" \t{value}\r\n" for name, value in FIELDS[spec].items()})
    assert values(credentials, spec) == FIELDS[spec]


@SCHEMES
@pytest.mark.parametrize(
    "bad",
    ["", " \n", f"{CANARY}\x00", f"{CANARY}\n{CANARY}", f"{CANARY}é", f'"{CANARY}"', f"<{CANARY}>"],
    ids=["empty", "blank", "NUL", "two lines", "not ASCII", "quoted", "placeholder"],
)
def test_a_value_that_cannot_be_right_is_refused_and_not_shown(spec: type[Any], bad: str) -> None:
    for name in FIELDS[spec]:
        if name == "scope" and "\n" in bad.strip():
            continue  # several lines of scopes are folded into one
        with pytest.raises(ConfigurationError, match=rf"credentials\.{name}`") as caught:
            spec(**{**FIELDS[spec], name: bad})
        assert CANARY not in str(caught.value)
        assert f"{name} = " in str(caught.value)


def test_a_value_spoilt_after_it_was_checked_is_found(transport: Transport) -> None:
    credentials = BearerAuth(CANARY)
    credentials.token = f"{CANARY}\x7f"
    with pytest.raises(ConfigurationError):
        credentials.authenticator(transport)


def test_a_number_is_not_a_text() -> None:
    with pytest.raises(ConfigurationError, match="is not a text"):
        IdKeyAuth(**{**FIELDS[IdKeyAuth], "app_id": 7})  # type: ignore[arg-type]


def test_bearer_prefix_is_dropped() -> None:
    assert BearerAuth(f" bearer  {CANARY}\n").token == CANARY


def test_scope_may_span_lines() -> None:
    scope = "users:userdata:read\n  enrollment:orgunit:read\n"
    credentials = ServiceUserAuth(**{**FIELDS[ServiceUserAuth], "scope": scope})
    assert credentials.scope == "users:userdata:read enrollment:orgunit:read"


@pytest.mark.parametrize(
    "spelled", [PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n")], ids=["backslash n", "CR LF"]
)
def test_private_key_line_ends(spelled: str) -> None:
    assert ServiceUserAuth(**{**FIELDS[ServiceUserAuth], "private_key": spelled}).private_key == PEM


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("/home/me/canary-secret-0451.pem", "a path is not read"),
        (PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"), "passphrase"),
        (PEM.replace("PRIVATE", "PUBLIC"), "holds no private key"),
    ],
    ids=["path", "encrypted", "public"],
)
def test_private_key_that_is_none(bad: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        ServiceUserAuth(**{**FIELDS[ServiceUserAuth], "private_key": bad})
    assert bad not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.example.edu/token",
        "http://localhost.example.edu/token",
        "http://10.0.0.1/token",
        "ftp://localhost/token",
        "auth.example.edu/token",
        "https://user:canary@auth.example.edu/token",
        "https://[::1/token",
        "https://auth.example.edu:port/token",
        "https:///token",
    ],
)
def test_token_url_that_is_refused(url: str) -> None:
    for spec in (RefreshTokenAuth, ServiceUserAuth):
        with pytest.raises(ConfigurationError, match=r"credentials\.token_url`") as caught:
            spec(**FIELDS[spec], token_url=url)
        assert url not in str(caught.value)
        assert TOKEN_URL in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        TOKEN_URL,
        "http://localhost:8000/core/connect/token",
        "http://127.0.0.5:8000/core/connect/token",
        "http://[::1]:8000/core/connect/token",
    ],
)
def test_token_url_that_is_taken(url: str) -> None:
    assert RefreshTokenAuth(**FIELDS[RefreshTokenAuth], token_url=url).token_url == url


@pytest.mark.parametrize("host", ["", None, "localhost.", "0.0.0.0", "128.0.0.1"])
def test_not_loopback(host: str | None) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [("tokens.json", "absolute"), (7, "neither a path nor a TokenStore")],
    ids=["relative", "number"],
)
def test_token_store_that_is_refused(bad: object, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        RefreshTokenAuth(**FIELDS[RefreshTokenAuth], token_store=bad)


@SCHEMES
def test_no_secret_in_what_is_shown(spec: type[Any]) -> None:
    for credentials in (spec(**FIELDS[spec]), spec()):
        shown = f"{credentials!r} {credentials} {[credentials]}"
        assert CANARY not in shown
        assert "BEGIN" not in shown


@SCHEMES
def test_specs_survive_copy_and_pickle(spec: type[Any]) -> None:
    credentials = spec(**FIELDS[spec])
    for twin in (credentials.copy(), pickle.loads(pickle.dumps(credentials))):
        assert twin.is_resolved()
        assert values(twin, spec) == FIELDS[spec]


@SCHEMES
def test_authenticator_sends_nothing_and_writes_nothing(
    spec: type[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, transport: Transport
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Transport, "exchange", None)
    spec(**FIELDS[spec]).authenticator(transport)
    assert list(tmp_path.iterdir()) == []


def test_bearer_authenticator(transport: Transport) -> None:
    authenticator = BearerAuth(CANARY).authenticator(transport)
    request = requests.Request("GET", "https://lms.example.edu/").prepare()
    authenticator.authenticate(request)
    assert request.headers["Authorization"] == f"Bearer {CANARY}"
    assert not authenticator.renew(request)
    assert not authenticator.learn_server_time(1)
    assert CANARY not in repr(authenticator)


def test_id_key_authenticator(transport: Transport) -> None:
    authenticator = IdKeyAuth(**FIELDS[IdKeyAuth]).authenticator(transport)
    request = requests.Request("GET", "https://lms.example.edu/d2l/api/versions/").prepare()
    authenticator.authenticate(request)
    assert "?x_a=app&x_c=" in (request.url or "")
