"""What a user types: the pipeline script, the command line, the scheduled job."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from d2l_brightspace.sandbox.scopes import EVERY_SCOPE
from tests import ROOT

from .conftest import counts_of_truth

COURSES = ["--course-offering-id", "6620", "--source-course-offering-id", "6619"]
SECTION, VARIABLE = "sources.d2l_brightspace_source", "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
BIN = Path(sys.executable).parent


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of what a clone has, with no settings of the developer's own."""
    folder = tmp_path / "clone"
    for part in (".dlt", "pipelines"):
        shutil.copytree(
            ROOT / part,
            folder / part,
            ignore=shutil.ignore_patterns("secrets.toml", "data", "state", ".var", "__pycache__"),
        )
    shutil.copy(ROOT / "__deployment__.py", folder)
    return folder


def call(
    folder: Path, *command: str, sandbox: Any = None, scheme: str = "id_key"
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    environment["COLUMNS"] = "200"
    if sandbox is not None:
        section = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
        environment[section + "HOST"] = sandbox.url
        for name, value in sandbox.credentials[scheme].items():
            environment[f"{section}CREDENTIALS__{name.upper()}"] = value
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def table_counts(database: Path, tables: Any) -> dict[str, int]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            table: connection.execute(
                f"SELECT COUNT(*) FROM d2l_brightspace_data.{table}"
            ).fetchall()[0][0]
            for table in tables
        }


@pytest.mark.parametrize("folder", [".", "pipelines"], ids=["from-root", "from-pipelines"])
def test_the_pipeline_script_finds_its_settings_from_both_folders(
    workspace: Path, sandbox: Any, folder: str
) -> None:
    script = (
        "pipelines/d2l_brightspace_pipeline.py" if folder == "." else "d2l_brightspace_pipeline.py"
    )

    done = call(workspace / folder, sys.executable, script, sandbox=sandbox)

    assert done.returncode == 0, done.stderr
    assert "3 requests were skipped" in done.stdout
    truth = counts_of_truth(sandbox)
    assert table_counts(workspace / ".dlt/data/dev/warehouse.duckdb", truth) == truth


