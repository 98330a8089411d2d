from __future__ import annotations

import json
from typing import Any

import pytest

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.client.paging.pages import Envelope, Page, read_page, value_of
from tests import FIXTURES

PAGED = json.loads((FIXTURES / "paged-result-set.json").read_text())
OBJECTS = json.loads((FIXTURES / "object-list-page.json").read_text())
WHERE = RequestContext("lp/(version)/users/", 6606, 200)
CANARY = "canary-0451"
ROW = {"UserId": 1, "ExternalEmail": CANARY}


def _kind(body: Any) -> str:
    return f"{type(body).__name__} of {','.join(body) if isinstance(body, dict) else body}"


def paged(**paging: Any) -> dict[str, Any]:
    return {"PagingInfo": paging, "Items": [ROW]}


# --- envelopes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["first", "last", "empty"])
def test_paged_result_set(name: str) -> None:
    body = PAGED[name]
    page = read_page(body, "bookmark", WHERE)
    assert page.envelope == "bookmark"
    assert page.rows == body["Items"]
    assert page.bookmark == body["PagingInfo"]["Bookmark"]
    assert page.has_more is body["PagingInfo"]["HasMoreItems"]
    assert page.next_url is None


@pytest.mark.parametrize("name", ["first", "last", "empty"])
def test_object_list_page(name: str) -> None:
    body = OBJECTS[name]
    page = read_page(body, "object_list", WHERE)
    assert page.envelope == "object_list"
    assert page.rows == body["Objects"]
    assert page.next_url == body["Next"]
    assert page.has_more is (body["Next"] is not None)
    assert page.bookmark is None


@pytest.mark.parametrize("end", [{"Next": None}, {"Next": ""}, {}], ids=json.dumps)
def test_the_end_of_object_list_pages(end: dict[str, Any]) -> None:
    page = read_page({**end, "Objects": [ROW]}, "object_list", WHERE)
    assert page.rows == [ROW]
    assert (page.next_url, page.has_more) == (None, False)


@pytest.mark.parametrize("rows", [[], [ROW], [ROW, ROW]], ids=len)
def test_array(rows: list[Any]) -> None:
    page = read_page(rows, "array", WHERE)
    assert (page.envelope, page.rows, page.has_more) == ("array", rows, False)


@pytest.mark.parametrize(
    "body",
    [ROW, {}, {"Items": [1], "Name": "a course with a field that looks like a list"}],
    ids=["block", "no fields", "fields of an envelope"],
)
def test_a_single_object_is_taken_as_it_is(body: dict[str, Any]) -> None:
    page = read_page(body, "object", WHERE)
    assert (page.envelope, page.rows, page.has_more) == ("object", [body], False)


@pytest.mark.parametrize(
    ("body", "envelope"),
    [(PAGED["last"], "bookmark"), (OBJECTS["last"], "object_list"), ([], "array"), ({}, "object")],
)
def test_nothing_is_expected(body: Any, envelope: Envelope) -> None:
    assert read_page(body, None, WHERE).envelope == envelope


@pytest.mark.parametrize(
    ("body", "expected", "is_taken"),
    [
        (PAGED["first"], "bookmark", True),
        (PAGED["first"], "object_list", True),
        (PAGED["first"], "array", True),
        (OBJECTS["first"], "bookmark", True),
        (OBJECTS["first"], "object_list", True),
        (OBJECTS["first"], "array", True),
        ([ROW], "bookmark", False),
        ([ROW], "object_list", False),
        ([ROW], "array", True),
        ([ROW], "object", False),
        (ROW, "bookmark", False),
        (ROW, "object_list", False),
        (ROW, "array", False),
    ],
)
def test_the_body_decides_among_the_lists(body: Any, expected: Envelope, is_taken: bool) -> None:
    if is_taken:
        assert read_page(body, expected, WHERE).rows
        return
    with pytest.raises(ProtocolError, match="nothing of it is loaded") as caught:
        read_page(body, expected, WHERE)
    assert CANARY not in str(caught.value)
    assert caught.value.context == WHERE


