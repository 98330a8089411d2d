"""What is relied on about dlt's folders; a failure here means that dlt has changed it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dlt
import pytest

from d2l_brightspace.dlt_compat import folders

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.folders relies on: "


def test_dlt_moves_to_the_temporary_folder_without_a_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dlt._workspace.run_context import default_working_dir
    from dlt.common.runtime.run_context import global_dir

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 65534)
    monkeypatch.setenv("HOME", "/not/there")
    words = RELIED_ON + "its folder `dlt` in the one for temporary files"
    assert Path(global_dir()) == tmp_path / "dlt", words
    moved = default_working_dir("/not/there", "name", "dev", "data")
    assert Path(moved).is_relative_to(tmp_path / "dlt"), words


def test_only_what_dlt_chose_by_itself_is_a_stand_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    moved = tmp_path / "dlt" / "pipelines"
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    assert folders.default_pipelines_dir() == moved
    assert not folders.is_stand_in(moved)
    monkeypatch.delenv("DLT_DATA_DIR")
    context = dlt.current.run_context()
    monkeypatch.setattr(type(context), "data_dir", property(lambda _: str(tmp_path / "dlt")))
    assert folders.is_stand_in(moved)
    assert not folders.is_stand_in(tmp_path / "dlt2")
    # who works in a folder of that name is not sent away
    monkeypatch.setattr(type(context), "run_dir", property(lambda _: str(tmp_path / "dlt")))
    assert not folders.is_stand_in(moved)