def test_the_pipeline_script_takes_its_arguments(workspace: Path, sandbox: Any) -> None:
    course = next(c for c in sandbox.world.course_ids if c not in sandbox.world.forbidden)
    script = [sys.executable, "pipelines/d2l_brightspace_pipeline.py"]

    done = call(
        workspace,
        *script,
        "--destination",
        "duckdb",
        "--tables",
        "classlist,log_messages,quiz_attempts",
        "--org-unit-ids",
        str(course),
        "--start-date",
        "2026-01-01",
        "--full-refresh",
        "--strict",
        sandbox=sandbox,
    )

    assert done.returncode == 0, done.stderr
    asked = {
        (a["path"].rsplit("/api/", 1)[1], a["query"].get("dateRangeStart"))
        for a in sandbox.requests
    }
    assert ("lp/1.63/logging/", "2026-01-01T00:00:00.000Z") in asked
    assert (f"le/1.99/{course}/classlist/paged/", None) in asked
    assert (f"le/1.99/{course}/quizzes/", None) in asked
    assert "Nothing was skipped." in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "pipelines/d2l_brightspace_pipeline.py"],
        [str(BIN / "d2l-brightspace"), "data-sets", "list"],
        [str(BIN / "d2l-brightspace"), "copy-course", *COURSES],
    ],
    ids=["pipeline", "data-sets-list", "copy-course"],
)
def test_missing_settings_are_reported_with_their_places(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv(VARIABLE + "CREDENTIALS__CLIENT_ID", "known")
    done = call(workspace, *command)
    assert done.returncode == 2
    or_token = f"or in the environment, e.g. {VARIABLE}CREDENTIALS__TOKEN"
    said = [line for line in done.stderr.splitlines() if not line.endswith("Z starting")]
    assert said == [
        "Missing settings: host, credentials",
        "",
        f"host: under [{SECTION}] in .dlt/config.toml, or {VARIABLE}HOST in the environment",
        "",
        "credentials: fill in ONE of",
        "  BearerAuth        token",
        "  ServiceUserAuth   private_key, key_id, scope  (client_id: found)",
        "  RefreshTokenAuth  client_secret  (client_id: found)",
        "  IdKeyAuth         app_id, app_key, user_id, user_key",
        f"  under [{SECTION}.credentials] in .dlt/secrets.toml, {or_token}",
        "  (which one is for whom, and where its values come from: README, Credentials;",
        "  `d2l-brightspace login` asks for what RefreshTokenAuth needs, and logs in)",
        "",
        f"read:      {workspace}/.dlt/config.toml",
        f"read:      {workspace}/.dlt/dev.config.toml",
        f"not there: {workspace}/.dlt/dev.secrets.toml",
        f"not there: {workspace}/.dlt/secrets.toml",
    ]


def test_missing_settings_of_a_destination_are_reported_before_any_request(
    workspace: Path, sandbox: Any
) -> None:
    script = "pipelines/d2l_brightspace_pipeline.py"
    done = call(workspace, sys.executable, script, "--destination", "postgres", sandbox=sandbox)
    assert done.returncode == 2
    assert "\nMissing settings: credentials\n" in done.stderr
    assert "PostgresCredentials database, password, username, host" in done.stderr
    assert "under [destination.postgres.credentials] in .dlt/secrets.toml" in done.stderr
    assert len(sandbox.requests) == 0


def test_the_daily_job_loads_on_the_local_runner(workspace: Path, sandbox: Any) -> None:
    done = call(
        workspace, str(BIN / "dlthub"), "local", "run", "load_brightspace_daily", sandbox=sandbox
    )

    assert done.returncode == 0, done.stdout + done.stderr
    truth = counts_of_truth(sandbox)
    assert table_counts(workspace / ".dlt/data/dev/warehouse.duckdb", truth) == truth


def test_the_deployment_manifest_is_valid(workspace: Path) -> None:
    # private modules of dlt: the only place that knows them
    done = call(
        workspace,
        sys.executable,
        "-c",
        "from dlt._workspace.deployment.manifest import manifest_from_module, validate_manifest\n"
        "manifest, warnings = manifest_from_module('__deployment__')\n"
        "result = validate_manifest(manifest)\n"
        "assert result.is_valid and not result.warnings and not warnings\n"
        "print([job['job_ref'] for job in manifest['jobs']])",
    )
    assert "load_brightspace_daily" in done.stdout, done.stderr


def test_demo_loads_twice_and_compares(tmp_path: Path) -> None:
    # in a workspace, as a clone is one, dlt would put the file below .dlt/data
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / ".workspace").touch()
    for _ in range(2):
        done = call(tmp_path, str(BIN / "d2l-brightspace"), "demo", "--courses", "3")
        assert done.returncode == 0, done.stderr
        assert "Every table holds what the sandbox holds" in done.stdout
        assert "3 requests were skipped" in done.stdout
    assert (tmp_path / "brightspace_demo.duckdb").exists()
    look = done.stdout.splitlines()[-1].strip()
    shown = subprocess.run(["sh", "-c", look], cwd=tmp_path, capture_output=True, check=True)
    assert b"identifier" in shown.stdout


def test_check_tells_missing_scopes_from_missing_permissions(
    tmp_path: Path, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = start(scopes=EVERY_SCOPE.replace("users:userdata:read", "").strip())
    for course in sandbox.world.course_ids:
        sandbox.world.forbid(course)
    monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", "duckdb")

    done = call(
        tmp_path, str(BIN / "d2l-brightspace"), "check", sandbox=sandbox, scheme="service_user"
    )

    assert done.returncode == 1
    outcomes = {
        cells[0]: cells[1]
        for line in done.stdout.splitlines()
        if line.startswith("  ") and (cells := re.split(" {2,}", line.strip()))
    }
    assert outcomes["scheme"] == outcomes["user"] == "OK"
    assert outcomes["users"] == "scope missing"
    assert outcomes["classlist"] == outcomes["courses"] == "permission missing"
    assert outcomes["org_units"] == outcomes["log_messages"] == "OK"
    assert "In the way of a load: users, courses, " in done.stdout
    assert list(tmp_path.glob("*.duckdb")) == []


@pytest.mark.parametrize(
    "command", [[], ["demo"], ["check"], ["sandbox"]], ids=lambda c: " ".join(c) or "main"
)
def test_help_teaches(command: list[str], tmp_path: Path) -> None:
    done = call(tmp_path, str(BIN / "d2l-brightspace"), *command, "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_help_loads_neither_dlt_nor_arrow(tmp_path: Path) -> None:
    done = call(
        tmp_path,
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "import sys; sys.argv[1:] = ['--help']; from d2l_brightspace.cli.main import main; main()",
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {"dlt", "pyarrow", "duckdb", "requests", "rich"}
