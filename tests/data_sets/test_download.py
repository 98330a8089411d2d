"""Downloads over real sockets: whole, resumed, without credentials, within bounds."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
import zipfile

import pytest

from d2l_brightspace import ConfigurationError
from d2l_brightspace.data_sets.download import Scratch


@pytest.fixture
def one(tenant, loader):
    return loader(tenant("Grade Results", data_set_rows=2000))


def storage_requests(one) -> list[int]:
    return [
        request["status"]
        for request in one.sandbox.requests
        if request["path"].startswith("/storage/")
    ]


def test_the_storage_sees_no_credentials(one):
    one.run()
    arrivals = [r for r in one.sandbox.requests if r["path"].startswith("/storage/")]
    assert [(r["status"], r["scheme"]) for r in arrivals] == [(200, "anonymous")]
    assert one.table("grade_results") == one.truth("Grade Results")


def test_a_download_that_breaks_off_goes_on_where_it_was(one, caplog):
    caplog.set_level(logging.CRITICAL, "uvicorn")
    one.sandbox.hub.cut_after = [1000, 1]
    one.run()
    assert storage_requests(one) == [200, 200, 206]
    assert one.table("grade_results") == one.truth("Grade Results")


def test_the_download_quota_is_waited_for(one):
    one.sandbox.hub.quota_refusals = 2
    one.run()
    assert one.table("grade_results") == one.truth("Grade Results")


def test_several_data_sets_are_downloaded_side_by_side(tenant, loader):
    names = ("Grade Results", "Users", "Content Objects", "Discussion Posts")
    one = loader(tenant(*names, latency_ms=50))
    one.run()
    assert one.sandbox.requests.peak_in_flight > 1


def test_no_file_is_left_behind(one, monkeypatch, tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_DATA_SETS__FILES__TEMP_FOLDER", str(folder))
    one.run()
    assert list(folder.rglob("*.zip")) == []
    gc.collect()
    assert list(folder.iterdir()) == []


def test_what_is_larger_than_the_folder_may_hold_is_refused(tmp_path):
    scratch = Scratch(str(tmp_path), 100)
    with (
        pytest.raises(ConfigurationError, match="temp_gigabytes"),
        scratch.room("users") as room,
    ):
        room.hold(tmp_path / "0.zip", 101)


@pytest.mark.parametrize("announced", [0, 1, None], ids=["nothing", "a lie", "the truth"])
@pytest.mark.parametrize("kilobytes", [1000, 50], ids=["parquet", "download"])
def test_what_arrives_is_counted_whatever_was_announced(
    tenant, loader, monkeypatch, tmp_path, announced, kilobytes
):
    one = loader(tenant("Grade Results", "Users"))
    extract = one.sandbox.hub.data_sets["Grade Results"].extracts[-1]
    extract.announced = announced
    rows = "".join(f"{n},1,{n * n},7\r\n" for n in range(40_000))
    with zipfile.ZipFile(extract.path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", f"GradeObjectId,OrgUnitId,UserId,PointsNumerator\r\n{rows}")
    assert 50_000 < extract.path.stat().st_size < 300_000
    limit = "SOURCES__D2L_BRIGHTSPACE_DATA_SETS__FILES__TEMP_GIGABYTES"
    monkeypatch.setenv(limit, str(kilobytes / 1e6))
    one.run()
    assert one.query("SELECT resource, reason FROM skipped_requests") == [
        ("grade_results", "ConfigurationError")
    ]
    assert one.table("users") == one.truth("Users")
    monkeypatch.delenv(limit)
    one.run()
    assert one.query("SELECT count(*) FROM grade_results") == [(40_000,)]


@pytest.mark.parametrize(("age_seconds", "stays"), [(0, True), (3600, False)])
def test_folders_of_killed_runs_are_removed(tmp_path, age_seconds, stays):
    left = tmp_path / "d2l_brightspace_left"
    left.mkdir()
    (left / "0.zip").write_bytes(b"PK")
    then = time.time() - age_seconds
    os.utime(left, (then, then))
    living = Scratch(str(tmp_path), 100)
    living.path("")
    assert left.exists() == stays
    os.utime(living.path("").parent, (0, 0))
    Scratch(str(tmp_path), 100).path("")
    assert living.path("").parent.exists()


def test_downloads_wait_for_room(tmp_path):
    scratch = Scratch(str(tmp_path), 100)
    order: list[str] = []

    def second() -> None:
        with scratch.room("second") as room:
            room.hold(tmp_path / "2", 60)
            order.append("second in")

    with scratch.room("first") as room:
        room.hold(tmp_path / "1", 60)
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first out")
    thread.join(5)
    assert order == ["first out", "second in"]


def test_data_sets_that_wait_for_each_other_do_not_wait_for_ever(tmp_path):
    scratch = Scratch(str(tmp_path), 100)
    both_hold = threading.Barrier(2)
    outcomes: list[str] = []

    def grow(name: str) -> None:
        try:
            with scratch.room(name) as room:
                room.hold(tmp_path / name, 50)
                both_hold.wait(5)
                room.hold(tmp_path / name, 60)
                outcomes.append("went on")
        except ConfigurationError:
            outcomes.append("refused")

    threads = [threading.Thread(target=grow, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(outcomes) == ["refused", "went on"]
