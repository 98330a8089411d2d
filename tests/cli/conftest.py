from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import PluggableRunContext

from d2l_brightspace.sandbox import Sandbox, SandboxSettings


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(courses=1, users=2, log_messages=1)) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, whose settings dlt reads anew."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    run_context = Container()[PluggableRunContext]
    before = run_context.context, run_context.providers
    read_settings_anew(folder)
    yield folder
    run_context.context, run_context.providers = before


def read_settings_anew(folder: Path | str) -> None:
    """Let dlt forget what it read of its files."""
    Container()[PluggableRunContext].reload(str(folder))


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


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set credentials in the environment."""

    def put(host: str, **fields: Any) -> None:
        monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__HOST", host)
        for name, value in fields.items():
            key = f"SOURCES__D2L_BRIGHTSPACE_SOURCE__CREDENTIALS__{name.upper()}"
            monkeypatch.setenv(key, value)

    return put
