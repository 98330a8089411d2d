"""What dlt tells its makers about each run: nothing, unless the user wants it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests import ROOT
from tests.cases import each

DEMO = (
    "from d2l_brightspace.cli.main import main; "
    "main(['demo', '--courses', '2', '--users', '3', '--log-messages', '2'])"
)
LIBRARY = (
    "import dlt, os; from d2l_brightspace import run; before = dict(os.environ); "
    "pipeline = dlt.pipeline('mine', destination='duckdb', dataset_name='d'); "
    "rows = dlt.resource([{'id': 1}], name='t', primary_key='id', write_disposition='merge'); "
    "run(pipeline, dlt.source(lambda: rows, name='s')()); assert dict(os.environ) == before"
)


@contextmanager
def telemetry_endpoint() -> Iterator[tuple[str, list[str]]]:
    """A telemetry endpoint, and what was sent to it."""
    paths: list[str] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", paths
    server.shutdown()
    thread.join()
    server.server_close()


@each(
    "Network",
    ("a command, no setting: dlt's telemetry is off", "safe", DEMO, None, None, False),
    ("a command, switched on by the environment: on", "safe", DEMO, "true", None, True),
    ("a command, switched on by config.toml: on", "safe", DEMO, None, "true", True),
    (
        "`run` in a program: as dlt has it there, nothing is changed",
        "safe",
        LIBRARY,
        "true",
        None,
        True,
    ),
)
@pytest.mark.slow
def test_telemetry(
    tmp_path: Path,
    code: str,
    variable: str | None,
    setting: str | None,
    is_sent: bool,
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    if setting:
        (folder / ".dlt").mkdir()
        (folder / ".dlt" / "config.toml").write_text(f"[runtime]\ndlthub_telemetry = {setting}\n")
    with telemetry_endpoint() as (endpoint, paths):
        environment = {n: v for n, v in os.environ.items() if n != "RUNTIME__DLTHUB_TELEMETRY"}
        environment |= {
            "HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(ROOT),
            "RUNTIME__DLTHUB_TELEMETRY_ENDPOINT": endpoint,
        }
        if variable:
            environment["RUNTIME__DLTHUB_TELEMETRY"] = variable
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert bool(paths) == is_sent
