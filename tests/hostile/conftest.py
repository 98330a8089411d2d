"""Each test gets tables that hold an earlier run, and a tenant that has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .arena import LIMITS, PREFIX, Arena, copy_of, load_baseline


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables and working folder of a first run; tests copy them."""
    folder = tmp_path_factory.mktemp("baseline") / "arena"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        load_baseline(folder)
    return folder


@pytest.fixture
def arena(
    baseline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Arena]:
    """A misbehaving Brightspace; what the test saw must be what its `case` says."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)
    for name, value in LIMITS.items():
        monkeypatch.setenv(f"{PREFIX}LIMITS__{name}", value)
    one = copy_of(baseline, tmp_path / "arena")
    with one.server:
        yield one
        one.close()
    for marker in request.node.iter_markers("case"):
        assert one.observed in (None, marker.kwargs["outcome"])
