"""Packages, sandboxes and commands for the tests of imports."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from d2l_brightspace import BearerAuth
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.connection import connect
from d2l_brightspace.course_packages import Pace, WakeSignal
from d2l_brightspace.sandbox import Sandbox, SandboxSettings

SCHEMES = ("bearer", "refresh_token", "service_user", "id_key")
FAST = ("--poll-seconds", "0.001", "--importing-poll-seconds", "0.002")


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    with ExitStack() as stack:
        small = {"courses": 3, "users": 8, "class_size": 5, "log_messages": 10}
        yield lambda **settings: stack.enter_context(Sandbox(SandboxSettings(**small | settings)))


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    return start()


@pytest.fixture
def course(sandbox: Sandbox) -> int:
    return sandbox.world.course_ids[0]


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[BrightspaceSession]:
    credentials = BearerAuth(sandbox.credentials["bearer"]["token"])
    session = connect(sandbox.url, credentials, sleep=lambda _seconds: None)
    yield session
    session.close()


@pytest.fixture
def make_package(tmp_path: Path) -> Callable[..., Path]:
    """Make zip files; without names they are course packages."""

    def make(file: str = "good.zip", names: tuple[str, ...] = ("imsmanifest.xml",)) -> Path:
        path = tmp_path / file
        with zipfile.ZipFile(path, "w") as package:
            for name in names:
                package.writestr(name, "<manifest/>")
        return path

    return make


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the console script in this process."""
    from d2l_brightspace.cli.main import main

    monkeypatch.chdir(tmp_path)

    def call(sandbox: Sandbox, *arguments: object, scheme: str = "id_key") -> Result:
        for name, value in settings_of(sandbox, scheme).items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(
            main, [str(one) for one in arguments], prog_name="d2l-brightspace"
        )

    return call


def settings_of(sandbox: Sandbox, scheme: str) -> dict[str, str]:
    section = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
    fields = sandbox.credentials[scheme]
    return {
        f"{section}HOST": sandbox.url,
        **{f"{section}CREDENTIALS__{name.upper()}": value for name, value in fields.items()},
    }


def environment_of(sandbox: Sandbox, scheme: str) -> dict[str, str]:
    """For a process of its own; wide, so that no line is wrapped."""
    return {**os.environ, **settings_of(sandbox, scheme), "COLUMNS": "200"}


def uploads(sandbox: Sandbox) -> list[str]:
    """The names of the packages that arrived, in the order of their arrival."""
    with sandbox.world.lock:
        return [job.file_name for job in sandbox.world.jobs if job.kind == "import"]


class PatientSignal(WakeSignal):
    """Writes down the rests in place of resting, and moves a clock by them."""

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[float] = []
        self.now = 0.0
        self.on_delay: Callable[[], Any] = lambda: None

    def wait(self, seconds: float, heard: int) -> None:
        self.delays.append(seconds)
        self.now += seconds
        self.on_delay()
        self.check()

    def clock(self) -> float:
        return self.now


QUICK = Pace(poll_seconds=2, importing_poll_seconds=60, deadline_hours=24, jobs_in_flight=4)
