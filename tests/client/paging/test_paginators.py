"""The public paginators as others use them: with dlt's own `RESTClient`."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
from dlt.sources.helpers.rest_client import RESTClient

from d2l_brightspace import BookmarkPaginator, ObjectListPaginator
from d2l_brightspace.client.errors import ProtocolError
from d2l_brightspace.client.paging.paginators import PageNumberPaginator
from tests import FIXTURES

PAGED = json.loads((FIXTURES / "paged-result-set.json").read_text())
OBJECTS = json.loads((FIXTURES / "object-list-page.json").read_text())
HOST = "https://lms.example.edu"
ROOT = f"{HOST}/d2l/api"
USERS = f"{ROOT}/lp/1.49/users/"
CLASSLIST = f"{ROOT}/le/1.82/6606/classlist/paged/"
POSTS = f"{ROOT}/le/1.82/6606/discussions/forums/1/topics/2/posts/"
WITH_PORT = CLASSLIST.replace(".edu", ".edu:443")
CANARY = "canary-0451"

Row = dict[str, Any]


class Tenant:
    """Answers with prepared pages, in turn, and notes what was asked."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self._mock = mock

    def gives(self, url: str, *bodies: Any) -> None:
        for body in bodies:
            self._mock.get(url, json=body)

    @property
    def urls(self) -> list[str]:
        return [str(call.request.url) for call in self._mock.calls]

    @property
    def queries(self) -> list[list[tuple[str, str]]]:
        return [parse_qsl(urlsplit(url).query, keep_blank_values=True) for url in self.urls]


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    """A tenant that knows only the prepared URLs; each page must be fetched."""
    with responses.RequestsMock() as mock:
        yield Tenant(mock)


def rows_of(url: str, selector: str = "Items", **options: Any) -> list[Row]:
    """All rows of a list, with a paginator of its own unless one is given."""
    paginator = options.pop("paginator", None) or PAGINATORS[selector]()
    client = RESTClient(ROOT, data_selector=selector, paginator=paginator)
    pages = islice(client.paginate(url, **options), 20)  # none of these lists is longer
    return [row for page in pages for row in page]


def page(*ids: int, bookmark: object = None, more: object = False) -> Row:
    items = [{"UserId": one, "ExternalEmail": CANARY} for one in ids]
    return {"PagingInfo": {"Bookmark": bookmark, "HasMoreItems": more}, "Items": items}


def objects(*ids: int, then: object = None) -> Row:
    rows = [{"Identifier": str(one), "Email": CANARY} for one in ids]
    return {"Next": then, "Objects": rows}


def ids_of(rows: list[Row]) -> list[int]:
    return [int(row.get("UserId") or row["Identifier"]) for row in rows]


def assert_clean(error: BaseException) -> None:
    assert CANARY not in f"{error} {error!r} {error.args}"


PAGINATORS: dict[str, Any] = {
    "Items": BookmarkPaginator,
    "items": BookmarkPaginator,
    "Objects": ObjectListPaginator,
    "objects": ObjectListPaginator,
}


# --- bookmarks ----------------------------------------------------------------------------------


def test_pages_are_followed_by_bookmark(tenant: Tenant) -> None:
    tenant.gives(USERS, PAGED["first"], PAGED["last"])
    assert rows_of(USERS) == PAGED["first"]["Items"] + PAGED["last"]["Items"]
    assert tenant.urls == [USERS, f"{USERS}?bookmark=6606_8069"]


def test_an_empty_list(tenant: Tenant) -> None:
    tenant.gives(USERS, PAGED["empty"])
    assert rows_of(USERS) == []
    assert tenant.urls == [USERS]


def test_the_last_page_is_the_last_although_it_has_a_bookmark(tenant: Tenant) -> None:
    tenant.gives(USERS, page(1, bookmark="a", more=True), page(2, bookmark="b", more=False))
    assert ids_of(rows_of(USERS)) == [1, 2]
    assert tenant.queries == [[], [("bookmark", "a")]]


