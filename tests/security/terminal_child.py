"""Commands and scripts of a user, one after the other, in a process that has a terminal.

Started by `test_terminal.py` in a folder with packages; prints a line before each of them.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable

MARK = "=== "
COURSE = ("--course-offering-id", "7")
QUICK = ("--poll-seconds", "0.001", "--importing-poll-seconds", "0.001")
COMMANDS = {
    "check": ("check", "--org-unit-id", "7"),
    "import-course": ("import-course", "--course-package", "fail.zip", *COURSE, *QUICK),
    "a series": ("import-course", "--manifest", "list.csv", *QUICK),
    "a zip": ("import-course", "--course-package", "folder.zip", *COURSE, *QUICK),
    "an org unit": ("import-course", "--course-package", "fail.zip", "--course-offering-id", "8"),
    "copy-course": ("copy-course", *COURSE, "--source-course-offering-id", "9", *QUICK),
    "data-sets list": ("data-sets", "list"),
    "data-sets load": ("data-sets", "load"),
    "the run report": ("load", "--tables", "classlist,users", "--org-unit-ids", "7,8"),
}


def _command(name: str) -> Callable[[], object]:
    from d2l_brightspace.cli.main import main

    return lambda: main(list(COMMANDS[name]), prog_name="d2l-brightspace")


def _traceback() -> None:
    from d2l_brightspace import BrightspaceError
    from d2l_brightspace.connection import configured_session

    session = configured_session()
    try:
        session.get_json("lp/(version)/users/")
    except BrightspaceError:
        traceback.print_exc()
    finally:
        session.close()


def _say(what: str) -> None:
    sys.stdout.write(f"{MARK}{what}\n")
    sys.stdout.flush()


def main() -> None:
    """Do all of it."""
    logging.basicConfig()
    surfaces = {**{name: _command(name) for name in COMMANDS}, "a traceback": _traceback}
    for name, start in surfaces.items():
        _say(name)
        try:
            start()
        except SystemExit as ended:
            _say(f"exit code {ended.code}")


if __name__ == "__main__":
    main()
