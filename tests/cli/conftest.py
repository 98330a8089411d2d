"""Commands in this process, as a user in an empty folder types them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

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
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The empty folder that a user begins in."""
    here = tmp_path / "empty"
    here.mkdir()
    monkeypatch.setenv("COLUMNS", "200")
    with working_in(here):
        yield here


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set settings of the source in the environment: `host=…`, `credentials__token=…`."""

    def set_all(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setenv(SECTION + name.upper(), str(value))

    return set_all


@pytest.fixture
def connected(sandbox: Sandbox, folder: Path, settings: Callable[..., None]) -> Path:
    """The empty folder, with a host and a token set."""
    settings(host=sandbox.url, credentials__token=sandbox.credentials["bearer"]["token"])
    return folder


@pytest.fixture
def command() -> Command:
    """Type a command."""

    def call(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(main, arguments, **options)

    return call
