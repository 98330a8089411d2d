"""Writes docs/reliability.md from the `case` marks of the tests: `make reliability`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

from .cases import TOPICS

TABLE = ROOT / "docs" / "reliability.md"
HEAD = """# What happens when something goes wrong

This table is written by `make reliability` from the tests in `tests/hostile`: each line is a case that
a test puts to a server, a process or a disk that really misbehaves, and then compares every row.

| outcome | meaning |
|---|---|
| exact | The tables hold every row of Brightspace once, with its values. |
| clear error | The run ends with an error that says what to do; the tables hold what they held before. |
| recorded | All else is loaded. What is missing is in `skipped_requests`, in the summary of the run and, with `--strict`, in its exit code; an org unit that could not be read keeps its earlier rows. |
"""  # noqa: E501  # a table of Markdown has long lines


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
    folder = str(Path(__file__).parent)
    options = ["--collect-only", "-qqq", "-p", "no:randomly", "-p", "no:xdist", "--no-header"]
    code = pytest.main([*options, folder], plugins=[found])
    if code != pytest.ExitCode.OK:
        raise SystemExit(code)
    lines = [HEAD]
    for topic in TOPICS:
        rows = [(case, found.cases[one, case]) for one, case in found.cases if one == topic]
        lines += [f"\n## {topic}\n", "| case | outcome |", "|---|---|"]
        lines += [f"| {case} | {outcome} |" for case, outcome in rows]
    return "\n".join(lines) + "\n"


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
