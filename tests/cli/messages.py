"""What the commands say when something is wrong: each case is a test and a row of a table.

`python -m tests.cli.messages` (`make messages`) writes the table, `docs/messages.md`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import CliRunner

from d2l_brightspace.cli.main import main as d2l_brightspace
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from d2l_brightspace.sandbox.scopes import EVERY_SCOPE
from tests import ROOT
from tests.working_folder import working_in

from .conftest import SECTION, closed_port

PAGE = ROOT / "docs" / "messages.md"
Settings = dict[str, str]


def bearer(sandbox: Sandbox, **more: str) -> Settings:
    """The settings of a user with a good token."""
    return {"host": sandbox.url, "credentials__token": token(sandbox), **more}


def token(sandbox: Sandbox) -> str:
    return sandbox.credentials["bearer"]["token"]


def by_scheme(sandbox: Sandbox, scheme: str, **changed: str) -> Settings:
    """The settings of a user of one of the four schemes."""
    known = sandbox.credentials[scheme] | changed
    return {"host": sandbox.url, **{f"credentials__{name}": one for name, one in known.items()}}


def without(scope: str) -> str:
    """All scopes but one."""
    return EVERY_SCOPE.replace(scope, "")


@dataclass(frozen=True)
class Case:
    """Something that is wrong, and what a command says to it."""

    wrong: str
    command: tuple[str, ...]
    settings: Callable[[Sandbox], Settings]
    exit_code: int
    words: tuple[str, ...]
    """What the message has to hold."""
    tenant: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the sandbox."""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> tuple[int, str]:
        """Type the command in an empty folder; gives exit code and output."""
        with empty_folder() as folder, Sandbox(SandboxSettings(**SMALL, **self.tenant)) as sandbox:
            given = {SECTION + name.upper(): one for name, one in self.settings(sandbox).items()}
            with mock.patch.dict(os.environ, {**given, **self.environment}):
                beside = self.files or self.environment
                return self._run_beside(folder) if beside else self._run_here(folder)

    def _run_here(self, folder: Path) -> tuple[int, str]:
        with working_in(folder):
            result = CliRunner().invoke(d2l_brightspace, self.command)
        return result.exit_code, result.output

    def _run_beside(self, folder: Path) -> tuple[int, str]:
        """Type it in a process of its own, where files and folders stop dlt from the start."""
        (folder / ".dlt").mkdir(exist_ok=True)
        for name, text in self.files.items():
            (folder / ".dlt" / name).write_text(text)
        program = "from d2l_brightspace.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *self.command],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def message(self, output: str) -> str:
        """The part of the output that says it: a line, and those that are indented below it."""
        lines = output.splitlines()
        at = next(number for number, line in enumerate(lines) if self.words[0] in line)
        depth = _indent(lines[at])
        below = takewhile(lambda line: _indent(line) > depth, lines[at + 1 :])
        return stable(" ".join(" ".join([lines[at], *below]).split()))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


