"""Reading one list: what is asked, page after page, and what is void."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from d2l_brightspace.client.errors import NotFound, ProtocolError, RequestContext
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.paging.list_reader import ListReader, parameter, with_parameters
from d2l_brightspace.client.routes import Route

ROOT = "https://lms.example.edu/d2l/api/"
USERS = Route("lp/(version)/users/", "bookmark")
LOGS = Route("lp/(version)/logging/", "bookmark", bookmark_field="LogMessageId")
POSTS = Route("le/(version)/posts/", "page_number", page_rows=2)


class Sender:
    """Gives prepared answers in turn, and notes what was asked."""

    limits = Limits()

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.urls: list[str] = []

    def versioned(self, url: str) -> str:
        return url.replace("(version)", "1.49")

    def ask(self, url: str, _route: Route, _context: RequestContext) -> tuple[Any, str]:
        self.urls.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, url

    @property
    def queries(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(urlsplit(url).query)) for url in self.urls]


def reader(sender: Sender, route: Route, query: str = "") -> ListReader:
    context = RequestContext(route.template)
    return ListReader(sender, ROOT + route.template + query, route, context)  # type: ignore[arg-type]


def page(*ids: int, bookmark: str | None = None) -> dict[str, Any]:
    paging = {"Bookmark": bookmark, "HasMoreItems": bookmark is not None}
    return {"PagingInfo": paging, "Items": [{"LogMessageId": one} for one in ids]}


def lost(status: int = 404) -> NotFound | ProtocolError:
    kind = NotFound if status == 404 else ProtocolError
    return kind("gone", RequestContext("", status=status))


def ids_of(one: Any) -> list[int]:
    return [row["LogMessageId"] for row in one.rows]


def test_pages_until_the_list_is_done() -> None:
    sender = Sender(page(1, bookmark="a b"), page(2))
    users = reader(sender, USERS, "?search=x%20y")
    assert not users.done
    assert ids_of(users.read()) == [1]
    assert not users.done
    assert ids_of(users.read()) == [2]
    assert users.done
    assert sender.urls == [
        f"{ROOT}lp/1.49/users/?search=x%20y",
        f"{ROOT}lp/1.49/users/?search=x%20y&bookmark=a%20b",
    ]


def test_numbered_pages() -> None:
    rows = [[{"PostId": 1}, {"PostId": 2}], [{"PostId": 3}]]
    sender = Sender(*rows)
    posts = reader(sender, POSTS, "?pageSize=2&pageNumber=1")
    assert [posts.read().rows, posts.read().rows] == rows
    assert posts.done
    assert sender.queries == [
        {"pageSize": "2", "pageNumber": "1"},
        {"pageSize": "2", "pageNumber": "2"},
    ]


@pytest.mark.parametrize("status", [400, 404])
def test_a_lost_bookmark_is_asked_for_by_the_row_before(status: int) -> None:
    sender = Sender(page(1, 2, bookmark="2"), lost(status), page(3))
    logs = reader(sender, LOGS)
    logs.read()
    assert ids_of(logs.read()) == [3]
    assert not logs.begins_again
    assert [query.get("bookmark") for query in sender.queries] == [None, "2", "1"]


def test_a_list_that_begins_again_says_so_for_one_page() -> None:
    sender = Sender(page(1, bookmark="a"), lost(), page(1, bookmark="b"), page(2))
    users = reader(sender, USERS)
    users.read()
    assert ids_of(users.read()) == [1]
    assert users.begins_again
    assert ids_of(users.read()) == [2]
    assert not users.begins_again
    assert [query.get("bookmark") for query in sender.queries] == [None, "a", None, "b"]


@pytest.mark.parametrize("status", [400, 404])
def test_the_first_page_has_no_bookmark_to_lose(status: int) -> None:
    with pytest.raises((NotFound, ProtocolError), match="gone"):
        reader(Sender(lost(status)), USERS).read()


@pytest.mark.parametrize("status", [200, 302, None])
def test_other_faults_are_no_lost_bookmark(status: int | None) -> None:
    error = ProtocolError("garbage", RequestContext("", status=status))
    users = reader(Sender(page(1, bookmark="a"), error), USERS)
    users.read()
    with pytest.raises(ProtocolError, match="garbage"):
        users.read()


def test_a_range_that_was_cut_off_stays_so_when_the_list_begins_again() -> None:
    sender = Sender(page(1, bookmark="a"), lost(), page(1))
    users = reader(sender, USERS, "?from=1&to=9")
    users.read()
    users.end_at(to="5")
    users.read()
    assert sender.queries == [
        {"from": "1", "to": "9"},
        {"from": "1", "to": "5", "bookmark": "a"},
        {"from": "1", "to": "5"},
    ]


@pytest.mark.parametrize(
    ("url", "changes", "changed"),
    [
        ("https://a/b", {"c": "d"}, "https://a/b?c=d"),
        ("https://a/b?c=x&e=%2F", {"c": "d"}, "https://a/b?e=%2F&c=d"),
        ("https://a/b?c=x&c=y", {"c": "d e+f"}, "https://a/b?c=d%20e%2Bf"),
    ],
    ids=["added", "replaced", "encoded"],
)
def test_parameters_are_changed_and_the_rest_stays(
    url: str, changes: dict[str, str], changed: str
) -> None:
    assert with_parameters(url, changes) == changed
    assert parameter(changed, "c") == changes["c"]
    assert parameter(changed, "absent") is None