# --- broken envelopes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"Items": [ROW]},
        {"PagingInfo": None, "Items": [ROW]},
        {"PagingInfo": [CANARY], "Items": [ROW]},
        paged(),
        paged(Bookmark="1"),
        paged(Bookmark="1", HasMoreItems=None),
        paged(Bookmark="1", HasMoreItems=1),
        paged(Bookmark="1", HasMoreItems=CANARY),
        paged(Bookmark="1", hasMoreItems=True),
        {"PagingInfo": {"HasMoreItems": False}},
        {"PagingInfo": {"HasMoreItems": False}, "Items": None},
        {"PagingInfo": {"HasMoreItems": False}, "Items": ROW},
        {"PagingInfo": {"HasMoreItems": False}, "Items": CANARY},
        {"PagingInfo": {"HasMoreItems": False}, "items": [ROW]},
        {"PagingInfo": {"HasMoreItems": False}, "Items": [ROW, None]},
        {"PagingInfo": {"HasMoreItems": False}, "Items": [CANARY]},
        {"PagingInfo": {"HasMoreItems": False}, "Items": [[ROW]]},
        {"Next": 5, "Objects": [ROW]},
        {"Next": [CANARY], "Objects": [ROW]},
        {"Next": None, "Objects": None},
        {"Next": None, "Objects": ROW},
        {"Next": None, "Objects": [ROW, 7]},
        {"Next": None, "objects": [ROW]},
        {"Objects": [ROW], "HasMoreItems": True, "Bookmark": "145"},
        {"Objects": [ROW], "HasMoreItems": "true", "Next": None},
        {"Objects": [ROW], "HasMoreItems": True, "Next": "?bookmark=145"},
        {"PagingInfo": {"HasMoreItems": False}, "Items": [ROW], "Next": "?bookmark=145"},
        {"Errors": [{"Message": CANARY}]},
        {},
        None,
        CANARY,
        7,
        True,
    ],
    ids=lambda body: json.dumps(body).replace(json.dumps(ROW), "row"),
)
@pytest.mark.parametrize("expected", ["bookmark", "object_list"])
def test_a_broken_page_is_an_error_and_never_an_empty_page(body: Any, expected: Envelope) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_page(body, expected, WHERE)
    assert CANARY not in str(caught.value)
    assert "lp/(version)/users/, org unit 6606, status 200" in str(caught.value)


def test_no_more_items_beside_objects_is_an_end() -> None:
    page = read_page({"Objects": [ROW], "HasMoreItems": False, "Next": None}, "object_list", WHERE)
    assert not page.has_more


def test_rows_that_are_no_blocks_are_counted() -> None:
    with pytest.raises(ProtocolError, match="Items holds 2 entries"):
        read_page({**PAGED["last"], "Items": [ROW, None, 7]}, "bookmark", WHERE)


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_has_more_items_as_text(text: str) -> None:
    assert read_page(paged(Bookmark="1", HasMoreItems=text), "bookmark", WHERE).has_more is True


@pytest.mark.parametrize("text", ["false", "False"])
def test_has_no_more_items_as_text(text: str) -> None:
    assert read_page(paged(Bookmark="1", HasMoreItems=text), "bookmark", WHERE).has_more is False


@pytest.mark.parametrize(
    ("sent", "bookmark"),
    [("145", "145"), (145, "145"), (0, "0"), ("0", "0"), ("", None), (None, None)],
    ids=repr,
)
def test_bookmarks_are_text(sent: object, bookmark: str | None) -> None:
    assert (
        read_page(paged(Bookmark=sent, HasMoreItems=True), "bookmark", WHERE).bookmark == bookmark
    )


# --- the page itself ----------------------------------------------------------------------------


def test_a_page_shows_nothing_of_its_rows() -> None:
    page = read_page(PAGED["first"], "bookmark", WHERE)
    assert len(page.rows) == 2
    assert CANARY not in f"{page} {page!r}"


def test_a_page_that_a_route_has_parsed_itself_is_taken_as_it_is() -> None:
    page = Page([ROW], "object_list", next_url="?page=2", has_more=True)
    assert read_page(page, "object_list", WHERE) is page
    assert read_page(page, "bookmark", WHERE) is page
    with pytest.raises(ProtocolError, match="nothing of it is loaded"):
        read_page(Page([ROW]), "bookmark", WHERE)


@pytest.mark.parametrize("block", [{"Name": "a"}, None], ids=["decoded", "nothing"])
def test_the_value_of_a_field_that_is_not_there(block: dict[str, Any] | None) -> None:
    assert value_of(block, "UserId") is None


def test_the_value_of_a_field_whatever_the_block_is_made_of() -> None:
    class Block:
        UserId = 7

    assert value_of({"UserId": 7}, "UserId") == value_of(Block(), "UserId") == 7


# --- lists asked for by page number -------------------------------------------------------------


@pytest.mark.parametrize("body", [[], [ROW], PAGED["first"], OBJECTS["first"]], ids=_kind)
def test_a_numbered_page_may_be_an_array_or_a_list(body: Any) -> None:
    assert read_page(body, "page_number", WHERE).rows is not None


@pytest.mark.parametrize("body", [ROW, {}, None, CANARY], ids=_kind)
def test_a_numbered_page_is_no_block(body: Any) -> None:
    with pytest.raises(ProtocolError):
        read_page(body, "page_number", WHERE)
