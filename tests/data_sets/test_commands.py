"""The commands and the script, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def tenant_of_run(tenant):
    return tenant("Users", "Discussion Posts", "Tenant Own Events")


@pytest.fixture
def run(tenant_of_run, tmp_path):
    sandbox = tenant_of_run
    section = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
    environment = {
        **os.environ,
        f"{section}HOST": sandbox.url,
        f"{section}CREDENTIALS__TOKEN": sandbox.credentials["bearer"]["token"],
        "DESTINATION__WAREHOUSE__DESTINATION_TYPE": "duckdb",
        "DESTINATION__WAREHOUSE__CREDENTIALS": str(tmp_path / "x.duckdb"),
        "PYTHONPATH": str(ROOT),
    }

    def call(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def test_load_and_list(run):
    cli = ("-c", "from d2l_brightspace.cli.main import main; main()", "data-sets")
    before = run(*cli, "list")
    assert before.returncode == 0, before.stderr
    assert "discussion_posts" in before.stdout
    assert "tenant_own_events *" in before.stdout
    assert "2026-01-05 10:00" in before.stdout
    done = run(*cli, "load", "users", "Discussion Posts")
    assert done.returncode == 0, done.stderr
    assert "Nothing was skipped" in done.stdout
    after = run(*cli, "list")
    lines = {line.split()[0]: line for line in after.stdout.splitlines() if "2026" in line}
    assert lines["users"].count("2026-01-05 10:00") == 2  # offered, and loaded up to
    assert lines["tenant_own_events"].count("2026-01-05 10:00") == 1


def test_lists_line_up_can_be_filtered_and_read_by_programs(run):
    cli = ("-c", "from d2l_brightspace.cli.main import main; main()", "data-sets")
    shown = run(*cli, "list").stdout.splitlines()
    places = {line.index("2026-01-05") for line in shown[1:]}
    assert len(shown) == 4
    assert len(places) == 1
    [users] = json.loads(run(*cli, "list", "u*", "--json").stdout)
    assert (users["table"], users["loaded_until"]) == ("users", None)
    assert users["schema_id"] == "b21a6414-38f8-4da8-9a65-8b5586f9fe3b"


def test_drift_is_shown_and_can_fail_a_job(run, tenant_of_run):
    cli = ("-c", "from d2l_brightspace.cli.main import main; main()", "data-sets")
    assert run(*cli, "load").returncode == 0
    calm = run(*cli, "drift", "--strict")
    assert (calm.returncode, calm.stdout) == (0, "Nothing has changed.\n")
    tenant_of_run.hub.retire("Discussion Posts")
    tenant_of_run.hub.data_sets["Users"].shown_name = "Peo\u202eple"
    found = run(*cli, "drift", "--strict")
    assert found.returncode == 1
    assert [line.split()[:2] for line in found.stdout.splitlines()[1:]] == [
        ["discussion_posts", "retired"],
        ["users", "renamed"],
    ]
    assert "\u202e" not in found.stdout
    assert run(*cli, "drift").returncode == 0
    assert len(json.loads(run(*cli, "drift", "--json").stdout)) == 2


def test_the_script(run):
    done = run(str(ROOT / "pipelines" / "data_sets_pipeline.py"), "--data-sets", "users")
    assert done.returncode == 0, done.stderr
    assert "users" in done.stdout


def test_an_error_is_one_line(run):
    cli = ("-c", "from d2l_brightspace.cli.main import main; main()", "data-sets")
    done = run(*cli, "load", "--destination", "nowhere_at_all")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
