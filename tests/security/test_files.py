"""Files and folders that others could have made, or that cannot be written."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dlt
import filelock
import pytest

from d2l_brightspace import ConfigurationError, run
from d2l_brightspace.client.auth.token_store import FileTokenStore, default_store
from d2l_brightspace.client.auth.tokens import AccessToken, StoredTokens
from d2l_brightspace.data_sets.download import Scratch
from tests import ROOT
from tests.cases import case, each, together
from tests.client.auth.token_bench import CANARY, CONFIGURED, URL, Bench, MemoryStore, assert_clean
from tests.hostile.arena import Arena

TOPIC = "Files and folders"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
NOBODY = 65534


def kept(store: FileTokenStore) -> str | None:
    with store.locked():
        held = store.load()
    return held and held.refresh_token


def keep(store: FileTokenStore, token: str) -> None:
    with store.locked():
        store.save(StoredTokens(token, "c"))


@together(
    TOPIC,
    "safe",
    "DLT_DATA_DIR is set: the refresh token is kept there, where the container's volume is",
    "a refresh token that is in the old place already: used and renewed there, never copied",
)
def test_the_token_store_follows_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = dlt.current.run_context()
    monkeypatch.setattr(type(context), "global_dir", property(lambda _: str(tmp_path / "global")))
    monkeypatch.delenv("DLT_DATA_DIR")
    keep(default_store(URL, "app", "old"), "kept before")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "volume"))

    keep(default_store(URL, "app", "new"), "kept now")
    assert [path.name[-5:] for path in (tmp_path / "volume").rglob("*.json")] == [".json"]
    assert kept(default_store(URL, "app", "new")) == "kept now"

    assert kept(default_store(URL, "app", "old")) == "kept before"
    keep(default_store(URL, "app", "old"), "renewed")
    monkeypatch.delenv("DLT_DATA_DIR")  # as a job that knows nothing of the variable
    assert kept(default_store(URL, "app", "old")) == "renewed"


@each(
    TOPIC,
    ("token store that its group may write: refused", "clear error", "file", 0o660, None),
    ("token store in a folder that all may write: refused", "clear error", "folder", 0o1777, None),
    ("token store of another user: refused", "clear error", "file", 0o600, NOBODY),
    ("token store in a folder of another user: refused", "clear error", "folder", 0o700, NOBODY),
)
def test_a_token_store_that_others_could_change(
    tmp_path: Path, whose: str, mode: int, owner: int | None
) -> None:
    if owner is not None and os.geteuid() != 0:
        pytest.skip("gives files to another user")
    folder = tmp_path / "store"
    file = folder / "tokens.json"
    bench = Bench(store=FileTokenStore(file))
    bench.bearer()
    bad = file if whose == "file" else folder
    bad.chmod(mode)
    if owner is not None:
        os.chown(bad, owner, -1)
    again = Bench(store=FileTokenStore(file))
    with pytest.raises(
        ConfigurationError, match=rf"chmod {'6' if bad is file else '7'}00"
    ) as caught:
        again.bearer()
    assert str(bad) in str(caught.value)
    assert_clean(caught.value)
    assert again.transport.requests == []


@case(TOPIC, "token store that is a link: stays one, its file is written and locked", "safe")
def test_a_token_store_that_is_a_link(tmp_path: Path) -> None:
    target = tmp_path / "secret" / "tokens.json"
    keep(FileTokenStore(target), "first")
    link = tmp_path / "tokens.json"
    link.symlink_to(target)
    keep(FileTokenStore(link), "second")
    assert link.is_symlink()
    assert kept(FileTokenStore(target)) == "second"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret", "tokens.json"]
    with (
        FileTokenStore(link).locked(),
        pytest.raises(ConfigurationError, match="Another process"),
        FileTokenStore(target, lock_seconds=0).locked(),
    ):
        pass


@each(
    "Secrets and persons",
    ("stored token with a line break: refused, not quoted", "clear error", "\r\nX: 1"),
    ("stored token with other characters: refused, not quoted", "clear error", " ü"),
)
def test_a_stored_token_that_no_header_can_carry(tmp_path: Path, ending: str) -> None:
    now = time.time()
    bad = StoredTokens("r", "c", AccessToken(f"{CANARY}{ending}", now, now + 3600))
    path = tmp_path / "tokens.json"
    path.write_text(bad.to_json(), encoding="utf-8")
    path.chmod(0o600)
    bench = Bench(store=FileTokenStore(path))
    with pytest.raises(ConfigurationError, match="damaged") as caught:
        bench.bearer()
    assert_clean(caught.value)
    assert bench.transport.requests == []


@case("Secrets and persons", "a store of one's own gives such a token: a new one is got", "safe")
def test_a_store_of_ones_own_with_such_a_token() -> None:
    from d2l_brightspace.client.auth.token_store import fingerprint

    bench = Bench()
    held = AccessToken(f"{CANARY}\r\nX: 1", bench.clock.now, bench.clock.now + 3600)
    bench.store = MemoryStore(StoredTokens("newest", fingerprint(CONFIGURED), held))
    bench = Bench(store=bench.store)
    assert bench.bearer() == f"{CANARY}-access-1"
    assert bench.sent() == ["newest"]


@together(
    TOPIC,
    "safe",
    "shared temporary folder: a link with our name, to a folder of ours, is not followed",
    "shared temporary folder: a folder with our name that others may write is not touched",
    "shared temporary folder: a lock file that is a link is not opened",
)
def test_traps_in_a_shared_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    (victim / "thesis").write_text("years of work")
    parent = tmp_path / "shared"
    parent.mkdir()
    (parent / "d2l_brightspace_link").symlink_to(victim)
    for name, mode in (("open", 0o777), ("lock", 0o700)):
        trap = parent / f"d2l_brightspace_{name}"
        trap.mkdir()
        (trap / ".lock").symlink_to(victim / "thesis")
        trap.chmod(mode)
    left = parent / "d2l_brightspace_left"
    left.mkdir(mode=0o700)
    for path in (victim, *parent.iterdir()):
        os.utime(path, (0, 0))
    opened: list[str] = []

    class Watched(filelock.FileLock):
        def __init__(self, path: Any, *arguments: Any, **options: Any) -> None:
            opened.append(Path(path).parent.name)
            super().__init__(path, *arguments, **options)

    monkeypatch.setattr("d2l_brightspace.data_sets.download.FileLock", Watched)
    scratch = Scratch(str(parent), 100)
    mine = scratch.path("").parent
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700
    assert sorted(opened) == sorted([mine.name, "d2l_brightspace_left"])
    assert not left.exists()
    assert sorted(path.name for path in victim.iterdir()) == ["thesis"]
    assert (victim / "thesis").read_text() == "years of work"


@case(TOPIC, "shared temporary folder: a folder of another user is not touched", "safe")
@needs_root
def test_a_temporary_folder_of_another_user(tmp_path: Path) -> None:
    theirs = tmp_path / "d2l_brightspace_theirs"
    theirs.mkdir(mode=0o700)
    os.utime(theirs, (0, 0))
    os.chown(theirs, NOBODY, -1)
    Scratch(str(tmp_path), 100).path("")
    assert list(theirs.iterdir()) == []


@each(
    TOPIC,
    ("working folder gone and not to be made: said before any request", "clear error", "parent"),
    ("working folder is a file: said before any request", "clear error", "file"),
)
def test_a_working_folder_that_cannot_be_written(arena: Arena, how: str) -> None:
    import shutil

    pipeline, source = arena.pipeline(), arena.source("users")
    folder = Path(pipeline.pipelines_dir)
    in_the_way = folder if how == "parent" else Path(pipeline.working_dir)
    shutil.rmtree(in_the_way)
    in_the_way.touch()
    with pytest.raises(ConfigurationError, match="cannot be written") as caught:
        run(pipeline, source)
    assert str(in_the_way) in str(caught.value)
    assert "DLT_DATA_DIR" in str(caught.value)
    assert arena.server.requests == []
    assert arena.tables() == arena.before
    arena.observed = "clear error"


MOVED = """
import os, tempfile
os.geteuid = lambda: 65534  # root writes everywhere, and has a folder of its own
import dlt._workspace.run_context
if {settings_unwritable}:
    dlt._workspace.run_context.is_folder_writable = lambda folder: False
