"""Each wrong setting has a message that says what to do, and the table of them is current."""

from __future__ import annotations

import pytest

from .messages import CASES, PAGE, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.wrong)
def test_what_is_wrong_is_said(case: Case) -> None:
    code, output = case.run()
    assert code == case.exit_code, output
    assert "Traceback" not in output
    for words in case.words:
        assert words in output
    assert case.message(output) in row_of(case)


def row_of(case: Case) -> str:
    rows = PAGE.read_text(encoding="utf-8").splitlines()
    [found] = [one for one in rows if one.startswith(f"| {case.wrong} |")]
    return found.replace("\\|", "|").replace("&lt;", "<")


def test_the_page_has_these_cases_and_no_others() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line]
    assert [line.split(" | ")[0].removeprefix("| ") for line in rows] == [
        case.wrong for case in CASES
    ]
