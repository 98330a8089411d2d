"""The benchmark's Brightspace holds what it says, every row once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from typing import Any

import pytest

from benchmarks.pages import LogMessages, Pages, Size
from d2l_brightspace.sandbox.reference import reference

LP, LE = "/d2l/api/lp/1.62/", "/d2l/api/le/1.98/"


def items(pages: Pages, path: str) -> list[dict[str, Any]]:
    """The rows of a PagedResultSet."""
    found, bookmark = [], ""
    while True:
        page = json.loads(pages.answer(path + bookmark) or b"")
        found += page["Items"]
        if not page["PagingInfo"]["HasMoreItems"]:
            return found
        bookmark = f"?bookmark={page['PagingInfo']['Bookmark']}"


def flat(block: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted paths of a block's fields."""
    return {
        path
        for name, value in block.items()
        for path in (
            flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
        )
    }


@pytest.mark.parametrize("rows", [0, 1, 999, 1000, 1001, 2500])
def test_lists_hold_every_row_once(rows: int) -> None:
    pages = Pages(Size(enrollments=rows, my_enrollments=rows))
    mine = items(pages, f"{LP}enrollments/myenrollments/")
    users = items(pages, f"{LP}enrollments/orgUnits/7/users/")
    assert len({row["OrgUnit"]["Id"] for row in mine}) == len(mine) == rows
    assert len({row["User"]["Identifier"] for row in users}) == len(users) == rows


def test_rows_have_every_documented_field() -> None:
    pages = Pages(Size(enrollments=1, my_enrollments=1, quizzes=8, attempts=40))
    quizzes = json.loads(pages.answer(f"{LE}17/quizzes/") or b"")["Objects"]
    attempts = json.loads(pages.answer(f"{LE}17/quizzes/1703/attempts/") or b"")["Objects"]
    for table, rows in {
        "my_enrollments": items(pages, f"{LP}enrollments/myenrollments/"),
        "enrollments": items(pages, f"{LP}enrollments/orgUnits/7/users/"),
        "quiz_attempts": attempts,
    }.items():
        assert flat(rows[0]) - {"AttemptFeedback"} <= reference().fields(table).keys()
    assert [row["QuizId"] for row in quizzes] == list(range(1701, 1709))
    assert {row["QuizId"] for row in attempts} == {1703}
    assert [row["AttemptId"] for row in attempts] == list(range(170301, 170341))


def test_roles_are_none_to_two() -> None:
    mine = items(Pages(Size(my_enrollments=1000)), f"{LP}enrollments/myenrollments/")
    counts = Counter(len(row["Access"]["LISRoles"]) for row in mine)
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > 300


def test_log_messages_are_uneven_and_read_by_windows() -> None:
    now = datetime(2026, 11, 24, tzinfo=timezone.utc)
    log = LogMessages(20_000, 100, now)
    weeks = Counter(at // (7 * 86_400_000) for at in log.times)
    assert len(set(log.times)) == 20_000
    assert max(weeks.values()) > 1000  # in one day
    assert sum(1 for rows in weeks.values() if rows < 10) > 10
    start, end = "2025-06-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"
    found, bookmark, more = [], None, True
    while more:
        page = json.loads(log.page(start, end, bookmark))
        found += page["Items"]
        bookmark, more = page["PagingInfo"]["Bookmark"], page["PagingInfo"]["HasMoreItems"]
    inside = [at for at in log.times if _ms(start) <= at <= _ms(end)]
    assert len(found) == len(inside)
    assert all(start <= row["MessageTimestamp"] <= end for row in found)


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000)
