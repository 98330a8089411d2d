"""A headless Chromium, a sandbox, and the command in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from d2l_brightspace.sandbox import Sandbox, SandboxSettings

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, _NAMES)), None)
    assert found, f"none of {_NAMES} is installed"
    # Chromium's own sandbox does not work for root, as whom containers of a CI run
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A window that remembers nothing of the others."""
    context = chromium.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(courses=1, users=2, log_messages=1)) as running:
        yield running


class Project:
    """A folder with settings, in which the command runs."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.secrets = folder / ".dlt" / "secrets.toml"
        self.environment = {**os.environ, "DLT_DATA_DIR": str(folder)}
        self._processes = ExitStack()

    def configure(self, scheme: str, *names: str) -> None:
        """Write some fields of the sandbox's ready-made credentials."""
        known = self.sandbox.credentials[scheme]
        fields = "".join(f'{name} = "{known[name]}"\n' for name in names)
        self.secrets.parent.mkdir()
        self.secrets.write_text(
            f'[sources.d2l_brightspace_source]\nhost = "{self.sandbox.url}"\n'
            f"[sources.d2l_brightspace_source.credentials]\n{fields}"
        )
        self.secrets.chmod(0o600)

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command."""
        script = Path(sys.executable).with_name("d2l-brightspace")
        command = subprocess.Popen(
            [str(script), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.enter_context(command)
        self._processes.callback(command.kill)
        return command

    def log_in(self, *more: str) -> tuple[subprocess.Popen[str], str]:
        """Begin to log in; also the address that the command shows."""
        port = str(_free_port())
        command = self.start("login", "--no-browser", "--port", port, *more)
        assert command.stdout
        for line in command.stdout:
            if line.strip().startswith(f"http://127.0.0.1:{port}/"):
                return command, line.strip()
        raise AssertionError(f"no address was shown, exit code {command.wait()}")


def end_of(command: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and the rest of the output."""
    output, _ = command.communicate(timeout=60)
    return command.returncode, output


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox) -> Iterator[Project]:
    with Project(tmp_path, sandbox) as made:
        yield made
