"""The tests, and what all of them may need."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "tests" / "fixtures"

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads Linux's own measure of memory"
)
