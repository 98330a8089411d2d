from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from d2l_brightspace.endpoints import Endpoint

COURSE = "{resources.course_offerings.org_unit_id}"
BATCH = "{resources.course_offering_batches.org_unit_ids_csv}"
SINCE = "2026-09-01T08:00:00.000Z"


def endpoint(path: str, product: Any = "lp", **options: Any) -> Endpoint:
    params = options.pop("params", None)
    request: dict[str, Any] = {"path": path} | ({"params": params} if params else {})
    return Endpoint(
        resource={"name": "things", "endpoint": request},  # type: ignore[typeddict-item]
        paging="array",
        description="One row per thing.",
        product=product,
        **options,
    )


PLAIN = endpoint("users/")
UNVERSIONED = endpoint("versions/", None)
PER_COURSE = endpoint(f"{COURSE}/classlist/paged/", "le")
PER_BATCH = endpoint("courses/parentorgunits", params={"orgUnitIdsCSV": BATCH})
RANGED = endpoint("logging/", range_start="dateRangeStart")


def test_name() -> None:
    assert PLAIN.name == "things"


@pytest.mark.parametrize(
    ("one", "path", "route", "is_per_org_unit"),
    [
        (PLAIN, "lp/(version)/users/", "lp/(version)/users/", False),
        (UNVERSIONED, "versions/", "versions/", False),
        (
            PER_COURSE,
            f"le/(version)/{COURSE}/classlist/paged/",
            "le/(version)/(orgUnitId)/classlist/paged/",
            True,
        ),
        (
            PER_BATCH,
            "lp/(version)/courses/parentorgunits",
            "lp/(version)/courses/parentorgunits",
            True,
        ),
    ],
    ids=["plain", "unversioned", "per course", "per batch"],
)
def test_paths(one: Endpoint, path: str, route: str, is_per_org_unit: bool) -> None:
    assert one.path == path
    assert one.route == route
    assert one.is_per_org_unit is is_per_org_unit


@pytest.mark.parametrize(
    ("one", "org_unit_id", "path", "query"),
    [
        (PLAIN, None, "lp/(version)/users/", []),
        (UNVERSIONED, None, "versions/", []),
        (PER_COURSE, 6606, "le/(version)/6606/classlist/paged/", []),
        (PER_BATCH, 6606, "lp/(version)/courses/parentorgunits", [("orgUnitIdsCSV", "6606")]),
        (RANGED, None, "lp/(version)/logging/", [("dateRangeStart", SINCE)]),
        (
            endpoint("logging/", params={"search": "a b&c"}, range_start="dateRangeStart"),
            None,
            "lp/(version)/logging/",
            [("search", "a b&c"), ("dateRangeStart", SINCE)],
        ),
    ],
    ids=["plain", "unversioned", "per course", "per batch", "range", "range and filter"],
)
def test_url_of_one_request(
    one: Endpoint, org_unit_id: int | None, path: str, query: list[tuple[str, str]]
) -> None:
    parts = urlsplit(one.url_for(org_unit_id, SINCE))
    assert parts.path == path
    assert parse_qsl(parts.query, strict_parsing=bool(query)) == query


def test_the_range_is_sent_only_where_the_route_has_one() -> None:
    assert SINCE not in PER_COURSE.url_for(6606, SINCE)


def test_asking_for_the_request_does_not_open_the_declaration() -> None:
    PLAIN.request["path"] = "elsewhere/"
    assert PLAIN.path == "lp/(version)/users/"


def test_making_a_url_leaves_the_parameters_as_declared() -> None:
    RANGED.url_for(None, SINCE)
    PER_BATCH.url_for(6606, SINCE)
    assert "params" not in RANGED.request
    assert PER_BATCH.request["params"] == {"orgUnitIdsCSV": BATCH}
