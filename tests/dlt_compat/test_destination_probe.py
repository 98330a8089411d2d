"""What is relied on when a destination is tried; a failure here means that dlt has changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from d2l_brightspace.dlt_compat.destination_probe import Probe, probe

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.destination_probe relies on: "


def set_destination(monkeypatch: pytest.MonkeyPatch, name: str, kind: str, place: str) -> None:
    monkeypatch.setenv(f"DESTINATION__{name.upper()}__DESTINATION_TYPE", kind)
    monkeypatch.setenv(f"DESTINATION__{name.upper()}__CREDENTIALS", place)


def test_a_dataset_is_made_and_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

    made: list[str] = []
    real = DuckDbSqlClient.create_dataset

    def create(self: Any) -> None:
        made.append(self.dataset_name)
        real(self)

    monkeypatch.setattr(DuckDbSqlClient, "create_dataset", create)
    file = tmp_path / "x.duckdb"
    duckdb.connect(file).close()
    set_destination(monkeypatch, "one", "duckdb", str(file))
    found = probe("one", "a_pipeline")
    assert (found.kind, found.place, found.problem) == ("duckdb", str(file), "")
    assert len(made) == 1, RELIED_ON + "`initialize_storage` makes the dataset"
    with duckdb.connect(file) as database:
        left = database.execute("SELECT schema_name FROM information_schema.schemata").fetchall()
    assert (made[0],) not in left, RELIED_ON + "`drop_storage` drops the dataset"


def test_no_pipeline_is_left_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_destination(monkeypatch, "one", "duckdb", str(tmp_path / "x.duckdb"))
    context = Container()[PipelineContext]
    probe("one", "a_pipeline")
    assert not context.is_active()
    mine = dlt.pipeline("mine", pipelines_dir=str(tmp_path / "pipelines"))
    probe("one", "a_pipeline")
    assert context.pipeline() is mine


def test_what_is_not_configured_is_told_from_what_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = RELIED_ON + "the errors for missing settings"
    assert not probe("postgres", "a_pipeline").is_configured, words
    set_destination(monkeypatch, "files", "filesystem", "")
    monkeypatch.setenv("DESTINATION__FILES__BUCKET_URL", str(tmp_path))
    found = probe("files", "a_pipeline")
    assert found == Probe("filesystem", problem=found.problem)
    assert "cannot replace rows" in found.problem
    login = "postgresql://us:canary-secret@127.0.0.1:9/nothing"
    set_destination(monkeypatch, "far", "postgres", login)
    found = probe("far", "a_pipeline")
    assert found.problem
    assert "canary" not in repr(found)
