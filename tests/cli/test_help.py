"""The list of commands, and what a command says before it asks anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from d2l_brightspace.cli.main import main
from d2l_brightspace.sandbox import Sandbox

from .conftest import Command


def groups(group: Any, *path: str) -> list[tuple[tuple[str, ...], click.Group]]:
    below = [(name, one) for name, one in group.commands.items() if isinstance(one, click.Group)]
    return [(path, group)] + [found for name, one in below for found in groups(one, *path, name)]


def test_each_command_is_listed_with_a_whole_sentence(command: Command) -> None:
    for path, group in groups(main):
        shown = command(*path, "--help", env={"COLUMNS": "60"}).output
        listed = " ".join(shown.partition("Commands:")[2].split())
        assert "..." not in listed
        for name, one in group.commands.items():
            sentence = " ".join(str(one.help).partition("\n\n")[0].split()).partition(". ")[0]
            assert f"{name} {sentence.rstrip('.')}" in listed


def test_commands_are_listed_in_the_order_of_use(command: Command) -> None:
    listed = command("--help").output.partition("Commands:")[2]
    first_hour = ("  init ", "  login ", "  check ", "  load ", "  status ")
    places = [listed.index(name) for name in first_hour]
    assert places == sorted(places)


def test_import_course_looks_at_the_file_before_it_asks(
    connected: Path, sandbox: Sandbox, command: Command
) -> None:
    before = len(sandbox.requests)
    for course in ("6619", "BIO-101"):
        given = ("--course-package", "nothing.zip", "--course-offering-id", course)
        result = command("import-course", *given)
        assert result.exit_code == 2
        assert "nothing.zip does not exist" in result.output
    assert len(sandbox.requests) == before


@pytest.mark.parametrize("arguments", ["data-sets list", "data-sets drift"])
def test_a_folder_of_dlt_that_cannot_be_made(
    connected: Path, command: Command, arguments: str
) -> None:
    (connected / "file").touch()
    folder = connected / "file" / "dlt"
    result = command(*arguments.split(), env={"DLT_DATA_DIR": str(folder)})
    assert result.exit_code == 2
    assert f"ConfigurationError: The working folder {folder} cannot be written" in result.output
    assert "DLT_DATA_DIR" in result.output