def test_filters_are_sent_with_every_page(tenant: Tenant) -> None:
    tenant.gives(
        USERS,
        page(1, bookmark="a", more=True),
        page(2, bookmark="b", more=True),
        page(3),
    )
    filters = {"sortBy": "-StartDate", "search": "a b&c"}
    assert ids_of(rows_of(USERS, params=filters)) == [1, 2, 3]
    kept = list(filters.items())
    assert tenant.queries == [kept, [*kept, ("bookmark", "a")], [*kept, ("bookmark", "b")]]


def test_filters_in_the_path_are_sent_with_every_page(tenant: Tenant) -> None:
    tenant.gives(USERS, page(1, bookmark="a", more=True), page(2))
    rows_of("lp/1.49/users/?orgUnitType=3")
    assert tenant.queries == [
        [("orgUnitType", "3")],
        [("orgUnitType", "3"), ("bookmark", "a")],
    ]


def test_a_bookmark_to_begin_with_is_replaced(tenant: Tenant) -> None:
    tenant.gives(USERS, page(1, bookmark="b", more=True), page(2))
    assert ids_of(rows_of(USERS, params={"bookmark": "a"})) == [1, 2]
    assert tenant.queries == [[("bookmark", "a")], [("bookmark", "b")]]


def test_a_bookmark_in_the_url_is_replaced(tenant: Tenant) -> None:
    tenant.gives(USERS, page(1, bookmark="b", more=True), page(2))
    assert ids_of(rows_of("lp/1.49/users/?bookmark=a")) == [1, 2]
    assert tenant.queries == [[("bookmark", "a")], [("bookmark", "b")]]


@pytest.mark.parametrize(
    ("bookmark", "encoded"),
    [
        ("6606_8069", "6606_8069"),
        ("a+b", "a%2Bb"),
        ("a/b", "a%2Fb"),
        ("YQ==", "YQ%3D%3D"),
        ("a&bookmark=b", "a%26bookmark%3Db"),
        ("%20", "%2520"),
        ("a b", "a+b"),
        ("é", "%C3%A9"),
        ("#?;", "%23%3F%3B"),
        (145, "145"),
        (0, "0"),
    ],
    ids=repr,
)
def test_bookmarks_are_encoded_once(tenant: Tenant, bookmark: object, encoded: str) -> None:
    tenant.gives(USERS, page(1, bookmark=bookmark, more=True), page(2))
    rows_of(USERS)
    assert tenant.urls[1] == f"{USERS}?bookmark={encoded}"
    assert tenant.queries[1] == [("bookmark", str(bookmark))]


def test_an_empty_page_in_the_middle_is_no_end(tenant: Tenant) -> None:
    tenant.gives(
        USERS,
        page(bookmark="a", more=True),
        page(bookmark="b", more=True),
        page(1, bookmark="c", more=True),
        page(bookmark="d", more=True),
        page(2),
    )
    assert ids_of(rows_of(USERS)) == [1, 2]
    assert [dict(query).get("bookmark") for query in tenant.queries] == [None, *"abcd"]


@pytest.mark.parametrize(("more", "calls"), [("True", 2), ("False", 1)])
def test_has_more_items_as_text(tenant: Tenant, more: str, calls: int) -> None:
    bodies = [page(1, bookmark="a", more=more), page(2)]
    tenant.gives(USERS, *bodies[:calls])
    assert ids_of(rows_of(USERS)) == [1, 2][:calls]
    assert len(tenant.urls) == calls


@pytest.mark.parametrize(
    "paging",
    [
        {"Bookmark": None, "HasMoreItems": True},
        {"Bookmark": "", "HasMoreItems": True},
        {"HasMoreItems": True},
    ],
    ids=["null", "empty", "absent"],
)
def test_more_items_without_a_bookmark(tenant: Tenant, paging: Row) -> None:
    tenant.gives(USERS, {**page(1), "PagingInfo": paging})
    with pytest.raises(ProtocolError, match="no bookmark") as caught:
        rows_of(USERS)
    assert_clean(caught.value)
    assert len(tenant.urls) == 1


