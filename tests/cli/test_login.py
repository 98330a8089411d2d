"""A whole log-in over HTTP; the browser is played by a few lines, in tests/browser by Chromium."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import requests
from click.testing import CliRunner, Result

from d2l_brightspace.cli.main import main
from d2l_brightspace.client.errors import AuthenticationError
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.connection import configured_session
from d2l_brightspace.sandbox import Sandbox

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from .conftest import Person, read_settings_anew

WHO = "lp/(version)/users/whoami"
Sit = Callable[[str], Person]
Set = Callable[..., None]


def oauth(sandbox: Sandbox, **changes: str) -> dict[str, str]:
    fields = {**sandbox.credentials["refresh_token"], **changes}
    return {name: value for name, value in fields.items() if value and name != "refresh_token"}


def log_in(*arguments: object, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["login", *map(str, arguments)], input=typed)


def assert_secrets_stay_off_screen(result: Result, sandbox: Sandbox, *more: str) -> None:
    for fields in sandbox.credentials.values():
        for name in ("client_secret", "refresh_token", "app_key", "user_key", "token"):
            assert fields.get(name, "-----") not in result.output
    for secret in more:
        assert secret
        assert secret not in result.output


def test_from_the_consent_to_a_load(
    sandbox: Sandbox, project: Path, person: Sit, port: int, settings: Set, tmp_path: Path
) -> None:
    settings(sandbox.url, **oauth(sandbox))
    with pytest.raises(AuthenticationError, match="no refresh token yet"):
        configured_session().get_json(WHO)
    before = len(sandbox.requests)

    someone = person("allow")
    result = log_in("--port", port)

    assert result.exit_code == 0, result.output
    arrived = sandbox.requests[before:]
    assert [(one["method"], one["path"]) for one in arrived][:3] == [
        ("GET", "/oauth2/auth"),
        ("POST", "/oauth2/auth"),
        ("POST", "/core/connect/token"),
    ]
    asked = arrived[0]["query"]
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
    assert "users:own_profile:read" in asked["scope"].split()
    user = configured_session().get_json(WHO)["Identifier"]
    assert f"Logged in to {sandbox.url} as user {user}." in result.output
    assert "NOT granted" not in result.output
    assert "Next: d2l-brightspace check" in result.output
    end = parse_qs(urlsplit(someone.end).query)
    assert_secrets_stay_off_screen(result, sandbox, end["code"][0], end["state"][0])
    page = someone.pages[-1]
    assert page.status_code == 200
    assert "?" not in page.url  # neither code nor state stays in the address
    assert page.headers["Referrer-Policy"] == "no-referrer"
    (kept,) = tmp_path.rglob("refresh_tokens/*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert str(kept) in result.output


def test_a_later_log_in_wins_over_a_configured_refresh_token(
    sandbox: Sandbox, project: Path, person: Sit, port: int, settings: Set
) -> None:
    settings(sandbox.url, **oauth(sandbox), refresh_token="used-up-long-ago")
    with pytest.raises(AuthenticationError, match="Log in again"):
        configured_session().get_json(WHO)
    person("allow")
    assert log_in("--port", port).exit_code == 0
    assert configured_session().get_json(WHO)
    settings(sandbox.url, refresh_token="newly-configured-and-wrong")
    with pytest.raises(AuthenticationError, match="Log in again"):
        configured_session().get_json(WHO)


def test_what_was_asked_and_not_granted_is_named(
    sandbox: Sandbox, project: Path, person: Sit, port: int, settings: Set
) -> None:
    settings(sandbox.url, **oauth(sandbox))
    person("allow")
    result = log_in("--port", port, "--scope", "users:own_profile:read grades:nothing:read")
    assert result.exit_code == 0
    assert "Granted: users:own_profile:read\n" in result.output
    assert "Asked for and NOT granted: grades:nothing:read\n" in result.output


@pytest.mark.parametrize(
    ("button", "scope", "words"),
    [
        ("deny", "core:*:*", "Access was not allowed"),
        ("allow", "no:such:scope", "not registered for a scope"),
    ],
    ids=["denied", "no scope"],
)
def test_a_refusal_is_said_and_nothing_kept(
    sandbox: Sandbox,
    project: Path,
    person: Sit,
    port: int,
    settings: Set,
    button: str,
    scope: str,
    words: str,
) -> None:
    settings(sandbox.url, **oauth(sandbox), scope=scope)
    someone = person(button)
    result = log_in("--port", port)
    assert result.exit_code == 1
    assert words in result.output
    assert someone.pages[-1].status_code == 200
    assert not list(project.parent.rglob("refresh_tokens/*.json"))


def test_only_the_answer_to_this_log_in_counts(
    sandbox: Sandbox,
    project: Path,
    port: int,
    settings: Set,
    monkeypatch: pytest.MonkeyPatch,
    person: Sit,
) -> None:
    settings(sandbox.url, **oauth(sandbox))
    someone = person("allow")
    callback = f"http://127.0.0.1:{port}/callback"
    statuses: list[int] = []

    def intrude(address: str) -> bool:
        foreign = ("code=evil&state=guess", "code=evil", "code=evil&state=", "")
        urls = [f"{callback}?{query}" for query in foreign]
        urls += [f"http://127.0.0.1:{port}{path}" for path in ("/", "/favicon.ico", "/callback/")]
        statuses.extend(requests.get(url, timeout=10).status_code for url in urls)
        statuses.append(requests.post(callback, timeout=10).status_code)
        return someone.open(address)

    monkeypatch.setattr("webbrowser.open", intrude)
    result = log_in("--port", port)
    assert result.exit_code == 0, result.output
    assert statuses == [400, 400, 400, 400, 404, 404, 404, 501]


def test_paste(
    sandbox: Sandbox, project: Path, settings: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(sandbox.url, **oauth(sandbox))
    redirect_uri = "https://localhost/d2l"
    seen: list[str] = []

    def log_in_elsewhere(address: str, transform: Callable[[str], str]) -> str:
        page = Person("allow")
        with pytest.raises(requests.RequestException):  # nothing listens there
            page.open(address)
        seen.append(page.end)
        return transform(page.end)

    def answer(transform: Callable[[str], str]) -> Callable[[str], str]:
        def read(_question: str) -> str:
            (address,) = (line.strip() for line in shown if "/oauth2/auth?" in line)
            shown.clear()
            return log_in_elsewhere(address, transform)

        return read

    shown: list[str] = []
    echo = click.echo

    def watched(message: str = "", **more: Any) -> None:
        shown.extend(str(message).splitlines())
        echo(message, **more)

    monkeypatch.setattr(click, "echo", watched)
    ways: dict[str, tuple[Callable[[str], str], int]] = {
        "address": (lambda end: f"  {end}\n", 0),
        "code": (lambda end: parse_qs(urlsplit(end).query)["code"][0], 0),
        "another log-in's": (lambda end: end.replace("state=", "state=x"), 1),
        "nothing": (lambda _end: "", 1),
    }
    for transform, code in ways.values():
        monkeypatch.setattr("d2l_brightspace.cli.login_browser._read", answer(transform))
        result = log_in("--redirect-uri", redirect_uri, "--no-browser")
        assert result.exit_code == code, result.output
        query = parse_qs(urlsplit(seen[-1]).query)
        assert_secrets_stay_off_screen(result, sandbox, query["code"][0])
    assert all(one.startswith(redirect_uri) for one in seen)


def test_what_is_missing_is_asked_for_and_written(
    sandbox: Sandbox, project: Path, person: Sit, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = sandbox.credentials["refresh_token"]
    result = log_in("--client-id", known["client_id"])
    assert result.exit_code == 2
    assert "Missing settings: host, client_secret" in result.output

    monkeypatch.setattr("d2l_brightspace.cli.credential_settings.is_terminal", lambda: True)
    (project / ".dlt").mkdir()
    secrets = project / ".dlt" / "secrets.toml"
    secrets.write_text(
        "# mine\n[sources.d2l_brightspace_source.credentials]\n"
        f'token_url = "{known["token_url"]}"  # the sandbox\'s\n'
    )
    read_settings_anew(project)
    person("allow")
    typed = f"{sandbox.url}\n{known['client_secret']}\ny\ny\n"
    options = ("--client-id", known["client_id"], "--auth-url", known["auth_url"], "--port", port)
    result = log_in(*options, typed=typed)
    assert result.exit_code == 0, result.output
    assert_secrets_stay_off_screen(result, sandbox)
    text = secrets.read_text()
    assert text.startswith("# mine\n")
    assert "# the sandbox's" in text
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    written = tomllib.loads(text)["sources"]["d2l_brightspace_source"]["credentials"]
    assert written == {name: known[name] for name in ("token_url", "client_id", "client_secret")}
    read_settings_anew(project)
    assert configured_session().get_json(WHO)


def test_another_scheme_in_the_settings_is_refused_before_the_browser_opens(
    sandbox: Sandbox, project: Path, person: Sit, port: int, settings: Set
) -> None:
    settings(sandbox.url, **oauth(sandbox), token="held-already")
    someone = person("allow")
    result = log_in("--port", port)
    assert result.exit_code == 2
    assert "`token`, which belongs to another way to log in" in result.output
    assert someone.pages == []


def test_id_key(sandbox: Sandbox, project: Path, person: Sit, port: int, settings: Set) -> None:
    known = sandbox.credentials["id_key"]
    settings(sandbox.url, app_id=known["app_id"], app_key=known["app_key"])
    someone = person("allow")
    result = log_in("--id-key", "--port", port, "--yes")
    assert result.exit_code == 0, result.output
    assert f"Logged in to {sandbox.url} as user " in result.output
    assert_secrets_stay_off_screen(result, sandbox)
    assert "?" not in someone.pages[-1].url
    secrets = project / ".dlt" / "secrets.toml"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    credentials = tomllib.loads(secrets.read_text())["sources"]["d2l_brightspace_source"]
    assert credentials["credentials"] == {
        "user_id": known["user_id"],
        "user_key": known["user_key"],
    }


def test_keys_of_somebody_else_are_not_kept(
    sandbox: Sandbox, project: Path, port: int, settings: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = sandbox.credentials["id_key"]
    settings(sandbox.url, app_id=known["app_id"], app_key=known["app_key"])
    statuses: list[int] = []

    def intrude(address: str) -> bool:
        callback = f"{address.rpartition('/')[0]}/callback"
        for query in ("x_a=evil", "x_a=evil&x_b=", "x_a=evil&x_b=a%0Ab", "x_a=evil&x_b=evil"):
            answer = requests.get(f"{callback}?{query}", timeout=10)
            statuses.append(answer.status_code)
        return True

    monkeypatch.setattr("webbrowser.open", intrude)
    result = log_in("--id-key", "--port", port, "--yes")
    assert statuses == [400, 400, 400, 200]
    assert result.exit_code == 1
    assert "Invalid token" in result.output
    assert not (project / ".dlt").exists()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--redirect-uri", "http://school.example/cb", "http://… on 127.0.0.1"),
        ("--redirect-uri", "nonsense", "none that can be used"),
        (
            "--auth-url",
            "http://school.example/auth",
            "must begin with https",
        ),
    ],
    ids=["http elsewhere", "no address", "auth_url over http"],
)
def test_addresses_that_cannot_be_right(
    sandbox: Sandbox, project: Path, settings: Set, option: str, value: str, words: str
) -> None:
    settings(sandbox.url, **oauth(sandbox))
    result = log_in(option, value, "--no-browser")
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_a_port_in_use(sandbox: Sandbox, project: Path, settings: Set) -> None:
    settings(sandbox.url, **oauth(sandbox))
    result = log_in("--port", urlsplit(sandbox.url).port)
    assert result.exit_code == 2
    assert "cannot be opened" in result.output
    assert "--port 8718" in result.output


def test_soap_token(
    sandbox: Sandbox, project: Path, settings: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(sandbox.url, **sandbox.credentials["bearer"])
    kept = project / "brightspace-soap-token.json"
    before = len(sandbox.requests)
    result = log_in("--soap-token", "webservices &")
    assert result.exit_code == 1
    assert "is not offered here" in result.output
    asked = sandbox.requests[before:][-1]
    assert asked["path"].endswith("/auth/soaptoken")
    assert asked["query"] == {"purpose": "webservices &"}
    assert not kept.exists()

    # the sandbox has no such route: which fields the answer has is not published
    answer = {"any": "CANARY"}
    monkeypatch.setattr(BrightspaceSession, "get_json", lambda *_, **__: answer)
    result = log_in("--soap-token", "webservices")
    assert result.exit_code == 0, result.output
    assert "CANARY" not in result.output
    assert json.loads(kept.read_text()) == answer
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    answer["any"] = "another"
    assert "not overwritten" in log_in("--soap-token", "webservices").output
    assert json.loads(kept.read_text()) == {"any": "CANARY"}
