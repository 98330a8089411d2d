"""Where a list goes on: the cursor on its own, with pages given by hand."""

from __future__ import annotations

from typing import Any

import pytest

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.client.paging.cursor import (
    Cursor,
    Step,
    ToBookmark,
    ToLink,
    ToPage,
    ToStart,
)
from d2l_brightspace.client.paging.pages import Page

URL = "https://lms.example.edu/d2l/api/lp/1.49/logging/"
WHERE = RequestContext("lp/(version)/logging/")
CANARY = "canary-0451"
LOST = Page([], bookmark_lost=True)


class Block:
    """A row that was parsed by type."""

    def __init__(self, number: int) -> None:
        self.LogMessageId = number

    def __repr__(self) -> str:
        return f"Block({self.LogMessageId})"


def log_page(*ids: int, more: bool = True, typed: bool = False) -> Page:
    rows: list[Any] = [Block(one) if typed else {"LogMessageId": one} for one in ids]
    return Page(rows, "bookmark", bookmark=str(ids[-1]), has_more=more)


def after(cursor: Cursor, page: Page) -> Step | None:
    return cursor.after(page, URL, WHERE)


# --- the steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "step"),
    [
        (log_page(1, 2), ToBookmark("2")),
        (log_page(1, 2, more=False), None),
        (Page([{}], "object_list", next_url="?page=2", has_more=True), ToLink(f"{URL}?page=2")),
        (Page([{}], "object_list"), None),
        (Page([{}], "array"), None),
        (Page([{}], "object"), None),
    ],
    ids=["bookmark", "last bookmark", "link", "last link", "array", "object"],
)
def test_steps(page: Page, step: Step | None) -> None:
    assert after(Cursor(), page) == step


def test_numbered_pages() -> None:
    cursor = Cursor(page_rows=2)
    assert after(cursor, Page([{"Id": 1}, {"Id": 2}])) == ToPage(2)
    assert after(cursor, Page([{"Id": 3}, {"Id": 4}])) == ToPage(3)
    assert after(cursor, Page([{"Id": 5}])) is None


def test_a_numbered_list_that_comes_with_bookmarks_is_followed_by_them() -> None:
    assert after(Cursor(page_rows=2), log_page(1, 2)) == ToBookmark("2")


@pytest.mark.parametrize("typed", [False, True], ids=["decoded", "typed"])
def test_a_page_that_comes_twice_is_a_circle(typed: bool) -> None:
    cursor = Cursor()
    rows = log_page(1, 2, typed=typed).rows
    after(cursor, Page(rows, "bookmark", bookmark="a", has_more=True))
    with pytest.raises(ProtocolError, match="a page came twice"):
        after(cursor, Page(rows, "bookmark", bookmark="b", has_more=True))


def test_a_hundred_empty_pages_are_a_standstill() -> None:
    cursor = Cursor()
    for number in range(99):
        page = Page([], "bookmark", bookmark=str(number), has_more=True)
        assert after(cursor, page) == ToBookmark(str(number))
    with pytest.raises(ProtocolError, match="100 empty pages in a row"):
        after(cursor, Page([], "bookmark", bookmark="99", has_more=True))


def test_a_list_without_an_end() -> None:
    cursor = Cursor(max_pages=3)
    after(cursor, log_page(1))
    after(cursor, log_page(2))
    with pytest.raises(ProtocolError, match=r"after 3 pages.*`limits\.max_pages`"):
        after(cursor, log_page(3))


def test_a_list_may_end_on_its_last_page_allowed() -> None:
    cursor = Cursor(max_pages=2)
    after(cursor, log_page(1))
    assert after(cursor, log_page(2, more=False)) is None


def test_no_error_shows_a_bookmark_a_link_or_a_row() -> None:
    cursor = Cursor()
    page = Page([{"Name": CANARY}], "bookmark", bookmark=CANARY, has_more=True)
    after(cursor, page)
    with pytest.raises(ProtocolError) as circle:
        after(cursor, page)
    evil = Page([{}], "object_list", next_url=f"https://{CANARY}/", has_more=True)
    with pytest.raises(ProtocolError) as stranger:
        after(Cursor(), evil)
    assert CANARY not in f"{circle.value!r} {circle.value} {stranger.value!r} {stranger.value}"


# --- bookmarks that Brightspace no longer knows -------------------------------------------------


@pytest.mark.parametrize("typed", [False, True], ids=["decoded", "typed"])
def test_a_lost_log_bookmark_falls_back_to_the_rows_before(typed: bool) -> None:
    cursor = Cursor("LogMessageId")
    assert after(cursor, log_page(1, 2, 3, 4, 5, typed=typed)) == ToBookmark("5")
    for row in ("4", "3", "2"):
        assert after(cursor, LOST) == ToBookmark(row)
    assert after(cursor, LOST) == ToStart()


def test_a_list_goes_on_after_a_fallback() -> None:
    cursor = Cursor("LogMessageId")
    after(cursor, log_page(1, 2, 3))
    assert after(cursor, LOST) == ToBookmark("2")
    assert after(cursor, log_page(4, 5)) == ToBookmark("5")


def test_a_list_with_opaque_bookmarks_begins_again() -> None:
    cursor = Cursor()
    after(cursor, log_page(1, 2))
    after(cursor, log_page(3, 4))
    assert after(cursor, LOST) == ToStart()
    # the same pages again are no circle now
    assert after(cursor, log_page(1, 2)) == ToBookmark("2")
    assert after(cursor, log_page(3, 4)) == ToBookmark("4")


def test_a_list_begins_again_once() -> None:
    cursor = Cursor()
    after(cursor, log_page(1, 2))
    after(cursor, LOST)
    after(cursor, log_page(1, 2))
    with pytest.raises(ProtocolError, match="changed twice"):
        after(cursor, LOST)