@pytest.mark.parametrize(
    "bodies",
    [
        [page(1, bookmark="a", more=True), page(2, bookmark="a", more=True)],
        [page(bookmark="a", more=True), page(bookmark="a", more=True)],
        [
            page(1, bookmark="a", more=True),
            page(2, bookmark="b", more=True),
            page(3, bookmark="a", more=True),
        ],
        [page(1, 2, bookmark="a", more=True), page(1, 2, bookmark="b", more=True)],
        [
            page(1, 2, bookmark="a", more=True),
            page(3, 4, bookmark="b", more=True),
            page(1, 2, bookmark="c", more=True),
        ],
    ],
    ids=["same bookmark", "same, no rows", "cycle", "same page, new bookmark", "page of before"],
)
def test_a_list_that_goes_round_in_a_circle(tenant: Tenant, bodies: list[Row]) -> None:
    tenant.gives(USERS, *bodies)
    with pytest.raises(ProtocolError, match="circle") as caught:
        rows_of(USERS)
    assert_clean(caught.value)
    assert len(tenant.urls) == len(bodies)


def test_a_row_that_moved_between_pages_is_no_circle(tenant: Tenant) -> None:
    tenant.gives(USERS, page(1, 2, bookmark="a", more=True), page(2, 3, bookmark="b"))
    assert ids_of(rows_of(USERS)) == [1, 2, 2, 3]


# --- links --------------------------------------------------------------------------------------


def test_pages_are_followed_by_link(tenant: Tenant) -> None:
    tenant.gives(CLASSLIST, OBJECTS["first"], OBJECTS["last"])
    rows = rows_of(CLASSLIST, "Objects", params={"searchTerm": "ca na"})
    assert rows == OBJECTS["first"]["Objects"] + OBJECTS["last"]["Objects"]
    assert tenant.urls[1] == OBJECTS["first"]["Next"]
    assert tenant.queries == [
        [("searchTerm", "ca na")],
        # not doubled: the link has the filter
        [("searchTerm", "ca na"), ("bookmark", "102")],
    ]


def test_filters_are_not_added_to_links_without_them(tenant: Tenant) -> None:
    tenant.gives(CLASSLIST, objects(1, then=f"{CLASSLIST}?page=2"), objects(2))
    rows_of(CLASSLIST, "Objects", params={"onlyShowShownInGrades": "true"})
    assert tenant.queries[1] == [("page", "2")]


@pytest.mark.parametrize("link", [None, ""], ids=repr)
def test_the_end_of_the_links(tenant: Tenant, link: object) -> None:
    tenant.gives(CLASSLIST, objects(1, then=link))
    assert ids_of(rows_of(CLASSLIST, "Objects")) == [1]
    assert tenant.urls == [CLASSLIST]


