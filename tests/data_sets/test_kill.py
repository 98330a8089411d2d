"""A run that is killed anywhere, and run again: nothing skipped, nothing doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .killed_run import STEPS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")]
ROOT = Path(__file__).parents[2]
NAMES = ("Discussion Posts", "Grade Results")


KEYLESS = "Question Relationships"


def load(one, step: str, *data_sets: str) -> int:
    token = one.sandbox.credentials["bearer"]["token"]
    command = [sys.executable, "-m", "tests.data_sets.killed_run"]
    done = subprocess.run(
        [*command, one.sandbox.url, token, str(one.folder), step, *data_sets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[step[2] for step in STEPS])
def test_a_killed_run_is_made_good_by_the_next(step, tenant, loader):
    one = loader(tenant(*NAMES), full_every_days=7)
    one.run()
    one.sandbox.hub.advance(8)
    assert load(one, str(step), *NAMES) == -signal.SIGKILL
    assert load(one, "", *NAMES) == 0
    for name in NAMES:
        assert one.table(name.lower().replace(" ", "_")) == one.truth(name)
    counted = one.query(
        "SELECT count(*), count(DISTINCT (data_set, kind, created)) FROM extracts_loaded"
    )
    expected = sum(
        1 + 1 + data_set.has_differential for data_set in one.sandbox.hub.data_sets.values()
    )
    assert counted == [(expected, expected)]


@pytest.mark.parametrize("name", [*NAMES, KEYLESS])
@pytest.mark.parametrize("days", [0, 8])
def test_a_file_that_was_staged_is_not_merged_twice(name, days, tenant, loader):
    one = loader(tenant(*NAMES, KEYLESS), full_every_days=7)
    if days:
        one.run()
        one.sandbox.hub.advance(days)
    table = name.lower().replace(" ", "_")
    assert load(one, table, name) == -signal.SIGKILL
    assert load(one, "", name) == 0
    assert one.table(table) == one.truth(name)
