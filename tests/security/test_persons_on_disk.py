"""Rows about persons are in the tables and, after a run, nowhere else; during it, for one user."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests import ROOT
from tests.cases import case, together
from tests.hostile.arena import Arena
from tests.hostile.tenant import page

BIN = Path(sys.executable).parent
PERSON = "canary-person"
SECTION = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files_with(needles: set[str], folder: Path) -> list[str]:
    """Files that hold one of the texts, the databases themselves left out."""
    wanted = [needle.encode().lower() for needle in needles]
    return [
        f"{path.name}: {found}"
        for path, data in contents(folder)
        if (found := [needle for needle in wanted if needle in data.lower()])
    ]


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.endswith(".duckdb"):
            data = path.read_bytes()
            yield path, gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def staged_rows(database: Path) -> dict[str, int]:
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema LIKE '%_staging' AND NOT starts_with(table_name, '_dlt')"
        ).fetchall()
        return {
            name: connection.execute(f'SELECT COUNT(*) FROM {schema}."{name}"').fetchall()[0][0]
            for schema, name in names
        }


def persons_of_sandbox(sandbox: Sandbox) -> set[str]:
    users = sandbox.world.users.values()
    names = {user.user_name for user in users} | {user.email for user in users if user.email}
    # what stands before the point is a first name, and no user name
    return names | {f"{user.first_name} {user.last_name}" for user in users}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a clone has, with a home and a folder for temporary files of its own."""
    folder = tmp_path / "all" / "clone"
    for part in (".dlt", "pipelines"):
        shutil.copytree(
            ROOT / part,
            folder / part,
            ignore=shutil.ignore_patterns("secrets.toml", "data", "state", ".var", "__pycache__"),
        )
    for name in ("home", "temp"):
        (tmp_path / "all" / name).mkdir()
    monkeypatch.delenv("DLT_DATA_DIR")
    return folder


