"""Commands where the world is not as usual: no streams, a folder under git, two schemes."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
from pathlib import Path

import click
import pytest

from d2l_brightspace.cli.errors import reports_errors
from d2l_brightspace.cli.git_rules import keep_out_of_git
from d2l_brightspace.pipeline.progress.command import LogFormat, command_progress
from d2l_brightspace.pipeline.progress.display import RunPlan
from d2l_brightspace.sandbox import Sandbox

from .conftest import Command


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "--json", "--org-unit-ids", "x"),
        ("status", "--max-age", "0", "--json"),
        ("data-sets", "load", "--json", "--full-every-days", "-5"),
        ("check", "--json", "--no-such-option"),
    ],
    ids=" ".join,
)
def test_a_command_that_is_mistyped_answers_a_program_with_one_object(
    command: Command, project: Path, arguments: tuple[str, ...]
) -> None:
    done = command(*arguments)
    assert done.exit_code == 2
    answer = json.loads(done.stdout)
    assert (answer["outcome"], answer["exit_code"]) == ("failed", 2)
    assert answer["message"] in done.stderr


def test_an_interruption_answers_a_program_with_one_object(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @reports_errors
    def interrupted(*, as_json: bool) -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        interrupted(as_json=True)
    assert ended.value.code == 130
    assert json.loads(capsys.readouterr().out)["exit_code"] == 130


def test_what_was_never_loaded_is_stale_for_a_program(command: Command, connected: Path) -> None:
    done = command("status", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"stale": True, "datasets": []}


def test_an_output_that_is_full_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", _Gone(errno.ENOSPC))
    with pytest.raises(SystemExit) as ended:
        _says_something()
    assert ended.value.code == 1
    assert "The output cannot be written (No space left on device)." in capsys.readouterr().err


def test_nobody_who_reads_on_is_left_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Gone(errno.EPIPE))
    with pytest.raises(BrokenPipeError):
        _says_something()


@reports_errors
def _says_something() -> None:
    click.echo("something")


@pytest.mark.parametrize("log_format", ["auto", "json"])
def test_a_log_that_takes_no_line_stops_no_load(
    monkeypatch: pytest.MonkeyPatch, log_format: LogFormat
) -> None:
    monkeypatch.setattr("sys.stderr", None)  # as with 2>&-
    command_progress(log_format).begin(RunPlan("p", "s", ["users"], "warehouse", "d"))
    monkeypatch.setattr("sys.stderr", _Gone(errno.ENOSPC))
    command_progress(log_format)


class _Gone(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _text: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("rule", ["", "*.log"], ids=["no rules", "others"])
def test_secrets_are_kept_out_of_a_repository(tmp_path: Path, rule: str) -> None:
    git = ("git", "-C", str(tmp_path))
    subprocess.run([*git, "init", "--quiet"], check=True)
    secrets = tmp_path / ".dlt" / "secrets.toml"
    secrets.parent.mkdir()
    if rule:
        (secrets.parent / ".gitignore").write_text(rule)
    for _ in range(2):
        keep_out_of_git(secrets)
        secrets.touch()
    seen = subprocess.run([*git, "add", "--dry-run", "."], check=True, capture_output=True)
    assert b"secrets.toml" not in seen.stdout
    rules = (secrets.parent / ".gitignore").read_text().split()
    assert rules == [*rule.split(), "*secrets.toml", "pipelines/"]


def test_a_rule_of_the_project_is_enough(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("secrets.toml\n")
    keep_out_of_git(tmp_path / "secrets.toml")
    assert (tmp_path / ".gitignore").read_text() == "secrets.toml\n"


def test_init_names_the_other_scheme_before_it_asks_or_writes(
    command: Command, connected: Path, sandbox: Sandbox
) -> None:
    options = ("--host", sandbox.url, "--scheme", "refresh-token", "--tables", "versions")
    done = command("init", *options, "--no-data-sets", "--yes", input="mine\nmy secret\n")
    assert done.exit_code == 2, done.output
    assert "The settings hold `token`, which belongs to another way to log in." in done.stderr
    assert not (connected / ".dlt").exists()


def test_init_takes_no_file_for_a_private_key_that_holds_none(
    command: Command, project: Path, sandbox: Sandbox
) -> None:
    public = project / "jwks.json"
    public.write_text('{"keys": []}')
    options = ("--host", sandbox.url, "--scheme", "service-user", "--tables", "versions")
    more = ("--no-data-sets", "--private-key-file", str(public), "--yes")
    done = command("init", *options, *more, input="mine\nkid\n")
    assert done.exit_code == 2, done.output
    assert "jwks.json holds no private key" in done.stderr
    assert not (project / ".dlt").exists()


def test_a_private_key_in_a_repository_is_warned_of(command: Command, project: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True, cwd=project)
    assert "git would commit brightspace-private-key.pem" in command("keys", "new").stderr
    (project / ".gitignore").write_text("*.pem\n")
    assert "git would commit" not in command("keys", "rotate").stderr


def test_a_file_that_is_no_database_is_called_so_by_a_load(
    command: Command, connected: Path
) -> None:
    file = connected / "warehouse.duckdb"
    file.write_text("no database at all " * 1000)
    assert "cannot be reached (the file is no DuckDB database)" in command("load").stderr
    file.unlink()
    file.mkdir()
    assert "(a folder is where the database file should be)" in command("load").stderr


def test_scopes_are_asked_for_as_tables_are_named_elsewhere(command: Command) -> None:
    several = command("scopes", "users,quizzes", "data-sets")
    assert several.exit_code == 0, several.stderr
    assert several.stdout == command("scopes", "users", "quizzes", "data-sets").stdout
    assert command("scopes", "").exit_code == 2
