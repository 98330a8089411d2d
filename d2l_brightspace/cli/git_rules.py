"""Keeps files of secrets out of a project's history."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

_RULES = ("*secrets.toml", "pipelines/")
"""Beside the secrets, where rows may wait for their load."""
_WOULD_BE_COMMITTED = 1


def keep_out_of_git(file: Path) -> None:
    """Let git ignore a file of secrets, which `git add .` would take along otherwise.

    Does nothing outside a git repository, or where a rule of the project has it already.

    Args:
        file: It need not be there yet; its folder has to.

    Raises:
        OSError: If the rule cannot be written.
    """
    if _would_be_committed(file):
        add_rules(file.parent)


def add_rules(folder: Path) -> None:
    """Let git ignore what must not be committed of a folder `.dlt`, now or in a later repository.

    Raises:
        OSError: If the rules cannot be written.
    """
    file = folder / ".gitignore"
    known = file.read_text(encoding="utf-8") if file.exists() else ""
    # a rule may be there, and git has the file for all that
    missing = [f"{rule}\n" for rule in _RULES if rule not in known.splitlines()]
    if missing:
        before = known if known[-1:] in ("", "\n") else f"{known}\n"
        file.write_text(before + "".join(missing), encoding="utf-8")


def warn_of_commit(file: Path) -> None:
    """Say so where git would take a file along that nobody else may read."""
    if _would_be_committed(file.absolute()):
        click.secho(
            f"git would commit {file}: move it out of the repository, or add it to .gitignore.",
            fg="yellow",
            err=True,
        )


def _would_be_committed(file: Path) -> bool:
    try:
        asked = subprocess.run(  # noqa: S603  # no shell, and a path of our own
            ["git", "check-ignore", "--quiet", "--", file.name],  # noqa: S607  # as the user has it
            cwd=file.parent,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):  # there is no git
        return False
    return asked.returncode == _WOULD_BE_COMMITTED
