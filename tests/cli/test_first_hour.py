"""The first hour, as README has it: each line as it is typed, at a terminal, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests import ROOT
from tests.typed import typed

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block_of_readme(heading: str, language: str) -> str:
    """The first block of code below a heading."""
    text = README.split(f"\n## {heading}\n", 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def commands_of_readme() -> list[str]:
    """The commands of the first hour, without their comments."""
    lines = block_of_readme("With your own Brightspace", "sh").splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.startswith("d2l-brightspace")]


class User:
    """Somebody at a terminal, in a folder of their own.

    Args:
        folder: Where they are.
        bin: Folder of the environment's programs.
    """

    def __init__(self, folder: Path, bin: Path) -> None:  # noqa: A002
        self.folder = folder
        self.bin = bin
        self.screen = ""
        kept = ("PATH", "LANG", "HOME", "DLT_DATA_DIR", "PYTHONPATH")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ}
        self.environment |= {
            "HOME": str(folder),
            "DLT_DATA_DIR": str(folder / "home_of_dlt"),
            "BROWSER": f"{sys.executable} {ROOT / 'tests' / 'consenting_browser.py'} %s",
        }

    def types(self, line: str, answers: Sequence[tuple[str, str]] = ()) -> str:
        """Type a line; gives what the screen showed."""
        program, *rest = line.split(" ", 2) if line.startswith("python -c") else line.split()
        code, shown = typed(
            [self.bin / program, *rest],
            answers,
            folder=self.folder,
            environment=self.environment,
        )
        self.screen += shown
        assert code == 0, f"{line}\n{shown}"
        return shown


def walk_through(user: User, sandbox: Sandbox) -> None:
    """Init, login, check, load, status, the query of README; nothing secret on the screen."""
    known = sandbox.credentials["refresh_token"]
    secrets = {value for one in sandbox.credentials.values() for value in one.values()}
    secrets -= {known["client_id"], known["token_url"], known["auth_url"]}
    secrets = {one for one in secrets if len(one) > 12 and "users:" not in one}
    init, *others = commands_of_readme()
    shown = user.types(
        init,
        [
            ("Host of your Brightspace", sandbox.url),
            ("Number", "2"),
            ("Tables to load", "core"),
            ("Data Sets, too", "y"),
            ("Client id", known["client_id"]),
            ("Client secret", known["client_secret"]),
            ("Write this?", "y"),
            ("Write this?", "y"),
            ("Log in now", "n"),
        ],
    )
    assert "users:userdata:read" in shown
    assert "datasets:bds:read" in shown
    secrets_file = user.folder / ".dlt" / "secrets.toml"
    assert stat.S_IMODE(secrets_file.stat().st_mode) == 0o600
    assert known["client_secret"] in secrets_file.read_text()
    assert [line.split()[1] for line in others] == ["login", "check", "load", "status"]
    for line in others:
        user.types(line)
    query = user.folder / "query.py"
    query.write_text(block_of_readme("Querying", "python"))
    rows = user.types("python query.py")
    assert rows.startswith("[('"), rows
    assert not [secret for secret in secrets if secret in user.screen]
    assert "eyJ" not in user.screen


@pytest.mark.slow
def test_the_first_hour_in_a_clone(tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    for part in (".dlt", "pipelines"):
        left_out = shutil.ignore_patterns("secrets.toml", "data", "state", "__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=left_out)
    settings = SandboxSettings(courses=3, users=12, class_size=8, log_messages=20)
    with Sandbox(settings, port=0) as sandbox:
        user = User(folder, Path(sys.executable).parent)
        walk_through(user, sandbox)
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", user.screen)
        assert re.search(r"data sets +│ OK", shown)
        user.types("python pipelines/d2l_brightspace_pipeline.py --tables versions")
    assert str(folder / ".dlt" / "data" / "dev" / "warehouse.duckdb") in user.screen
