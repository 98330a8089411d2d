"""Fixtures for all tests: no test sees the user's own dlt settings, folders or environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext


@pytest.fixture(autouse=True)
def _own_dlt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own dlt folders and an environment free of settings."""
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "DESTINATION__", "DLT_", "WORKSPACE__")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))


@pytest.fixture(autouse=True)
def _no_active_pipeline() -> Iterator[None]:
    """Leave no pipeline active: outside of a run dlt looks for a source's state in its folder."""
    yield
    Container()[PipelineContext].deactivate()


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """A pipeline into a DuckDB file of its own."""
    return new_pipeline(tmp_path)


@pytest.fixture
def make_pipeline(tmp_path: Path) -> Callable[..., dlt.Pipeline]:
    """Make pipelines into the same DuckDB file."""

    def make(**options: object) -> dlt.Pipeline:
        return new_pipeline(tmp_path, **options)

    return make


def new_pipeline(folder: Path, **options: object) -> dlt.Pipeline:
    """A pipeline whose working folder and DuckDB file are in a folder."""
    return dlt.pipeline(
        "d2l_brightspace_pipeline",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="d2l_brightspace_data",
        **options,
    )
