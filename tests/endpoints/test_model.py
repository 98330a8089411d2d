"""The form of a declaration: paths, messages and the URL of one list."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.columns import identifier
from d2l_brightspace.endpoints.model import Endpoint, PageSize, ancestors, to

SINCE = "2026-09-01T08:00:00.000Z"


def endpoint(path: str, **options: Any) -> Endpoint:
    return Endpoint(
        "things",
        path,
        **{
            "paging": "array",
            "key": "Id",
            "description": "One row per thing.",
            "columns": {"Id": identifier("Id of the thing.", required=True)},
            **options,
        },
    )


PLAIN = endpoint("lp/users/")
UNVERSIONED = endpoint("versions/")
PER_COURSE = endpoint("le/{org_unit_id}/classlist/paged/", parent="course_offerings")
PER_BATCH = endpoint("lp/courses/parents", params={"orgUnitIdsCSV": "{org_unit_id}"})
NUMBERED = endpoint(
    "le/{org_unit_id}/forums/{ForumId}/posts/", page_size=PageSize("pageSize", 1000)
)


@pytest.mark.parametrize(
    ("one", "path", "route", "columns"),
    [
        (PLAIN, "lp/(version)/users/", "lp/(version)/users/", ()),
        (UNVERSIONED, "versions/", "versions/", ()),
        (
            PER_COURSE,
            "le/(version)/{org_unit_id}/classlist/paged/",
            "le/(version)/(orgUnitId)/classlist/paged/",
            ("org_unit_id",),
        ),
        (
            PER_BATCH,
            "lp/(version)/courses/parents",
            "lp/(version)/courses/parents",
            ("org_unit_id",),
        ),
        (
            NUMBERED,
            "le/(version)/{org_unit_id}/forums/{ForumId}/posts/",
            "le/(version)/(orgUnitId)/forums/(forumId)/posts/",
            ("org_unit_id", "ForumId"),
        ),
    ],
    ids=["plain", "unversioned", "per course", "per batch", "per forum"],
)
def test_paths(one: Endpoint, path: str, route: str, columns: tuple[str, ...]) -> None:
    assert one.versioned_path == path
    assert one.route == route
    assert one.parent_columns == columns


@pytest.mark.parametrize(
    ("one", "keys", "params", "path", "query"),
    [
        (PLAIN, {}, {}, "lp/(version)/users/", []),
        (UNVERSIONED, {}, {}, "versions/", []),
        (PER_COURSE, {"org_unit_id": 6606}, {}, "le/(version)/6606/classlist/paged/", []),
        (
            PER_BATCH,
            {"org_unit_id": "6606,6607"},
            {},
            "lp/(version)/courses/parents",
            [("orgUnitIdsCSV", "6606,6607")],
        ),
        (
            NUMBERED,
            {"org_unit_id": 6606, "ForumId": 7},
            {},
            "le/(version)/6606/forums/7/posts/",
            [("pageSize", "1000"), ("pageNumber", "1")],
        ),
        (
            endpoint("lp/logging/", params={"search": "a b&c"}),
            {},
            {"dateRangeStart": SINCE},
            "lp/(version)/logging/",
            [("search", "a b&c"), ("dateRangeStart", SINCE)],
        ),
    ],
    ids=["plain", "unversioned", "per course", "per batch", "numbered", "range and filter"],
)
def test_url_of_one_list(
    one: Endpoint,
    keys: dict[str, Any],
    params: dict[str, str],
    path: str,
    query: list[tuple[str, str]],
) -> None:
    parts = urlsplit(one.url(keys, params))
    assert parts.path == path
    assert parse_qsl(parts.query, strict_parsing=bool(query)) == [
        (name, value.replace("%2C", ",")) for name, value in query
    ]


def test_a_key_leads_to_no_other_route() -> None:
    assert PER_COURSE.url({"org_unit_id": "../users/?a=b#c"}) == (
        "le/(version)/..%2Fusers%2F%3Fa%3Db%23c/classlist/paged/"
    )


@pytest.mark.parametrize(
    ("key", "keys"), [("Id", ("Id",)), (("org_unit_id", "Id"), ("org_unit_id", "Id"))]
)
def test_a_key_is_one_column_or_several(key: Any, keys: tuple[str, ...]) -> None:
    assert endpoint("lp/users/", key=key).keys == keys


def test_making_a_url_leaves_the_parameters_as_declared() -> None:
    PER_BATCH.url({"org_unit_id": 6606}, {"a": "b"})
    assert PER_BATCH.params == {"orgUnitIdsCSV": "{org_unit_id}"}


def test_ancestors_come_nearest_first() -> None:
    above = ancestors(ENDPOINTS["discussion_posts"], ENDPOINTS)
    assert [one.name for one in above] == ["discussion_topics", "discussion_forums"]
    assert list(ancestors(ENDPOINTS["users"], ENDPOINTS)) == []
    assert list(ancestors(ENDPOINTS["quizzes"], ENDPOINTS)) == []


def test_a_reference() -> None:
    assert to("topics", "org_unit_id", Topic="TopicId", label="topic") == {
        "referenced_table": "topics",
        "columns": ["org_unit_id", "Topic"],
        "referenced_columns": ["org_unit_id", "TopicId"],
        "cardinality": "many_to_one",
        "label": "topic",
    }
    assert to("a", "b", label="c", one_to_one=True)["cardinality"] == "one_to_one"