def test_a_page_without_next_is_the_last(tenant: Tenant) -> None:
    tenant.gives(CLASSLIST, {"Objects": [{"Identifier": "1"}]})
    assert ids_of(rows_of(CLASSLIST, "Objects")) == [1]


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("?page=2", f"{CLASSLIST}?page=2"),
        ("/d2l/api/le/1.82/6606/classlist/paged/?page=2", f"{CLASSLIST}?page=2"),
        ("//lms.example.edu/d2l/api/le/1.82/6606/classlist/paged/?page=2", f"{CLASSLIST}?page=2"),
        (f"{CLASSLIST}?page=2".replace("lms.", "LMS."), f"{CLASSLIST}?page=2"),
        (f"{WITH_PORT}?page=2", f"{WITH_PORT}?page=2"),
        (f"{CLASSLIST}?bookmark=a%2Bb%20c", f"{CLASSLIST}?bookmark=a%2Bb%20c"),
    ],
    ids=["query", "path", "host", "capital host", "default port", "encoded"],
)
def test_links_within_the_host(tenant: Tenant, link: str, url: str) -> None:
    tenant.gives(CLASSLIST, objects(1, then=link))
    tenant.gives(url.partition("?")[0], objects(2))
    assert ids_of(rows_of(CLASSLIST, "Objects")) == [1, 2]
    assert tenant.urls == [CLASSLIST, url]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.org/d2l/api/?page=2",
        "//evil.example.org/d2l/api/?page=2",
        "http://lms.example.edu/d2l/api/?page=2",
        "https://lms.example.edu:8443/d2l/api/?page=2",
        "https://sub.lms.example.edu/d2l/api/?page=2",
        "https://lms.example.edu.evil.org/d2l/api/?page=2",
        "https://lms.example.edu@evil.example.org/?page=2",
        "https://someone:secret@lms.example.edu/d2l/api/?page=2",
        "http://lms.example.edu%3A443@evil.example.org/",
        "https://lms.example.edu\\@evil.example.org/",
        "ftp://lms.example.edu/d2l/api/",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_links_that_lead_away_are_not_followed(tenant: Tenant, link: str) -> None:
    tenant.gives(CLASSLIST, objects(1, then=link))
    with pytest.raises(ProtocolError, match="another host or scheme") as caught:
        rows_of(CLASSLIST, "Objects", headers={"Authorization": f"Bearer {CANARY}"})
    assert_clean(caught.value)
    assert "evil" not in str(caught.value)
    assert tenant.urls == [CLASSLIST]


@pytest.mark.parametrize(
    "link", ["https://lms.example.edu:port/?page=2", "https://[lms/?page=2"], ids=["port", "IPv6"]
)
def test_links_that_are_no_url(tenant: Tenant, link: str) -> None:
    tenant.gives(CLASSLIST, objects(1, then=link))
    with pytest.raises(ProtocolError, match="no URL") as caught:
        rows_of(CLASSLIST, "Objects")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("link", [CLASSLIST, "", "?"], ids=["absolute", "path", "query"])
def test_a_link_to_the_page_it_stands_on(tenant: Tenant, link: str) -> None:
    link = link or urlsplit(CLASSLIST).path
    tenant.gives(CLASSLIST, objects(1, then=link))
    with pytest.raises(ProtocolError, match="page it stands on") as caught:
        rows_of(CLASSLIST, "Objects")
    assert_clean(caught.value)
    assert tenant.urls == [CLASSLIST]


def test_links_that_go_round_in_a_circle(tenant: Tenant) -> None:
    second, third = f"{CLASSLIST}?page=2", f"{CLASSLIST}?page=3"
    tenant.gives(
        CLASSLIST, objects(1, then=second), objects(2, then=third), objects(3, then=second)
    )
    with pytest.raises(ProtocolError, match="circle"):
        rows_of(CLASSLIST, "Objects")
    assert tenant.urls == [CLASSLIST, second, third]


def test_links_to_ever_the_same_rows(tenant: Tenant) -> None:
    tenant.gives(
        CLASSLIST,
        objects(1, 2, then=f"{CLASSLIST}?page=2"),
        objects(1, 2, then=f"{CLASSLIST}?page=3"),
    )
    with pytest.raises(ProtocolError, match="circle"):
        rows_of(CLASSLIST, "Objects")


def test_empty_pages_between_links(tenant: Tenant) -> None:
    tenant.gives(
        CLASSLIST,
        objects(then=f"{CLASSLIST}?page=2"),
        objects(then=f"{CLASSLIST}?page=3"),
        objects(1),
    )
    assert ids_of(rows_of(CLASSLIST, "Objects")) == [1]


# --- the envelope that arrives decides ----------------------------------------------------------


def test_a_bookmark_paginator_follows_links(tenant: Tenant) -> None:
    tenant.gives(CLASSLIST, objects(1, then="?page=2"), objects(2))
    rows = rows_of(CLASSLIST, "Objects", paginator=BookmarkPaginator(), params={"a": "b"})
    assert ids_of(rows) == [1, 2]
    assert tenant.queries == [[("a", "b")], [("page", "2")]]


