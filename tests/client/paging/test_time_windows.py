"""Windows of time: together they cover the range, whatever the first page made us guess."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from d2l_brightspace.client.paging.time_windows import plan, utc

NOW = datetime.now(timezone.utc)
FIELD = "MessageTimestamp"


def page(*moments: datetime | str | None) -> list[dict[str, Any]]:
    return [{FIELD: utc(m) if isinstance(m, datetime) else m} for m in moments]


def spread(start: datetime, seconds: float, rows: int = 100) -> list[dict[str, Any]]:
    return page(*(start + timedelta(seconds=seconds * number) for number in range(rows)))


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


@pytest.mark.parametrize("most", [2, 7, 40], ids=lambda most: f"{most}-in-flight")
@pytest.mark.parametrize("days", [1, 30, 3000], ids=lambda days: f"{days}-days")
def test_neighbours_overlap_and_nothing_lies_between(days: int, most: int) -> None:
    since = NOW - timedelta(days=days)

    found = plan(spread(since, 1), FIELD, utc(since), 1, most)

    assert found is not None
    assert 2 <= len(found.windows) <= most
    assert found.windows[0][0] <= utc(since)
    for (_, end), (start, _) in zip(found.windows, found.windows[1:], strict=False):
        assert end is not None
        assert moment(end) - moment(start) == timedelta(milliseconds=2)


def test_the_last_window_is_open_so_that_new_messages_are_in_it() -> None:
    since = NOW - timedelta(days=1)
    found = plan(spread(since, 60), FIELD, utc(since), 1, 4)
    assert found is not None
    assert found.rest_from is None
    assert [end is None for _, end in found.windows] == [False, False, False, True]


def test_a_long_range_is_read_in_parts_that_fit_into_memory() -> None:
    since = NOW - timedelta(days=3000)
    found = plan(spread(since, 1), FIELD, utc(since), 1, 40)
    assert found is not None
    last = found.windows[-1][1]
    assert last is not None
    assert found.rest_from is not None
    assert moment(found.rest_from) < moment(last)


def test_old_starts_with_young_logs_split_where_the_logs_are() -> None:
    first_message = NOW - timedelta(days=10)
    found = plan(spread(first_message, 30), FIELD, "2000-01-01T00:00:00.000Z", 1, 10)
    assert found is not None
    assert found.windows[0][0] == "2000-01-01T00:00:00.000Z"
    assert str(found.windows[0][1]) > utc(first_message)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        page(None, "soon"),
        spread(NOW - timedelta(minutes=4), 1),
        spread(NOW + timedelta(hours=1), 1),
    ],
    ids=["no-rows", "no-times", "nearly-all-read", "from-the-future"],
)
def test_short_or_odd_lists_are_read_page_after_page(rows: list[dict[str, Any]]) -> None:
    assert plan(rows, FIELD, utc(NOW - timedelta(days=1)), 1, 40) is None
