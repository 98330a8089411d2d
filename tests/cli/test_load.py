"""`d2l-brightspace load` and the scripts: what they load, where to, and how they end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from d2l_brightspace import warehouse
from d2l_brightspace.cli import extras
from d2l_brightspace.cli.errors import reports_errors
from d2l_brightspace.cli.trace import mask
from d2l_brightspace.cli.workspace import enter_workspace_of
from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.sandbox import Sandbox
from tests import ROOT

from .conftest import Command


def test_both_loads_fill_one_file_which_the_query_of_the_readme_opens(
    command: Command, connected: Path, sandbox: Sandbox
) -> None:
    loaded = command("load", "--tables", "courses,classlist", "--json")
    assert loaded.exit_code == 0, loaded.output
    report = json.loads(loaded.stdout)
    assert report["outcome"] == "complete"
    assert report["place"] == str(connected / "warehouse.duckdb")
    data_sets = command("data-sets", "load", "--data-sets", "users", "--json")
    assert data_sets.exit_code == 0, data_sets.output
    assert json.loads(data_sets.stdout)["place"] == report["place"]
    assert sorted(path.name for path in connected.iterdir()) == ["warehouse.duckdb"]

    data = dlt.pipeline(
        "d2l_brightspace_pipeline", destination=warehouse(), dataset_name="d2l_brightspace_data"
    ).dataset()
    assert len(data.courses.fetchall()) == sandbox.truth()["courses"]
    with duckdb.connect(report["place"], read_only=True) as connection:
        joined = connection.execute(
            "SELECT COUNT(*) FROM d2l_brightspace_data.courses, d2l_brightspace_bds.users"
        ).fetchall()
    assert joined[0][0] > 0


def test_a_warehouse_of_the_settings_wins(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warehouse().destination_type == "dlt.destinations.duckdb"
    monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", "postgres")
    assert warehouse().destination_type == "dlt.destinations.postgres"
    assert warehouse().destination_name == "warehouse"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tables", ""], "names nothing. Example: core,quiz_attempts"),
        (["--tables", " , "], "names nothing. Example: core,quiz_attempts"),
        (["--tables", "grades"], "Setting `tables` names 'grades', which is no table"),
        (["--org-unit-ids", ""], "names nothing. Example: 6606,6607"),
        (["--org-unit-ids", "6606;6607"], "is no such list. Example: 6606,6607"),
        (["--org-unit-ids", "0"], "is no such list. Example: 6606,6607"),
        (["--start-date", "yesterday"], 'Example: start_date = "2026-09-01"'),
        (["--destination", "mysqll"], "There is no destination 'mysqll'. Give a kind"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_wrong_arguments_say_what_is_right_and_send_nothing(
    command: Command, connected: Path, sandbox: Sandbox, arguments: list[str], words: str
) -> None:
    before = len(sandbox.requests)
    done = command("load", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(sandbox.requests) == before
    assert list(connected.iterdir()) == []


def test_an_error_is_an_object_for_programs_as_well(command: Command, project: Path) -> None:
    done = command("load", "--json")
    assert done.exit_code == 2
    said = json.loads(done.stdout)
    assert (said["outcome"], said["exit_code"]) == ("failed", 2)
    assert said["message"].startswith("Missing settings: host, credentials")
    assert said["message"] in done.stderr


@pytest.mark.parametrize("verbose", [False, True], ids=["default", "verbose"])
def test_an_unexpected_error_quotes_nothing_unless_asked_and_never_a_secret(
    command: Command, connected: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Any, verbose: bool
) -> None:
    token = sandbox.credentials["bearer"]["token"]

    def broken(*_arguments: Any, **_options: Any) -> Any:
        raise LookupError(f"row of Quillon Vance, {token}, Bearer abc.def")

    monkeypatch.setattr("d2l_brightspace.cli.load.configured_source", broken)
    done = command("load", *(["--verbose"] if verbose else []))
    assert done.exit_code == 1
    assert "Unexpected error: LookupError in test_load.py, line " in done.stderr
    assert ("Traceback" in done.stderr) is verbose
    assert ("Quillon Vance" in done.stderr) is verbose
    assert token not in done.output
    assert "abc.def" not in done.output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token = 'abcdefgh'", "token = '***'"),
        ('{"client_secret":"verysecret", "id": 7}', '{"client_secret":"***", "id": 7}'),
        ("https://school.example/d2l?x_a=1&x_d=2 failed", "https://school.example/d2l?*** failed"),
        ("eyJhbGciOi.eyJzdWIiOi.abc", "***"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "***"),
        ("my hunter22 word", "my *** word"),
        ("KeyError: 'OrgUnitId', status 403", "KeyError: 'OrgUnitId', status 403"),
    ],
)  # fmt: skip
def test_what_is_a_secret_is_masked(text: str, shown: str) -> None:
    assert mask(text, {"hunter22"}) == shown


def test_settings_that_cannot_be_read_leave_the_trace_readable(project: Path) -> None:
    (project / ".dlt").mkdir()
    (project / ".dlt" / "secrets.toml").write_text('x = "a-secret-of-mine\n')
    program = "from d2l_brightspace.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "load", "--verbose"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "ConfigurationError: The settings in " in done.stderr
    assert "Traceback" in done.stderr
    assert "a-secret-of-mine" not in done.stderr
    assert "masked_trace" not in done.stderr


def test_an_interrupt_says_what_became_of_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    @reports_errors
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        interrupted()
    assert end.value.code == 130
    assert "The tables hold what they held" in capsys.readouterr().err


@pytest.mark.parametrize("command_name", ["sandbox", "demo"])
def test_a_missing_extra_is_named(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch, command_name: str
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    done = command(command_name)
    assert done.exit_code == 2
    assert 'pip install "d2l-brightspace[sandbox]"' in done.stderr
    assert "Traceback" not in done.output


def test_an_extra_that_is_there_is_found() -> None:
    for extra in ("sandbox", "service-user"):
        extras.check_installed(extra)
    with pytest.raises(KeyError):
        extras.check_installed("no such extra")


@pytest.mark.parametrize(
    ("script", "working_folder", "ends_in"),
    [
        ("clone/pipelines/load.py", "clone", "clone"),
        ("clone/pipelines/load.py", "clone/pipelines", "clone"),
        ("clone/pipelines/load.py", "elsewhere", "clone"),
        ("clone/pipelines/load.py", "with_settings", "with_settings"),
        ("clone/copied/load.py", "elsewhere", "elsewhere"),
        ("elsewhere/load.py", "elsewhere", "elsewhere"),
    ],
)
def test_a_script_goes_to_its_clone_only_where_it_has_no_settings_of_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    working_folder: str,
    ends_in: str,
) -> None:
    for name in (
        "clone/.dlt",
        "clone/pipelines",
        "clone/copied",
        "elsewhere",
        "with_settings/.dlt",
    ):
        (tmp_path / name).mkdir(parents=True)
    for name in ("clone", "with_settings"):
        (tmp_path / name / ".dlt" / "config.toml").touch()
    monkeypatch.chdir(tmp_path / working_folder)
    enter_workspace_of(str(tmp_path / script))
    assert Path.cwd() == tmp_path / ends_in


def test_a_copied_script_loads_where_it_is_run(connected: Path, sandbox: Sandbox) -> None:
    shutil.copy(ROOT / "pipelines" / "d2l_brightspace_pipeline.py", connected)
    done = subprocess.run(
        [sys.executable, "d2l_brightspace_pipeline.py", "--tables", "versions"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (connected / "warehouse.duckdb").exists()
    assert str(connected / "warehouse.duckdb") in done.stdout


def test_a_wrong_setting_ends_with_another_code_than_a_failed_table() -> None:
    from d2l_brightspace.cli.errors import exit_code_of

    error = ConfigurationError("wrong")
    assert exit_code_of(error) == 2
    error.report = "of a run that loaded the other tables"
    assert exit_code_of(error) == 1