def test_an_object_list_paginator_follows_bookmarks(tenant: Tenant) -> None:
    tenant.gives(USERS, page(1, bookmark="a", more=True), page(2))
    rows = rows_of(USERS, "Items", paginator=ObjectListPaginator(), params={"a": "b"})
    assert ids_of(rows) == [1, 2]
    assert tenant.queries == [[("a", "b")], [("a", "b"), ("bookmark", "a")]]


@pytest.mark.parametrize(
    "body",
    [
        {"Items": [{"Email": CANARY}]},
        {"PagingInfo": {"Bookmark": "a", "HasMoreItems": False}, "Items": None},
        {"PagingInfo": {"Bookmark": "a", "HasMoreItems": False}},
        {"PagingInfo": {"Bookmark": "a"}, "Items": [{"Email": CANARY}]},
        {"items": [{"Email": CANARY}], "pagingInfo": {"hasMoreItems": False}},
        {"Errors": [{"Message": CANARY}]},
        {},
        [{"Email": CANARY}],
        [],
    ],
    ids=[
        "no PagingInfo",
        "Items null",
        "no Items",
        "no HasMoreItems",
        "other case",
        "an error",
        "no fields",
        "array",
        "empty array",
    ],
)
def test_a_missing_envelope(tenant: Tenant, body: Any) -> None:
    tenant.gives(USERS, body)
    with pytest.raises(ProtocolError) as caught:
        rows_of(USERS)
    assert_clean(caught.value)
    assert "/d2l/api/lp/1.49/users/" in str(caught.value)
    assert len(tenant.urls) == 1


def test_an_envelope_missing_in_the_middle(tenant: Tenant) -> None:
    tenant.gives(USERS, page(1, bookmark="a", more=True), [{"Email": CANARY}])
    with pytest.raises(ProtocolError) as caught:
        rows_of(USERS)
    assert_clean(caught.value)


# --- selectors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["items", "objects"])
def test_selectors_in_the_wrong_case(tenant: Tenant, selector: str) -> None:
    url = USERS if selector == "items" else CLASSLIST
    tenant.gives(url, page(1, 2) if selector == "items" else objects(1, 2))
    with pytest.raises(ProtocolError, match="took 0 rows from a page of 2") as caught:
        rows_of(url, selector)
    assert selector.capitalize() in str(caught.value)
    assert_clean(caught.value)


@pytest.mark.parametrize("selector", ["Objects", "$", "PagingInfo", "Items[0]"])
def test_selectors_that_miss_rows(tenant: Tenant, selector: str) -> None:
    tenant.gives(USERS, page(1, 2))
    with pytest.raises(ProtocolError, match="from a page of 2") as caught:
        rows_of(USERS, selector, paginator=BookmarkPaginator())
    assert_clean(caught.value)


@pytest.mark.parametrize("selector", ["$", "PagingInfo"])
def test_selectors_that_miss_the_only_row(tenant: Tenant, selector: str) -> None:
    tenant.gives(USERS, page(1))
    with pytest.raises(ProtocolError):
        rows_of(USERS, selector, paginator=BookmarkPaginator())


@pytest.mark.parametrize("selector", ["Items", "Items[*]", "$.Items"])
@pytest.mark.parametrize("rows", [(1,), (1, 2)], ids=len)
def test_selectors_that_take_all_rows(tenant: Tenant, selector: str, rows: tuple[int, ...]) -> None:
    tenant.gives(USERS, page(*rows))
    assert ids_of(rows_of(USERS, selector, paginator=BookmarkPaginator())) == list(rows)


# --- one instance, several lists ----------------------------------------------------------------


def test_one_bookmark_paginator_for_two_lists(tenant: Tenant) -> None:
    both = [page(1, bookmark="a", more=True), page(2)]
    paginator = BookmarkPaginator()
    tenant.gives(USERS, *both, *both)
    for _ in range(2):
        assert ids_of(rows_of(USERS, paginator=paginator, params={"search": "x"})) == [1, 2]
    kept = ("search", "x")
    assert tenant.queries == [[kept], [kept, ("bookmark", "a")]] * 2


