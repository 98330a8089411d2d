"""What a run says in place of dlt's errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.schema.exceptions import DataValidationError
from dlt.pipeline.exceptions import PipelineStepFailed

from d2l_brightspace import DestinationRefused, run

from .test_failed_tables import OLD, rows_of, source_of

CANARY = "canary-person-0451"


def test_a_broken_contract_names_table_and_column(pipeline: dlt.Pipeline) -> None:
    run(pipeline, source_of(users=(OLD, None, {})))
    rows = [{"id": 3, "name": "c", "nickname": CANARY}]
    source = source_of(users=(rows, None, {}))
    source.schema_contract = {"columns": "freeze"}
    with pytest.raises(
        DestinationRefused, match=r"of the table users .* column nickname"
    ) as caught:
        run(pipeline, source)
    assert 'schema_contract={"columns": "evolve"}' in str(caught.value)
    assert CANARY not in str(caught.value)
    assert not isinstance(caught.value.__cause__, DataValidationError)
    assert [key for key, _ in rows_of(pipeline, "users")] == [1, 2]


def test_a_destination_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = dlt.pipeline(
        "p",
        destination=dlt.destinations.duckdb(str(tmp_path / "none" / "file.duckdb")),
        dataset_name="data",
        pipelines_dir=str(tmp_path),
    )
    with pytest.raises(DestinationRefused, match="cannot be reached") as caught:
        run(pipeline, source_of(users=(OLD, None, {})))
    assert "the next run loads it" in str(caught.value)


def test_no_advice_to_delete_what_was_extracted(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("canary")

    with monkeypatch.context() as patch:
        patch.setattr("dlt.load.load.Load.create_followup_jobs", broken)
        with pytest.raises(PipelineStepFailed) as caught:
            run(pipeline, source_of(users=(OLD, None, {})))
    message = str(caught.value)
    assert "abort-packages" not in message
    assert "is not lost: the next run loads it" in message
    assert "RuntimeError" in message
    run(pipeline, source_of(users=([], None, {})))
    assert len(rows_of(pipeline, "users")) == 2


def test_a_pipeline_without_a_destination(tmp_path: Path) -> None:
    pipeline = dlt.pipeline("p", pipelines_dir=str(tmp_path))
    with pytest.raises(PipelineStepFailed, match="Please provide `destination`"):
        run(pipeline, source_of(users=(OLD, None, {})))