def call(workspace: Path, *command: str, sandbox: Sandbox | None = None) -> str:
    """Run a command as a user with the usual umask; gives what it printed."""
    beside = workspace.parent
    folders = {"HOME": beside / "home", "TMPDIR": beside / "temp"}
    environment = os.environ | {name: str(folder) for name, folder in folders.items()}
    if sandbox is not None:
        environment[SECTION + "HOST"] = sandbox.url
        environment[SECTION + "CREDENTIALS__TOKEN"] = sandbox.credentials["bearer"]["token"]
    done = subprocess.run(
        command,
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@together(
    "Persons on disk",
    "safe",
    "after a default run of the script: no name outside the tables, files for their owner only",
    "after a load of data sets: no name outside the tables",
)
@pytest.mark.slow
def test_a_default_run_leaves_no_person_beside_the_tables(workspace: Path) -> None:
    settings = SandboxSettings(courses=2, users=12, log_messages=20, data_sets=("Users",))
    with Sandbox(settings, port=0) as sandbox:
        script = (sys.executable, "pipelines/d2l_brightspace_pipeline.py")
        printed = call(workspace, *script, sandbox=sandbox)
        printed += call(
            workspace, str(BIN / "d2l-brightspace"), "data-sets", "load", "users", sandbox=sandbox
        )
        persons = persons_of_sandbox(sandbox)
        for row in sandbox.hub.truth("Users"):
            persons |= {row[name] for name in ("FirstName", "LastName", "UserName") if row[name]}
    persons = {person for person in persons if len(person) > 8}  # odd values, such as "plain"
    assert len(persons) > 20
    database = workspace / ".dlt" / "data" / "dev" / "warehouse.duckdb"
    assert mode(database) == 0o600
    assert set(staged_rows(database)) > {"users", "classlist"}
    assert set(staged_rows(database).values()) == {0}
    assert not [person for person in persons if person in printed]
    assert files_with(persons, workspace.parent) == []
    for pipeline in (workspace / ".dlt" / "state" / "dev" / "pipelines").iterdir():
        for path in (pipeline, *pipeline.rglob("*")):
            assert mode(path) == (0o700 if path.is_dir() else 0o600), path
        assert not list(pipeline.glob("*/*/*")), "no package, in whatever form it is packed"


@case("Persons on disk", "after `demo`: no name outside the DuckDB file, which is 0600", "safe")
@pytest.mark.slow
def test_the_demo_leaves_no_person_beside_its_file(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(workspace / ".dlt")  # no workspace of dlt
    size = ("--courses", "3", "--users", "12", "--log-messages", "20")
    monkeypatch.setenv("DLT_DATA_DIR", str(workspace / "dlt"))
    printed = call(workspace, str(BIN / "d2l-brightspace"), "demo", *size)
    assert (workspace / "dlt" / "pipelines").exists()
    world = SandboxSettings(courses=3, users=12, log_messages=20, forbidden_courses=1)
    persons = persons_of_sandbox(Sandbox(world, port=0))
    assert mode(workspace / "brightspace_demo.duckdb") == 0o600
    assert set(staged_rows(workspace / "brightspace_demo.duckdb").values()) == {0}
    assert not [person for person in persons if person in printed]
    assert files_with(persons, workspace.parent) == []


@together(
    "Persons on disk",
    "safe",
    "load packages and staged rows: gone after each run, files do not grow in number",
    "a working folder that others could read: closed; a database that others may read: left so",
)
def test_nothing_stays_beside_the_tables(arena: Arena) -> None:
    pipeline = arena.pipeline()
    working_dir = Path(pipeline.working_dir)
    working_dir.chmod(0o755)
    arena.database.chmod(0o640)
    arena.run("users", "classlist", "log_messages")
    first = sorted(working_dir.rglob("*"))
    arena.run("users", "classlist", "log_messages")
    assert sorted(working_dir.rglob("*")) == first
    assert mode(working_dir) == 0o700
    assert mode(arena.database) == 0o640
    assert staged_rows(arena.database) == dict.fromkeys(staged_rows(arena.database), 0)
    assert files_with({PERSON}, arena.folder) == []


@together(
    "Persons on disk",
    "safe",
    "killed while loading: what is left is for its owner only, and gone after the next run",
    "killed, then the package can never be finished: its rows go when it is put aside",
)
@pytest.mark.slow
def test_what_a_killed_load_leaves(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = arena.folder / "pipelines" / "d2l_brightspace_pipeline"
    folder.chmod(0o755)
    arena.database.chmod(0o600)
    victim = arena.child("users", "classlist", kill_at="one job loaded", table="classlist")
    assert victim.wait(60) == -signal.SIGKILL
    staged = list(folder.glob("load/normalized/*/started_jobs/classlist.*"))
    assert staged
    assert mode(folder) == 0o700
    beside = [path for path in arena.folder.iterdir() if path.name.startswith("warehouse")]
    assert {path.name: mode(path) for path in beside} == dict.fromkeys(
        [path.name for path in beside], 0o600
    )
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
    # where the kill hit dlt between writing a file and giving it its name, such a one is left
    (folder / "load" / "normalized" / "8c9e008b669a52f3").write_text(PERSON)
    for ruin in staged:
        ruin.write_bytes(f"no parquet {PERSON}".encode())
    assert arena.query("SELECT COUNT(*) FROM data_staging.classlist") > [(0,)]
    report = arena.exact("users")  # and not the table that is staged
    assert "put aside" in str(report)
    assert not list(folder.glob("load/*/*"))
    assert set(staged_rows(arena.database).values()) == {0}
    assert files_with({PERSON}, arena.folder) == []
    arena.observed = "safe"


@case("Persons on disk", "killed while extracting: what is left goes with the next run", "safe")
@pytest.mark.slow
def test_what_a_killed_extraction_leaves(arena: Arena) -> None:
    victims: list[Any] = []

    def kill(_request: Any, normal: Any) -> Any:
        victims[0].send_signal(signal.SIGKILL)
        victims[0].wait()
        return normal()

    arena.fault("/users/$", kill, when=page(2), times=1)
    victims.append(arena.child("users"))
    assert victims[0].wait(60) == -signal.SIGKILL
    folder = arena.folder / "pipelines" / "d2l_brightspace_pipeline"
    assert mode(folder) == 0o700
    assert len(list((folder / "normalize").iterdir())) == 3  # .version, extracted, and this one
    arena.exact("users")
    assert sorted(path.name for path in (folder / "normalize").iterdir()) == [
        ".version",
        "extracted",
    ]
    arena.observed = "safe"


@case("Persons on disk", "a failed extraction leaves no rows behind", "safe")
def test_what_a_failed_extraction_leaves(arena: Arena) -> None:
    source = arena.source("users", "classlist")

    def refuse(row: Any) -> Any:
        if row["UserId"] > 5:
            raise LookupError(PERSON)
        return row

    source.users.add_map(refuse)
    from d2l_brightspace import run

    with pytest.raises(Exception, match="users"):
        run(arena.pipeline(), source)
    folder = Path(arena.pipeline().working_dir)
    assert sorted(path.name for path in (folder / "normalize").iterdir()) == [
        ".version",
        "extracted",
    ]
    arena.observed = "safe"


@case("Persons on disk", "a folder that dlt makes anew in mid-run is closed as well", "safe")
def test_a_folder_that_is_made_anew(arena: Arena) -> None:
    pipeline = arena.pipeline()
    arena.database.unlink()  # dlt wipes its folder when the dataset is gone
    seen: list[int] = []

    def look(_request: Any, normal: Any) -> Any:
        seen.append(mode(Path(pipeline.working_dir)))
        return normal()

    arena.fault("/users/$", look)
    arena.run("users")
    assert set(seen) == {0o700}
    assert mode(arena.database) == 0o600
    arena.observed = "safe"


def test_the_staging_dataset_of_others_is_left_alone(arena: Arena) -> None:
    arena.query("INSERT INTO data_staging.courses BY NAME FROM data.courses LIMIT 1")
    arena.run("users")
    assert staged_rows(arena.database)["courses"] == 1
    assert staged_rows(arena.database)["users"] == 0


def test_a_pending_package_is_not_deleted(arena: Arena) -> None:
    pipeline: dlt.Pipeline = arena.pipeline()
    pipeline.extract(arena.source("users"))
    pipeline.normalize()
    arena.server.__exit__()
    with pytest.raises(Exception, match="No answer"):
        arena.run("users")
    assert "Renamed" in {name for _, name in arena.query("SELECT user_id, first_name FROM users")}
