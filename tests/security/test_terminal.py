"""What Brightspace sends reaches a real terminal as text that steers nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from d2l_brightspace import PermissionDenied
from d2l_brightspace.client.errors import RequestContext
from d2l_brightspace.printable import printable
from tests import ROOT
from tests.cases import case, each, together
from tests.hostile.tenant import VERSIONS, member, paged
from tests.wire_server import Answer, Request, Server

from .terminal_child import COMMANDS, MARK

pty = pytest.importorskip("pty", reason="there are pseudo-terminals on POSIX only")

EVIL = (
    "\x1b]0;PWNED\x07\x1b[2J\x1b]8;;http://evil.example/\x1b\\link\x9b31m\u202eRTL\u2066\u200b"
    "\x85\u2028\r\nFORGED line [bold green]COMPLETED[/] [/nonsense] \x7f"
)
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[\d*A|\x1b\[2K|[\r\n]")
"""What rich and click write themselves: colours, cursors of displays, ends of lines."""
SURFACES = [*COMMANDS, "a traceback"]
SILENT = ("data-sets load", "the run report", "a traceback")
"""Where only codes of a refusal are passed on: nothing of its words arrives."""


def brightspace(request: Request) -> Answer:
    """A Brightspace in which somebody has named everything with a terminal in mind."""
    path = re.sub(r"^/d2l/api/(l[pe]/[\d.]+/)?", "", request.path)
    if path in ANSWERS:
        return Answer(body=ANSWERS[path])
    if request.method == "POST":
        return Answer(body={"JobToken": f"token-{len(request.body)}{EVIL}"})
    if path == "orgstructure/8":
        return Answer(body={"Type": {"Code": EVIL}, "Name": EVIL})
    if path.startswith("courses/8"):
        return Answer(404, {"title": EVIL})
    if path.endswith("/logs/"):
        return Answer(body=paged([{"LogId": 1, "Message": EVIL}], None, more=False))
    if path.startswith("import/"):
        return Answer(body={"Status": f"[/nonsense] FAIL {EVIL}"})
    return Answer(403, {"title": f"No: {EVIL}", "detail": EVIL})


ANSWERS = {
    "versions/": VERSIONS,
    "users/whoami": {"Identifier": EVIL},
    "courses/7": {"Identifier": "7", "Name": EVIL},
    "7/classlist/paged/": {"Next": None, "Objects": [member(7, 1)]},
    "datasets/bds": {
        "Next": None,
        "Objects": [
            {"SchemaId": "b21a6414-38f8-4da8-9a65-8b5586f9fe3b", "Full": {"Name": "Users"}},
            {"SchemaId": f"a{EVIL}", "Full": {"Name": f"Own {EVIL}"}},
        ],
    },
    "datasets/bds/b21a6414-38f8-4da8-9a65-8b5586f9fe3b/extracts": {
        "Next": None,
        "Objects": [
            {
                "BdsType": "Full",
                "CreatedDate": "2026-01-05T10:00:00.000Z",
                "DownloadLink": "lp/1.49/extract",
                "DownloadSize": 1,
                "Version": EVIL,
            }
        ],
    },
}


@together(
    "Terminal",
    "safe",
    *(f"foreign control characters, bidi marks and markup: {surface}" for surface in SURFACES),
    "a job status that reads as broken markup: the series goes on",
)
@pytest.mark.slow
def test_nothing_foreign_steers_a_terminal(tmp_path: Path) -> None:
    packages = ("fail.zip", "other\x1b[2J.zip", "third[nonsense].zip")
    for name in packages:
        package(tmp_path / name, "imsmanifest.xml")
    package(tmp_path / "folder.zip", f"{EVIL.replace('/', '')}/imsmanifest.xml")
    (tmp_path / "list.csv").write_text("".join(f"{name},7\n" for name in packages))
    with Server(brightspace) as server:
        screens = watch(tmp_path, server.url)
        arrived = [one for one in server.requests if one.path.endswith("/imports/")]
    assert len(arrived) == 1 + len(packages)  # one that is imported alone
    for surface in SURFACES:
        screen = screens[surface]
        shown = OURS.sub("", screen)
        assert shown.isprintable(), (surface, shown)
        # where foreign words are shown they have to be there, or else it proves nothing
        assert ("PWNED" in shown) == (surface not in SILENT), (surface, screen)
        assert not re.search(r"^\s*FORGED", screen, re.MULTILINE), (surface, screen)
        assert not re.search(r"\x1b\[[0-9;]*mCOMPLETED", screen), (surface, screen)
    assert "[bold green]COMPLETED[/]" in screens["import-course"]
    assert "3 packages" in screens["a series"]


def watch(folder: Path, url: str) -> dict[str, str]:
    """Run the commands in a terminal; what it got from each of them."""
    section = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
        f"{section}HOST": url,
        f"{section}CREDENTIALS__TOKEN": "bearer",
        f"{section}LIMITS__BACKOFF_SECONDS": "0",
        "DESTINATION__WAREHOUSE__DESTINATION_TYPE": "duckdb",
        "DESTINATION__WAREHOUSE__CREDENTIALS": str(folder / "x.duckdb"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "COLUMNS": "600",
    }
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.security.terminal_child"],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = everything(ours).decode().replace("\r\n", "\n")
    assert child.wait() == 0, text
    parts = re.split(rf"^{MARK}(?!exit)(.*)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def everything(terminal: int) -> bytes:
    """What is written to a terminal until its last writer is gone."""
    pieces = []
    try:
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    except OSError:  # how Linux tells the end
        pass
    finally:
        os.close(terminal)
    return b"".join(pieces)


def package(path: Path, member: str) -> None:
    with zipfile.ZipFile(path, "w") as content:
        content.writestr(member, "<manifest/>")


@each(
    "Terminal",
    ("an escape sequence", "safe", "a\x1b[2Jb", "a\ufffd[2Jb"),
    ("C1 controls and DEL", "safe", "a\x9b\x85\x7fb", "a\ufffd\ufffd\ufffdb"),
    ("line and paragraph separators", "safe", "a\r\n\u2028\u2029b", "a\ufffd\ufffd\ufffd\ufffdb"),
    ("bidirectional controls", "safe", "\u202e\u2066\u200e\u061cb", "\ufffd\ufffd\ufffd\ufffdb"),
    ("zero width and format characters", "safe", "\u200b\u200d\ufeff\u00ad", "\ufffd" * 4),
    ("lone surrogates", "safe", "a\ud800\udfffb", "a\ufffd\ufffdb"),
    ("a text of any length is cut", "safe", "x" * 1000, "x" * 299 + "…"),
    ("letters of any language stay", "safe", "Größe\u00a0数学\t🎓", "Größe 数学 🎓"),
)
def test_what_is_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert printable(text).encode()
    error = PermissionDenied(f"No: {expected}", RequestContext("route", detail=text))
    assert str(error) == f"No: {expected} [route, Brightspace says: {expected}]"


def test_our_own_lines_stay_lines() -> None:
    assert str(PermissionDenied("First\nsecond\x1b[2J")) == "First\nsecond\ufffd[2J"


@case("Terminal", "what a report tells of a skip is one line, whatever the table holds", "safe")
def test_a_skip_is_one_line_of_the_report() -> None:
    from d2l_brightspace.pipeline.report import RunReport, TableCount

    row = dict.fromkeys(("resource", "parent_key", "detail"), f"\n{EVIL}")
    skip = {**row, "org_unit_id": 7, "reason": "NotFound", "status": 404}
    report = str(RunReport("p", "d", "duckdb", ["1"], [TableCount(EVIL, 1, None)], [skip]))
    assert report.count("\n") == 6
    assert report.replace("\n", "").isprintable()
