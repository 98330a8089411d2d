"""`python -m d2l_brightspace.sandbox`: serve a local Brightspace until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import sys
import threading

from .credentials import as_toml
from .server import Sandbox
from .settings import SandboxSettings

_EPILOG = """\
example:
  python -m d2l_brightspace.sandbox --port 8765 --courses 20 --forbidden-courses 2

  Paste the printed host and ONE of the credentials blocks into .dlt/secrets.toml, then run the
  pipeline in another window. While the sandbox runs you can look inside and change things:

  curl http://127.0.0.1:8765/sandbox/truth        rows that each core table should hold
  curl "http://127.0.0.1:8765/sandbox/truth?tables=quizzes,quiz_attempts"
  curl http://127.0.0.1:8765/sandbox/requests     what arrived so far
  curl http://127.0.0.1:8765/sandbox/unenroll -d '{"orgUnitId": 6619, "userId": 9952}'
  curl http://127.0.0.1:8765/sandbox/empty-course -d '{"orgUnitId": 6619}'
  curl http://127.0.0.1:8765/sandbox/forbid -d '{"orgUnitId": 6619}'     (and /allow)
  curl http://127.0.0.1:8765/sandbox/jobs         import and copy jobs
  curl http://127.0.0.1:8765/sandbox/end-job -d '{"token": "…", "status": "IMPORTFAILED"}'
  curl http://127.0.0.1:8765/sandbox/log-messages -d '{"count": 10}'

  What becomes of an imported package is in its name: fail, timeout, native, strange, slow.
"""
_PORT_IN_USE = 2


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted and return the exit code."""
    parser = _parser()
    chosen = vars(parser.parse_args(arguments))
    port, verbose = chosen.pop("port"), chosen.pop("verbose")
    try:
        settings = SandboxSettings(**chosen)
    except ValueError as error:
        parser.error(str(error))
    if verbose:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    return _serve(Sandbox(settings, port), port)


def _serve(sandbox: Sandbox, port: int) -> int:
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    try:
        sandbox.start()
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened: {error}"
        sys.stderr.write(f"Port {port} {reason}; choose another one with --port.\n")
        return _PORT_IN_USE
    sys.stdout.write(_greeting(sandbox))
    sys.stdout.flush()
    while not done.wait(0.5):  # in slices: on Windows a wait without end ignores Ctrl-C
        pass
    sandbox.stop()
    return 0


def _greeting(sandbox: Sandbox) -> str:
    return (
        f"# The sandbox listens on {sandbox.url} (Ctrl-C ends it).\n"
        "# For .dlt/secrets.toml: the host and ONE of the four credentials blocks.\n"
        "# To try the log-in: block 2 without refresh_token, then `d2l-brightspace login`; or\n"
        "# block 4 without user_id and user_key, then `d2l-brightspace login --id-key`.\n\n"
        f"{as_toml(sandbox.credentials, sandbox.url)}\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m d2l_brightspace.sandbox",
        description="Serve a small, deterministic Brightspace on 127.0.0.1 to try things against. "
        "It answers programs of this machine only, and no other web pages in a browser.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_size(parser.add_argument_group("size"))
    _add_behaviour(parser.add_argument_group("behaviour"))
    return parser


def _add_size(group: argparse._ArgumentGroup) -> None:
    usual = SandboxSettings()
    for name, text in (
        ("courses", "course offerings"),
        ("users", "users beside the caller"),
        ("class_size", "users enrolled in each course"),
        ("log_messages", "log messages"),
        ("items", "quizzes, forums and so on of each course, attempts of each quiz, …"),
        ("page_size", "rows on a page"),
        ("forbidden_courses", "courses that answer 403"),
        ("seed", "another seed gives another tenant; seed 0 has the type ids of the examples"),
    ):
        _add(group, name, int, "N", text, getattr(usual, name))


def _add_behaviour(group: argparse._ArgumentGroup) -> None:
    usual = SandboxSettings()
    _add(group, "port", int, "N", "port to listen on; 0 takes a free one", 0)
    _add(group, "latency_ms", float, "MS", "added to every request", usual.latency_ms)
    for name, text in (
        ("token_lifetime", "life of the access tokens handed out"),
        ("bearer_lifetime", "life of the ready-made bearer token"),
        ("job_seconds", "life of each stage of an import; 0 moves on at each status read"),
        ("clock_offset", "how far the server's clock is ahead"),
    ):
        _add(group, name, float, "SECONDS", text, getattr(usual, name))
    _add(group, "credits", int, "CAPACITY", "rate limit; 0 switches it off", usual.credits)
    _add(group, "refill", float, "PER_SECOND", "credits that flow back", round(usual.refill, 2))
    group.add_argument("--verbose", action="store_true", help="print a line for each request")


def _add(
    group: argparse._ArgumentGroup, name: str, kind: type, metavar: str, text: str, usual: float
) -> None:
    option = f"--{name.replace('_', '-')}"
    group.add_argument(
        option, type=kind, metavar=metavar, default=usual, help=f"{text} (default: {usual})"
    )


if __name__ == "__main__":
    sys.exit(main())