import dlt
from d2l_brightspace import ConfigurationError, run
from d2l_brightspace.pipeline.command_pipeline import command_pipeline

@dlt.resource(primary_key="id", write_disposition="merge")
def rows():
    print("requested")
    yield {{"id": 1}}

options = {{"destination": "duckdb", "dataset_name": "d"}}
for make in (dlt.pipeline, command_pipeline):
    try:
        pipeline = make("moved", **options)
        print("made in", pipeline.pipelines_dir)
        run(pipeline, dlt.source(lambda: rows, name="s")())
    except ConfigurationError as error:
        print("refused:", error)
"""


@each(
    TOPIC,
    (
        "home cannot be written, so dlt moves to the temporary folder: refused before any request",
        "clear error",
        False,
        False,
    ),
    (
        "workspace cannot be written, so dlt moves to the temporary folder: refused, named",
        "clear error",
        True,
        False,
    ),
    (
        "workspace cannot be written, DLT_DATA_DIR can: a DuckDB file elsewhere is refused",
        "clear error",
        True,
        True,
    ),
)
@pytest.mark.slow
def test_dlts_stand_in_is_refused(tmp_path: Path, in_workspace: bool, has_data_dir: bool) -> None:
    work, temp = tmp_path / "work", tmp_path / "temp"
    for folder in (work, temp):
        folder.mkdir()
    environment = {name: v for name, v in os.environ.items() if name != "DLT_DATA_DIR"}
    environment |= {"HOME": "/proc/self/fdinfo", "TMPDIR": str(temp), "PYTHONPATH": str(ROOT)}
    if in_workspace:
        (work / ".dlt").mkdir()
        (work / ".dlt" / ".workspace").touch()
    if has_data_dir:
        environment["DLT_DATA_DIR"] = str(tmp_path / "data")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MOVED.format(settings_unwritable=in_workspace)],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = work / ".dlt" if in_workspace else Path("/proc/self/fdinfo")
    refused = [line for line in done.stdout.splitlines() if line.startswith("refused:")]
    assert len(refused) == 2, done.stdout
    assert all(f"{wanted} cannot be written" in line and "DLT_DATA_DIR" in line for line in refused)
    assert "requested" not in done.stdout.replace("Nothing was requested", "")
    # that dlt would have moved, or there is nothing to refuse
    assert f"made in {tmp_path / 'data' if has_data_dir else temp / 'dlt'}" in done.stdout


@together(
    TOPIC,
    "clear error",
    "DLT_DATA_DIR cannot be written: commands say so, and name it",
    "the same in a workspace of dlt, where it fails while dlt reads its settings",
)
@pytest.mark.slow
@pytest.mark.parametrize("workspace", [False, True], ids=["plain", "workspace"])
def test_commands_with_a_data_folder_that_cannot_be_made(tmp_path: Path, workspace: bool) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    if workspace:
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / ".workspace").touch()
    done = subprocess.run(
        [str(Path(sys.executable).parent / "d2l-brightspace"), "data-sets", "load"],
        cwd=tmp_path,
        env=os.environ | {"DLT_DATA_DIR": str(in_the_way / "data"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.search(rf"(?m)^ConfigurationError: .*{in_the_way}.*cannot be written", done.stderr)
    assert "Traceback" not in done.stderr
