"""Commands in this process, as a user in an empty folder types them."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import PluggableRunContext

from d2l_brightspace.cli.main import main
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests.working_folder import working_in

SECTION = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
Command = Callable[..., Result]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for the tests of a module; none changes it."""
    with Sandbox(SandboxSettings(courses=2, users=12, log_messages=20), port=0) as one:
        yield one


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The empty folder that a user begins in."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("COLUMNS", "200")
    with working_in(folder):
        yield folder


def read_settings_anew(folder: Path | str) -> None:
    """Let dlt forget what it read of its files."""
    Container()[PluggableRunContext].reload(str(folder))


@pytest.fixture
def connected(sandbox: Sandbox, project: Path, settings: Callable[..., None]) -> Path:
    """The empty folder, with a host and a token set."""
    settings(sandbox.url, token=sandbox.credentials["bearer"]["token"])
    return project


@pytest.fixture
def command() -> Command:
    """Type a command."""

    def call(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(main, arguments, **options)

    return call


class Person:
    """Plays the browser and who sits before it: follows redirects, presses one button."""

    def __init__(self, button: str) -> None:
        self.button = button
        self.pages: list[requests.Response] = []
        self.end = ""
        """Where the browser is sent back to, with the answer."""

    def open(self, address: str) -> bool:
        session = requests.Session()
        page = session.get(address, timeout=10)
        self.pages.append(page)
        if "<form" in page.text:
            fields = dict(re.findall(r"name='(\w+)' value='([^']*)'", page.text))
            fields = {name: unescape(value) for name, value in fields.items()}
            fields["decision"] = self.button
            target = page.url.partition("?")[0]
            sent = session.post(target, fields, timeout=10, allow_redirects=False)
            self.end = sent.headers["Location"]
            self.pages.append(session.get(self.end, timeout=10))
        return True


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Person]:
    """Let a person who presses a button sit before the browser."""

    def sit_down(button: str) -> Person:
        someone = Person(button)
        monkeypatch.setattr("webbrowser.open", someone.open)
        return someone

    return sit_down


def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    return closed_port()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set credentials in the environment."""

    def put(host: str, **fields: Any) -> None:
        monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__HOST", host)
        for name, value in fields.items():
            key = f"SOURCES__D2L_BRIGHTSPACE_SOURCE__CREDENTIALS__{name.upper()}"
            monkeypatch.setenv(key, value)

    return put
