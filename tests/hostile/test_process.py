"""Processes that die, meet each other, or find the disk full."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from dlt.common.exceptions import DltException

from d2l_brightspace import DestinationRefused, ServiceUnavailable
from tests.cases import case

from .arena import Arena, truth
from .child import POINTS
from .tenant import message, page

ALL = ("users", "classlist", "log_messages")


@case("Process", "SIGKILL in extract, normalize, load and between, then run again", "exact")
@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_kill_then_run_again(arena: Arena, point: str) -> None:
    victim = arena.child(*ALL, kill_at=point)
    assert victim.wait(60) == -signal.SIGKILL
    arena.tenant.users[5]["FirstName"] = "Later"
    arena.tenant.log.append(message(len(arena.tenant.log) + 1))
    # the next run finishes the old package and reads what happened since
    arena.exact(*ALL)
    assert log_cursor(arena) == arena.tenant.log[-1]["MessageTimestamp"][:16]


@case("Process", "SIGKILL when a file is staged and dlt has not noted it", "exact")
@pytest.mark.slow
@pytest.mark.parametrize("table", ALL)
def test_kill_when_a_file_is_staged(arena: Arena, table: str) -> None:
    victim = arena.child(*ALL, kill_at="one job loaded", table=table)
    assert victim.wait(60) == -signal.SIGKILL
    arena.before = truth(arena.tenant) | {
        other: rows for other, rows in arena.before.items() if other not in ALL
    }
    # nothing new can be read, so what the tables hold is what the earlier run had extracted
    arena.server.__exit__()
    arena.fails(ServiceUnavailable, "No answer", *ALL)
    arena.observed = "exact"


@case("Process", "SIGKILL in mid-list while extracting, then run again", "exact")
@pytest.mark.slow
@pytest.mark.parametrize("path", ["/users/$", "/102/classlist/", "/logging/$"])
def test_kill_in_extract(arena: Arena, path: str) -> None:
    victims: list[Any] = []

    def kill(_request: Any, normal: Any) -> Any:
        victims[0].send_signal(signal.SIGKILL)
        victims[0].wait()
        return normal()

    arena.fault(path, kill, when=lambda request: "bookmark" in request.params, times=1)
    victims.append(arena.child(*ALL))
    assert victims[0].wait(60) == -signal.SIGKILL
    arena.exact(*ALL)


@case("Process", "SIGKILL in the very first run, then run again", "exact")
@pytest.mark.slow
def test_kill_in_the_first_run(arena: Arena, tmp_path: Path) -> None:
    victim = arena.child(*ALL, folder="fresh", kill_at="one job loaded")
    assert victim.wait(60) == -signal.SIGKILL
    fresh = Arena(arena.folder / "none", arena.tenant)
    fresh.folder.mkdir()
    fresh.server._tcp.server_close()
    fresh.server = arena.server
    for file in arena.folder.glob("fresh.duckdb*"):  # with what is not written into it yet
        file.rename(arena.folder / "none" / file.name.replace("fresh", fresh.database.stem))
    (arena.folder / "fresh").rename(fresh.folder / "pipelines")
    fresh.before = fresh.tables()
    fresh.exact(*ALL)
    arena.observed = fresh.observed


def log_cursor(arena: Arena) -> str:
    state = arena.pipeline().state["sources"]["d2l_brightspace"]["resources"]["log_messages"]
    cursors = list(state["incremental"].values())
    return str(cursors[0]["last_value"])[:16].replace(" ", "T")


@case("Process", "two runs at once in one working folder: the second says so", "clear error")
def test_two_runs_in_one_folder(arena: Arena) -> None:
    def meanwhile(_request: Any, normal: Any) -> Any:
        if threading.current_thread() not in seen:
            seen.append(threading.current_thread())
            second = arena.child("users")
            errors.append((second.wait(60), second.stderr.read() if second.stderr else ""))
        return normal()

    seen: list[Any] = []
    errors: list[tuple[int, str]] = []
    arena.fault("/users/$", meanwhile, when=page(2), times=1)
    arena.exact("users")
    ((code, text),) = errors
    assert code == 1
    assert text.strip().splitlines()[-1].startswith("RunInProgress: Another run of the pipeline")
    assert len(arena.server.asked("/users/$")) == 3
    arena.observed = "clear error"


@case("Process", "destination locked at the start: said before any request", "clear error")
@pytest.mark.slow
def test_destination_locked(arena: Arena) -> None:
    with duckdb.connect(str(arena.database)):
        second = arena.child("users")
        assert second.wait(60) == 1
        assert second.stderr
        text = second.stderr.read()
    assert [line for line in text.splitlines() if line.startswith("DestinationInUse: ")]
    assert "Traceback" not in text
    assert arena.server.requests == []
    assert arena.tables() == arena.before
    arena.observed = "clear error"


@case("Process", "two runs at once on one DuckDB file: the second says so, then delivers", "exact")
@pytest.mark.slow
def test_destination_locked_in_mid_run(arena: Arena) -> None:
    blocker: list[Any] = []

    def lock(_request: Any, normal: Any) -> Any:
        blocker.append(_hold(arena.database))
        return normal()

    arena.fault("/users/$", lock, when=page(3), times=1)
    second = arena.child("users", "log_messages")
    assert second.wait(100) == 1
    assert second.stderr
    text = second.stderr.read()
    blocker[0].kill()
    blocker[0].communicate()
    assert "DestinationInUse: " in text
    assert arena.tables() == arena.before
    arena.tenant.users[5]["FirstName"] = "Later"
    report = arena.exact("users", "log_messages")
    assert "left pending was finished" in str(report)


def _hold(database: Path) -> Any:
    import subprocess
    import sys

    code = (
        "import duckdb, sys, time\n"
        f"connection = duckdb.connect({str(database)!r})\n"
        "print('held', flush=True)\n"
        "time.sleep(120)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


@case("Process", "disk full while extracting, then room again", "exact")
@case("Process", "disk full while loading, then room again", "exact")
@pytest.mark.slow
@pytest.mark.parametrize("limit", ["working folder", "database"])
def test_disk_full(arena: Arena, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    from .tenant import user

    arena.tenant.users += [
        user(number) | {"LastName": Random(number).randbytes(400).hex()}
        for number in range(2000, 6000)
    ]
    arena.tenant.page_size = 500
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
    size = arena.database.stat().st_size
    victim = arena.child("users", file_limit=60_000 if limit == "working folder" else size + 4096)
    assert victim.wait(60) == 1, victim.stderr and victim.stderr.read()
    assert victim.stderr
    text = victim.stderr.read()
    assert "File too large" in text or "No space" in text or "file" in text.lower()
    assert arena.tables() == arena.before
    arena.exact("users")


@case("Process", "load package that can never be finished: put aside, the run goes on", "exact")
def test_poisoned_package(arena: Arena, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = arena.pipeline()
    source = arena.source("users", "log_messages")
    pipeline.extract(source)
    ruin = next(Path(pipeline.working_dir).glob("normalize/extracted/*/new_jobs/users.*"))
    ruin.write_bytes(b"no parquet")
    with pytest.raises(DltException):
        pipeline.normalize()
    report = arena.exact("users", "log_messages")
    assert "put aside" in str(report)
    assert "put aside" not in str(arena.exact("users", "log_messages"))


@case("Process", "load job that the destination refuses for ever: put aside", "exact")
@pytest.mark.slow
def test_poisoned_job(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
    pipeline = arena.pipeline()
    pipeline.extract(arena.source("users", "log_messages"))
    pipeline.normalize()
    ruin = next(Path(pipeline.working_dir).glob("load/normalized/*/new_jobs/users.*"))
    ruin.write_bytes(b"no parquet")
    with pytest.raises(DltException):
        pipeline.load()
    report = arena.exact("users", "log_messages")
    assert "put aside" in str(report)


@case("Process", "schema changed by hand: column dropped, then given back", "clear error")
def test_column_dropped(arena: Arena) -> None:
    arena.query("ALTER TABLE users DROP COLUMN pronouns")
    arena.fails(DestinationRefused, "table users .*pronouns", "users")
    arena.fails(DestinationRefused, "table users .*pronouns", "users")
    arena.query("ALTER TABLE users ADD COLUMN pronouns VARCHAR")
    arena.exact("users")
    arena.observed = "clear error"


@case("Process", "schema changed by hand: column of another type", "clear error")
def test_column_retyped(arena: Arena, capfd: pytest.CaptureFixture[str]) -> None:
    arena.query("ALTER TABLE users DROP COLUMN last_name")
    arena.query("ALTER TABLE users ADD COLUMN last_name INTEGER")
    arena.fails(DestinationRefused, "table users", "users")
    assert "Canary-Person" not in capfd.readouterr().err


@case("Process", "schema changed by hand: table dropped", "clear error")
def test_table_dropped(arena: Arena) -> None:
    arena.query("DROP TABLE users")
    arena.before["users"].clear()
    arena.fails(DestinationRefused, "table users", "users")
