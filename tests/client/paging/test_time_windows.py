"""Windows of time: together they cover the range, whatever the pages so far made us guess."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from d2l_brightspace.client.paging.time_windows import TimeWindow
from d2l_brightspace.timestamps import utc_milliseconds

FIELD = "MessageTimestamp"
START = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""Years ago, so that what is left until now is always worth a window."""


def page(*moments: datetime | str | None) -> list[dict[str, Any]]:
    return [{FIELD: utc_milliseconds(m) if isinstance(m, datetime) else m} for m in moments]


def spread(start: datetime, seconds: float, rows: int = 100) -> list[dict[str, Any]]:
    return page(*(start + timedelta(seconds=seconds * number) for number in range(rows)))


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def window_after(*pages: list[dict[str, Any]], end: datetime | None = None) -> TimeWindow:
    window = TimeWindow(FIELD, end)
    for rows in pages:
        window.note(rows)
    return window


def two_pages(end: datetime | None = None) -> TimeWindow:
    return window_after(spread(START, 1), spread(START + timedelta(minutes=2), 1), end=end)


def test_neighbours_overlap_and_nothing_lies_between() -> None:
    window = two_pages()

    later = window.split()

    assert later is not None
    start, rest = later
    assert window.end is not None
    assert moment(utc_milliseconds(window.end)) - moment(start) == timedelta(milliseconds=2)
    assert rest.end is None  # what is written meanwhile is in it


@pytest.mark.parametrize("times", [2, 5, 8])
def test_a_window_that_was_cut_can_be_cut_again(times: int) -> None:
    window = two_pages(START + timedelta(days=10))
    ends = [window.end]
    starts = []
    for _ in range(times):
        later = window.split()
        assert later is not None
        starts.append(moment(later[0]))
        assert later[1].end == ends[-1]
        ends.append(window.end)

    # each window ends two milliseconds after the one that was cut off begins
    for start, end in zip(starts, ends[1:], strict=True):
        assert end is not None
        assert moment(utc_milliseconds(end)) - start == timedelta(milliseconds=2)


def test_a_window_is_cut_in_the_middle_of_what_is_left() -> None:
    end = START + timedelta(days=10)
    window = two_pages(end)
    read_to = START + timedelta(minutes=2, seconds=99)

    later = window.split()

    assert later is not None
    assert moment(later[0]) == read_to + (end - read_to) / 2 - timedelta(milliseconds=1)


def test_the_rows_of_other_windows_are_those_of_dictionaries_and_of_types() -> None:
    class Block:
        MessageTimestamp = utc_milliseconds(START)

    class Later:
        MessageTimestamp = utc_milliseconds(START + timedelta(seconds=5))

    window = window_after([Block(), Later()], [Later()])  # type: ignore[list-item]

    assert window.split() is not None


@pytest.mark.parametrize(
    "window",
    [
        window_after(),
        window_after([], []),
        window_after(page(None, "soon"), page(None)),
        window_after(page(START), page(START)),
        two_pages(START + timedelta(minutes=4)),
        two_pages(START + timedelta(minutes=2)),
        window_after(*[spread(datetime(9000, 1, 1, tzinfo=timezone.utc), 1)] * 2),
    ],
    ids=[
        "nothing-read",
        "no-rows",
        "no-times",
        "one-moment",
        "few-pages-left",
        "all-read",
        "from-the-future",
    ],
)
def test_short_or_odd_lists_are_read_page_after_page(window: TimeWindow) -> None:
    end = window.end
    assert window.split() is None
    assert window.end == end


def test_a_moment_is_sent_with_exactly_three_decimals() -> None:
    assert utc_milliseconds(START + timedelta(microseconds=1999)) == "2020-01-01T00:00:00.001Z"