SMALL: Mapping[str, Any] = {"users": 5, "log_messages": 5}
_LOAD = ("load", "--tables", "users,classlist")
_USERS = ("load", "--tables", "users")
CASES = [
    Case(
        "no settings at all",
        ("load",),
        lambda _: {},
        2,
        ("Missing settings: host, credentials",),
    ),
    Case(
        "a host that does not exist",
        _LOAD,
        lambda s: bearer(s, host="school.invalid"),
        2,
        ("school.invalid",),
    ),
    Case(
        "a host where nobody answers",
        _LOAD,
        lambda s: bearer(s, host=f"http://127.0.0.1:{closed_port()}"),
        1,
        ("Unreachable: No answer from 127.0.0.1", "refused"),
    ),
    Case(
        "`http://` in front of the host",
        _LOAD,
        lambda s: bearer(s, host="http://school.example"),
        2,
        ("asks for plain HTTP",),
    ),
    Case(
        "a client secret that has expired or is wrong",
        _LOAD,
        lambda s: by_scheme(s, "refresh_token", client_secret="not-the-secret-any-more"),
        1,
        ("The token endpoint does not know the client",),
    ),
    Case(
        "a token that has expired",
        _USERS,
        lambda s: bearer(s, credentials__token="a-token-of-yesterday"),
        1,
        ("AuthenticationError: ",),
    ),
    Case(
        "a scope that the app lacks",
        _LOAD,
        lambda s: by_scheme(s, "service_user", scope=without("users:userdata:read")),
        1,
        ("users: PermissionDenied", "users:userdata:read"),
    ),
    Case(
        "the same, before the load",
        ("check", "--tables", "users"),
        lambda s: by_scheme(s, "service_user", scope=without("users:userdata:read")),
        1,
        ("scope missing", "users:userdata:read", "In the way of a load: users."),
    ),
    Case(
        "this machine's clock is off by an hour",
        ("check", "--tables", "users"),
        bearer,
        0,
        ("behind",),
        tenant={"clock_offset": 3600},
    ),
    Case(
        "the same, with a service user, whose log-in is signed with the time",
        _USERS,
        lambda s: by_scheme(s, "service_user"),
        1,
        ("AuthenticationError: ", "clock"),
        tenant={"clock_offset": 3600},
    ),
    Case(
        "no course is visible",
        _LOAD,
        bearer,
        0,
        ("No course offering was found",),
        tenant={"courses": 0},
    ),
    Case(
        "a working folder that cannot be written",
        _LOAD,
        bearer,
        2,
        ("cannot be written",),
        environment={"DLT_DATA_DIR": "/proc/no-such-folder"},
    ),
    Case(
        "a misspelled setting",
        _LOAD,
        lambda s: bearer(s, org_unit_id="[6618]"),
        2,
        ("These settings are read by nobody", "ORG_UNIT_ID", "ORG_UNIT_IDS"),
    ),
    Case(
        "two log-ins at once",
        _LOAD,
        lambda s: bearer(s) | by_scheme(s, "id_key"),
        2,
        ("credentials of more than one scheme", "BearerAuth", "IdKeyAuth"),
    ),
    Case(
        "a settings file that is no TOML",
        _LOAD,
        bearer,
        2,
        ("config.toml", "line 2"),
        files={"config.toml": "[sources.d2l_brightspace_source]\nhost = school.example\n"},
    ),
    Case(
        "a table that does not exist",
        ("load", "--tables", "grades"),
        bearer,
        2,
        ("which is no table",),
    ),
    Case(
        "a destination that does not exist",
        (*_LOAD, "--destination", "snowflak"),
        bearer,
        2,
        ("There is no destination 'snowflak'",),
    ),
]


@contextmanager
def empty_folder() -> Iterator[Path]:
    """An empty folder, and one for dlt beside it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / "here"
        folder.mkdir()
        environment = {"DLT_DATA_DIR": f"{temporary}/dlt", "COLUMNS": "200"}
        with mock.patch.dict(os.environ, environment):
            yield folder


def stable(line: str) -> str:
    """A line without what differs from run to run."""
    line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", line)
    line = re.sub(r"\b3,(59|60)\d s\b", "3,600 s", line)  # an hour, and how long the answer took
    return re.sub(r"/[\w./-]*/here\b", "…", line)


def table() -> str:
    """The page, from what the commands say now."""
    head = (
        "# What the commands say when something is wrong\n\n"
        "Written by `make messages` from the tests in `tests/cli/messages.py`, which type each\n"
        "command in an empty folder against the sandbox.\n\n"
        "| what is wrong | command | exit code | what it says |\n|---|---|---|---|\n"
    )
    return head + "".join(map(row, CASES))


def row(case: Case) -> str:
    """One case as a row of the table."""
    said = case.message(case.run()[1]).replace("|", "\\|").replace("<", "&lt;")
    command = " ".join(("d2l-brightspace", *case.command))
    return f"| {case.wrong} | `{command}` | {case.exit_code} | {said} |\n"


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
