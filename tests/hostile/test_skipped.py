"""One org unit, one row or one value that is not like the others."""

from __future__ import annotations

from typing import Any

import pytest

from d2l_brightspace import PermissionDenied, ProtocolError
from tests.cases import case, each, together
from tests.wire_server import Answer

from .arena import PREFIX, Arena, truth
from .tenant import VERSIONS, edited, member, page, paged

COURSES = 1000


ROTTEN = {
    "403": Answer(403, {"title": "Not Authorized"}),
    "404": Answer(404),
    "500 for ever": Answer(500),
    "malformed": Answer(200, b'{"Identifier": '),
}


@together("Skipped", "recorded", *(f"1 course of 1 000: {one}" for one in ROTTEN))
@pytest.mark.slow
def test_one_course_of_a_thousand(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__REQUESTS_IN_FLIGHT", "20")
    for unit in range(1001, 1001 + COURSES - 3):
        arena.tenant.courses[unit] = {"Identifier": str(unit), "Name": f"Course {unit}"}
    bad = dict(zip((1100, 1400, 1500, 1900), ROTTEN.values(), strict=True))
    for unit, answer in bad.items():
        arena.fault(f"/courses/{unit}$", answer)
    skips = {("courses", unit) for unit in bad}
    report = arena.recorded(skips, "courses", org_unit_ids=[*arena.tenant.courses])
    assert arena.query("SELECT COUNT(*) FROM courses") == [(COURSES - len(bad),)]
    assert {skip["route"] for skip in report.skipped} == {"lp/(version)/courses/(orgUnitId)"}
    assert [skip["status"] for skip in report.skipped] == [403, 404, 500, 200]


@together(
    "Skipped",
    "recorded",
    "a class list that breaks on its third page: 403",
    "a class list that breaks on its third page: 500 for ever",
    "a class list that breaks on its third page: HTML",
)
def test_third_page_breaks(arena: Arena) -> None:
    for unit, answer in (
        (101, Answer(403)),
        (102, Answer(500)),
        (103, Answer(200, b"<html>")),
    ):
        arena.tenant.classlists[unit] += [member(unit, one) for one in range(950, 955)]
        arena.fault(f"/{unit}/classlist/", answer, when=page(3))
    arena.tenant.courses[104] = arena.tenant.courses[101]
    arena.tenant.classlists[104] = [member(104, 1)]
    arena.recorded({("classlist", unit) for unit in (101, 102, 103)}, "classlist")


@case("Skipped", "all courses answer 403", "clear error")
def test_all_forbidden(arena: Arena) -> None:
    arena.fault("/classlist/", Answer(403, {"title": "Not Authorized"}))
    arena.fails(PermissionDenied, "Not one of 3 requests.*enrollment:orgunit:read", "classlist")


@case("Skipped", "a list of everything answers 403: the other tables load", "clear error")
def test_tenant_wide_list_forbidden(arena: Arena) -> None:
    arena.fault("/users/$", Answer(403, {"title": "Not Authorized"}))
    with pytest.raises(PermissionDenied, match=r"users.*scope users:userdata:read") as caught:
        arena.run("users", "classlist")
    assert arena.tables() == {**arena.before, "classlist": truth(arena.tenant)["classlist"]}
    assert [failure.table for failure in caught.value.report.failures] == ["users"]
    arena.observed = "clear error"


@case("Skipped", "a log message whose id is no number: the other tables load", "clear error")
def test_one_impossible_key(arena: Arena) -> None:
    arena.fault(
        "/logging/$",
        edited(lambda body: body["Items"][0].update(LogMessageId="canary")),
        times=1,
    )
    with pytest.raises(ProtocolError, match="field LogMessageId holds a value that is no bigint"):
        arena.run("users", "log_messages")
    assert arena.tables() == {**arena.before, "users": truth(arena.tenant)["users"]}
    arena.exact("users", "log_messages")
    arena.observed = "clear error"


@case("Skipped", "a strict run with something skipped has exit code 1", "recorded")
def test_strict(arena: Arena) -> None:
    from d2l_brightspace import run

    arena.fault("/102/classlist/", Answer(403))
    report = run(arena.pipeline(), arena.source("classlist"), strict=True)
    assert report.exit_code == 1
    arena.observed = "recorded"


@case("Skipped", "a skip that is made good: the next run has the rows, the record stays", "exact")
def test_skip_that_is_made_good(arena: Arena) -> None:
    arena.fault("/102/classlist/", Answer(404), times=1)
    arena.recorded({("classlist", 102)}, "classlist")
    arena.exact("classlist")
    assert len(arena.query("SELECT * FROM skipped_requests")) == 1


@case("Keys", "rows without their key: recorded, the rest of the page loads", "recorded")
@pytest.mark.parametrize("value", [None, "", "absent"])
def test_row_without_key(arena: Arena, value: Any) -> None:
    def spoil(body: Any) -> None:
        for row in body["Items"][2:4]:
            if value == "absent":
                del row["UserId"]
            else:
                row["UserId"] = value

    arena.fault("/users/$", edited(spoil), when=page(2))
    report = arena.run("users")
    (skip,) = report.skipped
    assert (skip["resource"], skip["org_unit_id"]) == ("users", 0)
    assert skip["detail"].startswith("Rows without UserId were left out")
    assert arena.query("SELECT rows_missing FROM skipped_requests") == [(2,)]
    expected = truth(arena.tenant)["users"]
    changed = {(user, f"First{user}") for user in (13, 14)}  # they stay as they were before
    assert {*arena.tables()["users"]} == {*expected} | changed
    arena.observed = "recorded"


@case("Keys", "rows without their key in one org unit's list", "recorded")
def test_row_without_key_in_a_class_list(arena: Arena) -> None:
    arena.fault(
        "/102/classlist/", edited(lambda body: body["Objects"][0].pop("Identifier") and None)
    )
    report = arena.run("classlist")
    assert [(skip["resource"], skip["org_unit_id"]) for skip in report.skipped] == [
        ("classlist", 102)
    ]
    missing = [row for row in truth(arena.tenant)["classlist"] if row[0] == 102]
    assert arena.query("SELECT COUNT(*) FROM classlist WHERE org_unit_id = 102") == [
        (len(missing) - 3,)
    ]
    arena.observed = "recorded"


@case("Keys", "a row without its key in a request for several courses: one record", "recorded")
def test_row_without_key_in_a_list_of_several_org_units(arena: Arena) -> None:
    def parents(_request: Any, _normal: Any) -> Answer:
        rows = [{"CourseOfferingId": unit, "Semester": None} for unit in (101, 102, None)]
        return Answer(body=rows)

    arena.fault("/courses/parentorgunits$", parents)
    report = arena.run("parent_courses")
    assert len(arena.server.asked("/courses/parentorgunits$")) == 1
    (skip,) = report.skipped
    assert (skip["org_unit_id"], skip["rows_missing"]) == (0, 1)
    loaded = arena.query("SELECT course_offering_id FROM parent_courses ORDER BY 1")
    assert loaded == [(101,), (102,)]
    arena.observed = "recorded"


@case(
    "Skipped", "a table whose every request is skipped in the first run exists, empty", "recorded"
)
def test_table_that_nothing_was_answered_for(arena: Arena) -> None:
    arena.fault("/org_?structure/$|/parentorgunits$|/myenrollments/$", Answer(403))
    for resources in (("parent_courses", "my_enrollments"), ("my_enrollments",)):
        with pytest.raises(PermissionDenied) as caught:
            arena.run(*resources, org_unit_ids=[101, 102])
        assert {one.table for one in caught.value.report.failures} == {*resources}
        for table in ("parent_courses", "my_enrollments"):
            assert arena.query(f"SELECT COUNT(*) FROM {table}") == [(0,)], table
        assert "org_unit__id" in arena.columns("my_enrollments")
    assert arena.tables() == arena.before
    arena.observed = "recorded"


@together(
    "Skipped",
    "recorded",
    "an org unit without a type among the caller's own: the other courses load",
    "a product without its code in `versions/`: the others are spoken to",
)
def test_rows_by_which_the_run_finds_its_way(arena: Arena) -> None:
    def courses(_request: Any, _normal: Any) -> Answer:
        units: list[dict[str, Any]] = [
            {"Id": 101, "Type": {"Id": 3, "Code": "CourseOffering"}},
            {"Id": 102, "Name": "no type"},
            {"Id": 103, "Type": {"Id": 3, "Name": "course offering"}},
            {"Id": 6606, "Type": {"Id": 1, "Code": "Organization"}},
        ]
        return Answer(body=paged([{"OrgUnit": one} for one in units], None, more=False))

    arena.fault("/orgstructure/$", Answer(403))
    arena.fault("/myenrollments/$", courses)
    nameless = {"LatestVersion": "1.0", "SupportedVersions": ["1.0"]}
    arena.fault("/versions/$", Answer(body=[nameless, *VERSIONS]))
    report = arena.run("classlist", "versions")
    skips = {(one["resource"], one["org_unit_id"]) for one in report.skipped}
    assert skips == {("classlist", 102), ("versions", 0)}
    before, now = arena.before["classlist"], truth(arena.tenant)["classlist"]
    kept = [row for row in before if row[0] == 102]
    assert {*arena.tables()["classlist"]} == {*kept, *(row for row in now if row[0] != 102)}
    assert arena.query("SELECT product_code FROM versions ORDER BY 1") == [("le",), ("lp",)]
    assert not report.notes
    arena.server._faults.clear()
    arena.fault("/orgstructure/$", Answer(body=paged([], None, more=False)))
    newer = [{"ProductCode": one, "SupportedVersions": ["3.1", "2.9"]} for one in ("lp", "le")]
    arena.fault("/versions/$", Answer(body=newer))
    report = arena.run("classlist", "users")
    assert "No course offering was found (auto)" in str(report)
    assert "supports `lp` from version 2.9 on" in str(report)
    assert {one.path.split("/")[4] for one in arena.server.asked("/users/$")} >= {"2.9"}
    arena.observed = "recorded"


@each(
    "Keys",
    ("key that is a number in one place and a string in another", "exact", str),
    ("key that arrives as 7.0", "exact", float),
)
def test_key_of_another_type(arena: Arena, kind: Any) -> None:
    arena.fault(
        "/users/$",
        edited(
            lambda body: [row.update(UserId=kind(row["UserId"])) for row in body["Items"]] and None
        ),
        when=page(2),
    )
    arena.exact("users")


@case("Keys", "key that cannot be a key", "clear error")
@pytest.mark.parametrize("value", ["canary", 7.5, {"canary": 1}, True, 2**63])
def test_impossible_key(arena: Arena, value: Any) -> None:
    arena.fault("/users/$", edited(lambda body: body["Items"][0].update(UserId=value)))
    arena.fails(ProtocolError, "field UserId holds a value that is no bigint", "users")
