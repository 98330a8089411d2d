"""The pipeline of a command: whose file it loads into."""

from __future__ import annotations

from pathlib import Path

import dlt
import pytest

from d2l_brightspace.checks.surroundings import check_destination
from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.pipeline.command_pipeline import command_pipeline
from tests.working_folder import working_in


def test_a_second_folder_does_not_load_into_the_database_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "state"))
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    def begin(destination: object = "warehouse") -> dlt.Pipeline:
        return command_pipeline("p", destination=destination, dataset_name="d")

    with working_in(first):
        assert check_destination("warehouse", "p").ok
        assert not (tmp_path / "state" / "pipelines" / "p").exists()
        begin()
        begin()  # going on is what it is for
    with working_in(second):
        with pytest.raises(ConfigurationError) as caught:
            begin()
        assert check_destination("warehouse", "p").detail == str(caught.value)
        # what is named by its whole path is meant
        begin(dlt.destinations.duckdb(str(first / "warehouse.duckdb")))
        monkeypatch.setenv("DLT_DATA_DIR", str(second / ".dlt" / "state"))
    assert f"{first}/warehouse.duckdb, not {second}/warehouse.duckdb" in str(caught.value)
    assert f"DLT_DATA_DIR to a folder for this one, such as {second}/.dlt/state" in str(
        caught.value
    )
    with working_in(second):
        begin()
