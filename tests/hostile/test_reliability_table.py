"""The committed table is what the tests say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import ROOT
from tests.cases import RELIABILITY, SECURITY
from tests.reliability import TABLE


@pytest.mark.slow
def test_table_is_current() -> None:
    command = [sys.executable, "-m", "tests.reliability", "--check"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-2000:]


def test_nothing_is_lost_or_duplicated() -> None:
    text = TABLE.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    outcomes = {
        line.rsplit("|", 2)[1].strip() for line in lines if not line.startswith("| outcome")
    }
    assert {"exact", "clear error", "recorded"} <= outcomes
    assert not outcomes & {"lost", "doubled"}
    for topic in RELIABILITY + SECURITY:
        assert f"## {topic}" in text
