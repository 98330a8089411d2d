"""Lists whose pages lie."""

from __future__ import annotations

from typing import Any

import pytest

from d2l_brightspace import ProtocolError
from tests.cases import case, each, together
from tests.wire_server import Answer

from .arena import PREFIX, Arena
from .tenant import edited, page, paged, user

USERS = "/users/$"
CLASSLIST = "/102/classlist/paged/"


def bookmark(value: Any) -> Any:
    return edited(lambda body: body["PagingInfo"].update(Bookmark=value))


@case("Paging", "last page with a bookmark", "exact")
def test_last_page_with_a_bookmark_is_the_last(arena: Arena) -> None:
    arena.exact("users")
    assert [one.params.get("bookmark") for one in arena.server.asked(USERS)] == [None, "10", "20"]


@each(
    "Paging",
    ("HasMoreItems true, bookmark null", "clear error", None),
    ("HasMoreItems true, bookmark empty", "clear error", ""),
    ("HasMoreItems true, bookmark repeated at once", "clear error", "10"),
)
def test_bookmark_that_leads_nowhere(arena: Arena, value: Any) -> None:
    arena.fault(USERS, bookmark(value), when=page(2))
    arena.fails(ProtocolError, "no bookmark|circle", "users")


@case("Paging", "HasMoreItems true, bookmark missing", "clear error")
def test_bookmark_missing(arena: Arena) -> None:
    arena.fault(USERS, edited(lambda body: body["PagingInfo"].pop("Bookmark") and None))
    arena.fails(ProtocolError, "no bookmark", "users")


@case("Paging", "bookmarks in a cycle of three", "clear error")
def test_bookmarks_in_a_cycle(arena: Arena) -> None:
    arena.tenant.users *= 2
    arena.fault(USERS, bookmark("10"), when=page(4))
    arena.fails(ProtocolError, "circle", "users")
    assert len(arena.server.asked(USERS)) < 8


@case("Paging", "a new bookmark each time, the same rows for ever", "clear error")
def test_same_rows_under_new_bookmarks(arena: Arena) -> None:
    rows = arena.tenant.users[:10]

    def endless(request: Any, normal: Any) -> Answer:
        following = str(int(request.params.get("bookmark", 0)) + 10)
        return Answer(body=paged(rows, following, more=True))

    arena.fault(USERS, endless)
    arena.fails(ProtocolError, "circle", "users")
    assert len(arena.server.asked(USERS)) == 2


