"""A PostgreSQL of its own for the tests: a new cluster in a temporary folder, on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

USER = "loader"


@pytest.fixture
def postgres(postgres_port: int) -> str:
    """The address of an empty database, of the test's own: what one test loads no other finds."""
    name = f"test_{uuid4().hex}"
    _run("createdb", "--host", "127.0.0.1", "--port", str(postgres_port), "--username", USER, name)
    # the server asks for no password, dlt wants one
    return f"postgresql://{USER}:any@127.0.0.1:{postgres_port}/{name}"


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    """Where the server of this session listens."""
    # short, since it holds the server's socket, and readable by the user who runs the server
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        port = _free_port()
        data = str(folder / "data")
        _run("initdb", "--pgdata", data, "--username", USER, "--auth", "trust", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
        log = str(folder / "log")
        _run("pg_ctl", "start", "--wait", "--pgdata", data, "--log", log, "-o", options)
        try:
            yield port
        finally:
            _run("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", data)


def _run(program: str, *arguments: str) -> None:
    command = [_found(program), *arguments]
    if os.geteuid() == 0:
        # the server refuses to be root
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _found(program: str) -> str:
    """Debian has the server's programs in a folder for each version."""
    if on_path := shutil.which(program):
        return on_path
    found = sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{program}")))
    if not found:
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