def test_one_object_list_paginator_for_two_lists(tenant: Tenant) -> None:
    both = [objects(1, then=f"{CLASSLIST}?page=2"), objects(2)]
    paginator = ObjectListPaginator()
    tenant.gives(CLASSLIST, *both, *both)
    for _ in range(2):
        assert ids_of(rows_of(CLASSLIST, "Objects", paginator=paginator)) == [1, 2]
    assert tenant.urls == [CLASSLIST, f"{CLASSLIST}?page=2"] * 2


def test_a_list_begins_anew_after_one_that_broke_off(tenant: Tenant) -> None:
    tenant.gives(
        USERS,
        page(1, bookmark="a", more=True),
        page(2, bookmark="a", more=True),
        page(1, bookmark="a", more=True),
        page(2),
    )
    paginator = BookmarkPaginator()
    with pytest.raises(ProtocolError):
        rows_of(USERS, paginator=paginator)
    assert ids_of(rows_of(USERS, paginator=paginator)) == [1, 2]


def test_the_clients_own_paginator_serves_many_lists(tenant: Tenant) -> None:
    both = [page(1, bookmark="a", more=True), page(2)]
    tenant.gives(USERS, *both, *both)
    client = RESTClient(ROOT, data_selector="Items", paginator=BookmarkPaginator())
    for _ in range(2):
        assert ids_of([row for rows in client.paginate(USERS) for row in rows]) == [1, 2]
    assert tenant.urls == [USERS, f"{USERS}?bookmark=a"] * 2


@pytest.mark.parametrize("kind", [BookmarkPaginator, ObjectListPaginator])
def test_a_copy_is_independent(tenant: Tenant, kind: Any) -> None:
    paginator = kind("LogMessageId")
    tenant.gives(USERS, page(1, bookmark="a", more=True), page(2), page(3))
    client = RESTClient(ROOT, data_selector="Items")
    pages = client.paginate(USERS, paginator=paginator)
    first = next(pages)
    copied = copy.deepcopy(paginator)
    assert copied.bookmark_field == "LogMessageId"
    assert ids_of([*first, *next(pages)]) == [1, 2]
    assert not paginator.has_next_page
    assert copied.has_next_page
    assert ids_of(rows_of(USERS, paginator=copied)) == [3]


# --- lists asked for by page number -------------------------------------------------------------


def numbered(*ids: int) -> list[Row]:
    return [{"PostId": one, "Message": CANARY} for one in ids]


def posts_of(tenant_rows: int = 2, **options: Any) -> list[int]:
    paginator = PageNumberPaginator(tenant_rows, **options)
    client = RESTClient(ROOT, data_selector="$", paginator=paginator)
    pages = islice(client.paginate(POSTS, params={"pageSize": tenant_rows}), 20)
    return [row["PostId"] for page in pages for row in page]


def test_numbered_pages_end_with_one_that_is_not_full(tenant: Tenant) -> None:
    tenant.gives(POSTS, numbered(1, 2), numbered(3, 4), numbered(5))
    assert posts_of() == [1, 2, 3, 4, 5]
    size = ("pageSize", "2")
    assert tenant.queries == [
        [size],
        [size, ("pageNumber", "2")],
        [size, ("pageNumber", "3")],
    ]


def test_numbered_pages_end_with_an_empty_one(tenant: Tenant) -> None:
    tenant.gives(POSTS, numbered(1, 2), [])
    assert posts_of() == [1, 2]


def test_a_server_that_ignores_the_page_number_is_found_out(tenant: Tenant) -> None:
    tenant.gives(POSTS, numbered(1, 2), numbered(1, 2))
    with pytest.raises(ProtocolError, match="a page came twice") as caught:
        posts_of()
    assert_clean(caught.value)


def test_numbered_pages_have_an_end(tenant: Tenant) -> None:
    tenant.gives(POSTS, *(numbered(number, number + 1) for number in range(0, 6, 2)))
    with pytest.raises(ProtocolError, match=r"limits\.max_pages"):
        posts_of(max_pages=3)