@case("Paging", "new rows for ever: ended by `limits.max_pages`", "clear error")
@pytest.mark.parametrize("batch", [10, 30, 1000])
def test_new_rows_for_ever(arena: Arena, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_PAGES", "30")
    monkeypatch.setattr("d2l_brightspace.extract.executor._BATCH_ROWS", batch)

    def endless(request: Any, normal: Any) -> Answer:
        start = int(request.params.get("bookmark", 0))
        rows = [user(number) for number in range(start, start + 10)]
        return Answer(body=paged(rows, str(start + 10), more=True))

    arena.fault(USERS, endless)
    arena.fails(ProtocolError, "after 30 pages.*limits.max_pages", "users")
    assert len(arena.server.asked(USERS)) == 30


@case("Paging", "empty pages for ever", "clear error")
def test_empty_pages_for_ever(arena: Arena) -> None:
    def endless(request: Any, normal: Any) -> Answer:
        following = str(int(request.params.get("bookmark", 0)) + 10)
        return Answer(body=paged([], following, more=True))

    arena.fault(USERS, endless)
    arena.fails(ProtocolError, "100 empty pages", "users")


@case("Paging", "empty page in the middle", "exact")
def test_empty_page_in_the_middle(arena: Arena) -> None:
    def insert(request: Any, normal: Any) -> Answer:
        if request.params.get("bookmark") == "here":
            return Answer(body=paged([], "10", more=True))
        answer = normal()
        answer.body["PagingInfo"]["Bookmark"] = "here"
        return answer

    arena.fault(
        USERS, insert, when=lambda request: request.params.get("bookmark", "here") == "here"
    )
    arena.exact("users")


MISTAKES = {
    "PagingInfo missing": lambda body: body.pop("PagingInfo") and None,
    "PagingInfo null": lambda body: body.update(PagingInfo=None),
    "HasMoreItems missing": lambda body: body["PagingInfo"].pop("HasMoreItems") and None,
    "envelope renamed": lambda body: {"pagingInfo": body["PagingInfo"], "items": body["Items"]},
    "bare array in place of pages": lambda body: body["Items"],
    "Items missing": lambda body: body.pop("Items") and None,
    "Items null": lambda body: body.update(Items=None),
    "Items an object": lambda body: body.update(Items={"UserId": 1}),
    "Objects with HasMoreItems and Bookmark": lambda body: {
        "Objects": body["Items"],
        **body["PagingInfo"],
    },
    "null and numbers among Items": lambda body: body["Items"].extend([None, 7]),
}


@together("Paging", "clear error", *MISTAKES)
def test_broken_envelope(arena: Arena) -> None:
    for mistake in MISTAKES.values():
        arena.server._faults.clear()
        arena.fault(USERS, edited(mistake), when=page(2))
        arena.fails(ProtocolError, r"lp/\(version\)/users/", "users")


@case("Paging", "HasMoreItems as a string", "exact")
def test_has_more_items_as_a_string(arena: Arena) -> None:
    arena.fault(
        USERS,
        edited(
            lambda body: body["PagingInfo"].update(
                HasMoreItems=str(body["PagingInfo"]["HasMoreItems"])
            )
        ),
    )
    arena.exact("users")


@case("Paging", "page that repeats rows of the page before", "exact")
@pytest.mark.parametrize("resource", ["users", "classlist"])
def test_page_that_repeats_rows(arena: Arena, resource: str) -> None:
    rows = {"users": "Items", "classlist": "Objects"}[resource]
    seen: dict[str, list[Any]] = {}

    def repeat(request: Any, normal: Any) -> Answer:
        answer = normal()
        before = seen.get(request.path, [])
        seen[request.path] = answer.body[rows]
        answer.body[rows] = before[-4:] + answer.body[rows]
        return answer

    arena.fault("users/$|classlist", repeat)
    arena.exact(resource)


@case("Paging", "bookmark gone in mid-list, opaque: the list is read again", "exact")
@pytest.mark.parametrize(("resource", "status"), [("users", 400), ("classlist", 404)])
def test_lost_bookmark_restarts_the_list(arena: Arena, resource: str, status: int) -> None:
    path = USERS if resource == "users" else CLASSLIST
    arena.fault(path, Answer(status, {"title": "gone"}), when=page(3), times=1)
    arena.exact(resource)
    first_pages = [one for one in arena.server.asked(path) if "bookmark" not in one.params]
    assert len(first_pages) == 2


@case("Paging", "empty first page, then its bookmark gone: the list is read again", "exact")
@pytest.mark.parametrize("resource", ["users", "log_messages"])
def test_bookmark_of_an_empty_first_page_lost(arena: Arena, resource: str) -> None:
    path = {"users": USERS, "log_messages": "/logging/$"}[resource]
    empty = Answer(body=paged([], "gone", more=True))
    arena.fault(path, empty, when=lambda request: "bookmark" not in request.params, times=1)
    arena.fault(path, Answer(404), when=lambda request: request.params.get("bookmark") == "gone")
    arena.exact(resource)
    assert [one.params.get("bookmark") for one in arena.server.asked(path)][:3] == [
        None,
        "gone",
        None,
    ]


@case("Paging", "bookmark gone again and again, list of all", "clear error")
def test_bookmark_lost_twice(arena: Arena) -> None:
    arena.fault(USERS, Answer(404, {"title": "gone"}), when=page(3))
    arena.fails(ProtocolError, "changed twice", "users")
    assert len(arena.server.asked(USERS)) == 6


@case("Paging", "bookmark gone again and again, list of one org unit", "recorded")
def test_bookmark_of_an_org_unit_lost_twice(arena: Arena) -> None:
    arena.fault(CLASSLIST, Answer(404, {"title": "gone"}), when=page(3))
    arena.recorded({("classlist", 102)}, "classlist")


@case("Paging", "bookmark gone in the logs: the row before stands in", "exact")
@pytest.mark.parametrize("gone", [1, 3])
def test_lost_log_bookmark_falls_back(arena: Arena, gone: int) -> None:
    def deletes(request: Any, normal: Any) -> Answer:
        answer = normal()
        last = [row["LogMessageId"] for row in answer.body["Items"]][-gone:]
        arena.tenant.log = [row for row in arena.tenant.log if row["LogMessageId"] not in last]
        arena.before_deletion = last
        return answer

    arena.fault("/logging/$", deletes, times=1)
    arena.run("log_messages")
    loaded = arena.tables()["log_messages"]
    # those deleted while the list was read may be there or not; all others are there once
    kept = {(row["LogMessageId"], row["ExceptionMessage"]): 1 for row in arena.tenant.log}
    assert {row: n for row, n in loaded.items() if row[0] not in arena.before_deletion} == kept
    # it did not begin again; a window cut off for another thread begins at a time of its own
    begun = [one.params for one in arena.server.asked("logging") if "bookmark" not in one.params]
    assert len(begun) == len({one["dateRangeStart"] for one in begun})


@case("Paging", "bookmarks with & + % = blanks and other alphabets", "exact")
def test_bookmark_is_encoded_once(arena: Arena) -> None:
    mark = "a&b=c+d e;50%25%2Bé–漢字#/?6606_80 69"

    def disguise(request: Any, normal: Any) -> Answer:
        given = request.params.get("bookmark")
        if given is not None:
            assert given.startswith(mark)
            request.params["bookmark"] = given[len(mark) :]
        answer = normal()
        answer.body["PagingInfo"]["Bookmark"] = mark + answer.body["PagingInfo"]["Bookmark"]
        return answer

    arena.fault(USERS, disguise)
    arena.exact("users")


@case("Paging", "more rows than one batch: bookmarks, faults and restarts across batches", "exact")
@pytest.mark.parametrize("lost", [None, 2])
def test_list_of_several_batches(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, lost: int | None
) -> None:
    monkeypatch.setattr("d2l_brightspace.extract.executor._BATCH_ROWS", 10)
    if lost:
        arena.fault(USERS, Answer(404, {"title": "gone"}), when=page(lost), times=1)
    arena.exact("users", "log_messages")


@case("Paging", "circle longer than one batch", "clear error")
def test_circle_across_batches(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("d2l_brightspace.extract.executor._BATCH_ROWS", 10)
    arena.fault(USERS, edited(lambda body: body["PagingInfo"].update(Bookmark="10")), when=page(2))
    arena.fails(ProtocolError, "circle", "users")


def next_link(link: Any) -> Any:
    def effect(request: Any, normal: Any) -> Answer:
        answer = normal()
        if answer.body["Next"]:
            answer.body["Next"] = link(answer.body["Next"]) if callable(link) else link
        return answer

    return effect


@each(
    "Paging",
    ("Next relative, path", "exact", lambda url: "/" + url.split("/", 3)[3]),
    ("Next relative, query", "exact", lambda url: "?" + url.split("?")[1]),
    ("Next with a signature of its own", "exact", lambda url: url + "&x_t=1&x_c=stale"),
)
def test_next_link_that_works(arena: Arena, link: Any) -> None:
    arena.fault("classlist", next_link(link))
    arena.exact("classlist")


def without_null(body: Any) -> None:
    if body["Next"] is None:
        del body["Next"]


@together("Paging", "exact", "Next empty at the end", "Next absent at the end")
def test_end_without_null(arena: Arena) -> None:
    arena.fault("/101/", edited(lambda body: body.update(Next=body["Next"] or "")))
    arena.fault("/102/", edited(without_null))
    arena.exact("classlist")


STRAY = {
    "Next to itself": lambda url: url.split("?")[0],
    "Next in a circle": lambda url: url.split("?")[0] + "?bookmark=10",
    "Next to another host": "https://evil.example.com/d2l/api/x",
    "Next to another port": "http://127.0.0.1:9/d2l/api/le/1.82/102/classlist/paged/",
    "Next from https to http, or back": lambda url: url.replace("http:", "https:"),
    "Next with a user name": lambda url: url.replace("//", "//good@"),
    "Next without a scheme, other host": "//evil.example.com/x",
    "Next that is no address": "http://[::1",
    "Next a number": 7,
}


@together("Paging", "recorded", *STRAY)
def test_next_link_that_is_not_followed(arena: Arena) -> None:
    units = range(201, 201 + len(STRAY))
    for unit, link in zip(units, STRAY.values(), strict=True):
        arena.fault(f"/{unit}/classlist/", next_link(link))
    for unit in units:
        arena.tenant.classlists[unit] = arena.tenant.classlists[102]
        arena.tenant.courses[unit] = arena.tenant.courses[102]
    arena.recorded({("classlist", unit) for unit in units}, "classlist")
