"""A run that is killed anywhere, and run again: nothing skipped, nothing doubled."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

from .conftest import Loader, data_hub
from .killed_run import STEPS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")]
NAMES = ("Discussion Posts", "Grade Results")
KEYLESS = "Question Relationships"
EVERY = {"full_every_days": 7}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory) -> Path:
    """What a first run leaves; the sandbox serves the same on its first day each time."""
    folder = tmp_path_factory.mktemp("first_run")
    with data_hub(*NAMES, KEYLESS) as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        Loader(sandbox, folder, EVERY).run()
    return folder


@pytest.fixture
def one(first_run, tmp_path, loader, tenant) -> Loader:
    """A loader that ran eight days ago."""
    shutil.copytree(first_run, tmp_path, dirs_exist_ok=True)
    one = loader(tenant(*NAMES, KEYLESS), **EVERY)
    one.sandbox.hub.advance(8)
    return one


def killed(one: Loader, step: str) -> None:
    """Run in a process of its own, which dies at the step."""
    token = one.sandbox.credentials["bearer"]["token"]
    command = [sys.executable, "-m", "tests.data_sets.killed_run", one.sandbox.url, token]
    done = subprocess.run(
        [*command, str(one.folder), step, *one.sandbox.settings.data_sets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def assert_made_good(one: Loader) -> None:
    """The next run leaves every table equal to its truth, and no extract noted twice."""
    one.run()
    for name in one.sandbox.settings.data_sets:
        assert one.table(name.lower().replace(" ", "_")) == one.truth(name), name
    counted = one.query(
        "SELECT count(*), count(DISTINCT (data_set, kind, created)) FROM extracts_loaded"
    )
    assert counted[0][0] == counted[0][1]


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[step[2] for step in STEPS])
def test_a_killed_run_is_made_good_by_the_next(one, step):
    killed(one, str(step))
    assert_made_good(one)
    extracts = one.query("SELECT count(*) FROM extracts_loaded")
    hub = one.sandbox.hub.data_sets.values()
    assert extracts == [(sum(1 + 1 + data_set.has_differential for data_set in hub),)]


@pytest.mark.parametrize("name", [*NAMES, KEYLESS])
def test_a_file_that_was_staged_is_not_merged_twice(one, name):
    killed(one, name.lower().replace(" ", "_"))
    assert_made_good(one)


@pytest.mark.parametrize("name", ["Grade Results", KEYLESS])
def test_a_first_full_that_was_copied_is_not_copied_twice(tenant, loader, name):
    one = loader(tenant(name))
    killed(one, name.lower().replace(" ", "_"))
    assert_made_good(one)
