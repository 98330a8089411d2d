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
        begin().run([{"a": 1}], table_name="rows")
        begin()  # going on is what it is for
    with working_in(second):
        with pytest.raises(ConfigurationError) as caught:
            begin()
        assert check_destination("warehouse", "p").detail == str(caught.value)
        # what is named by its whole path is meant
        begin(dlt.destinations.duckdb(str(first / "warehouse.duckdb")))
    assert f"{first}/warehouse.duckdb, not {second}/warehouse.duckdb" in str(caught.value)
    assert 'pipelines_dir = ".dlt/pipelines" at the beginning' in str(caught.value)

    (second / ".dlt").mkdir()
    (second / ".dlt" / "config.toml").write_text('pipelines_dir = ".dlt/pipelines"\n')
    with working_in(second):
        begin().run([{"b": 2}], table_name="rows")
    with working_in(first):
        assert begin().dataset().rows.select("a").fetchall() == [(1,)]
    with working_in(second):
        assert begin().dataset().rows.select("b").fetchall() == [(2,)]


@pytest.mark.parametrize("what", ["moved", "deleted", "pending"])
def test_a_pipeline_whose_folder_is_gone_goes_on_elsewhere(tmp_path: Path, what: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()

    def begin() -> dlt.Pipeline:
        return command_pipeline("p", destination="warehouse", dataset_name="d")

    with working_in(first):
        begin().run([{"a": 1}], table_name="rows")
        if what == "pending":
            begin().extract([{"a": 2}], table_name="rows")
    first.rename(second)
    if what == "deleted":
        (second / "warehouse.duckdb").unlink()
    with working_in(second):
        if what == "pending":
            with pytest.raises(ConfigurationError, match="begun in another folder"):
                begin()
            return
        begin().run([{"a": 3}], table_name="rows")
        found = begin().dataset().rows.select("a").fetchall()
    assert sorted(found) == ([(1,), (3,)] if what == "moved" else [(3,)])
    assert not first.exists()
