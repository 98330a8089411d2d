"""Writes docs/reliability.md from the `case` marks of the tests: `make reliability`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.cases import RELIABILITY, SECURITY

TABLE = ROOT / "docs" / "reliability.md"
HEAD = """# What happens when something goes wrong

This page is written by `make reliability` from the tests in `tests/hostile` and `tests/security`: each line
is a case that a test puts to a server, a process, a terminal or a disk that really misbehaves.

| outcome | meaning |
|---|---|
| exact | The tables hold every row of Brightspace once, with its values. |
| clear error | The run ends with an error that says what to do; the tables hold what they held before. |
| recorded | All else is loaded. What is missing is in `skipped_requests`, in the summary of the run and, with `--strict`, in its exit code; an org unit that could not be read keeps its earlier rows. |
| safe | Nothing secret or personal is where it does not belong, and nothing foreign takes effect; the run goes on. |

# Reliability
"""  # noqa: E501  # a table of Markdown has long lines
SECURITY_HEAD = """
# Security and privacy

How to report a weakness, and what is promised: [SECURITY.md](../SECURITY.md).
"""
FOLDERS = ("hostile", "security")


class _Collected:
    """A pytest plugin that keeps the cases of the collected tests."""

    def __init__(self) -> None:
        self.cases: dict[tuple[str, str], str] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            # the mark nearest to the function is the last line of its test
            for mark in reversed(list(item.iter_markers("case"))):
                key = mark.kwargs["topic"], mark.kwargs["title"]
                if self.cases.setdefault(key, mark.kwargs["outcome"]) != mark.kwargs["outcome"]:
                    raise pytest.UsageError(f"two outcomes for {key}")


def table() -> str:
    """The text of the document."""
    found = _Collected()
    folders = [str(Path(__file__).parent / name) for name in FOLDERS]
    options = ["--collect-only", "-qqq", "-p", "no:randomly", "-p", "no:xdist", "--no-header"]
    code = pytest.main([*options, *folders], plugins=[found])
    if code != pytest.ExitCode.OK:
        raise SystemExit(code)
    lines = [HEAD, *_part(RELIABILITY, found.cases), SECURITY_HEAD, *_part(SECURITY, found.cases)]
    return "\n".join(lines) + "\n"


def _part(topics: tuple[str, ...], cases: dict[tuple[str, str], str]) -> list[str]:
    lines = []
    for topic in topics:
        lines += [f"\n## {topic}\n", "| case | outcome |", "|---|---|"]
        lines += [f"| {case} | {cases[one, case]} |" for one, case in cases if one == topic]
    return lines


def main() -> None:
    """Write the document, or with `--check` say whether it is current."""
    text = table()
    if "--check" not in sys.argv:
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(text, encoding="utf-8")
    elif not TABLE.exists() or TABLE.read_text(encoding="utf-8") != text:
        sys.exit("docs/reliability.md is not current: run `make reliability`")


if __name__ == "__main__":
    main()
