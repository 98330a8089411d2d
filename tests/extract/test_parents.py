"""Which courses a run reads: where they are looked for, and what a strange row does."""

from __future__ import annotations

import json
import logging
from math import inf
from typing import Any

import pytest

from d2l_brightspace.client.errors import (
    NotFound,
    PermissionDenied,
    RequestContext,
    ServiceUnavailable,
)
from d2l_brightspace.client.paging.pages import Page
from d2l_brightspace.client.routes import Route
from d2l_brightspace.extract.parents import CourseOfferings
from tests import FIXTURES

ORG_UNITS = json.loads((FIXTURES / "org-units.json").read_text())
OUTYPES = "lp/(version)/outypes/"
ORG_STRUCTURE = "lp/(version)/orgstructure/?orgUnitType=203"
MY_ENROLLMENTS = "lp/(version)/enrollments/myenrollments/"


class Reader:
    """A list of some pages, or one that breaks off."""

    def __init__(self, pages: list[Any]) -> None:
        self._pages = list(pages)
        self.done = False

    def read(self) -> Page:
        page = self._pages.pop(0)
        if isinstance(page, Exception):
            raise page
        self.done = not self._pages
        return Page(page, "bookmark", has_more=not self.done)


class Session:
    """Answers what `CourseOfferings` asks of a session; a list is its pages."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            OUTYPES: ORG_UNITS["outypes"],
            ORG_STRUCTURE: [ORG_UNITS["orgstructure"]],
            MY_ENROLLMENTS: [ORG_UNITS["myenrollments"]],
        }
        names = {"outypes": OUTYPES, "orgstructure": ORG_STRUCTURE, "mine": MY_ENROLLMENTS}
        self.answers |= {names[name]: answer for name, answer in answers.items()}
        self.calls: list[tuple[str, str | None]] = []
        self.readers: dict[str, Reader] = {}

    def get_json(self, path: str, *, scope: str | None = None) -> Any:
        self.calls.append((path, scope))
        return self._answer(path)

    def list_reader(self, path: str, route: Route, context: RequestContext) -> Reader:
        self.calls.append((path, route.scope))
        assert context.route == route.template
        assert "?" not in context.route
        self.readers[path] = Reader(self._answer(path))
        return self.readers[path]

    def _answer(self, path: str) -> Any:
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]


def unit(number: object) -> dict[str, Any]:
    return {"Identifier": number, "Name": "canary"}


def offerings(session: Session, ids: list[int] | None = None, **options: Any) -> CourseOfferings:
    return CourseOfferings(session, ids, **options)  # type: ignore[arg-type]


# --- finding them -------------------------------------------------------------------------------


def test_ids_that_were_asked_for_take_no_request() -> None:
    session = Session()
    assert offerings(session, [6607, 6606]).ids() == [6607, 6606]
    assert session.calls == []


@pytest.mark.parametrize("found_in", ["auto", "org_structure"])
def test_courses_of_the_org_structure(found_in: str) -> None:
    session = Session()
    assert offerings(session, found_in=found_in).ids(at_most=5) == [6607, 6608]
    assert session.calls == [
        (OUTYPES, "core:*:*"),
        (ORG_STRUCTURE, "organizations:organization:read"),
    ]


def test_courses_of_ones_own() -> None:
    session = Session()
    # 6606 is the organisation
    assert offerings(session, found_in="my_enrollments").ids(at_most=5) == [6608]
    assert session.calls == [(MY_ENROLLMENTS, "enrollment:own_enrollment:read")]


@pytest.mark.parametrize("forbidden", ["outypes", "orgstructure"])
def test_auto_falls_back_to_ones_own(forbidden: str, caplog: pytest.LogCaptureFixture) -> None:
    session = Session(**{forbidden: PermissionDenied("no")})
    with caplog.at_level(logging.WARNING, "d2l_brightspace"):
        assert offerings(session).ids() == [6608]
    assert session.paths[-1] == MY_ENROLLMENTS
    assert "my_enrollments" in caplog.text


@pytest.mark.parametrize("forbidden", ["outypes", "orgstructure"])
def test_the_org_structure_was_asked_for(forbidden: str) -> None:
    session = Session(**{forbidden: PermissionDenied("no")})
    with pytest.raises(PermissionDenied):
        offerings(session, found_in="org_structure").ids()
    assert MY_ENROLLMENTS not in session.paths


@pytest.mark.parametrize("found_in", ["auto", "org_structure"])
def test_only_a_missing_permission_is_a_reason_to_fall_back(found_in: str) -> None:
    session = Session(orgstructure=ServiceUnavailable("later"))
    with pytest.raises(ServiceUnavailable):
        offerings(session, found_in=found_in).ids()
    assert MY_ENROLLMENTS not in session.paths


@pytest.mark.parametrize(
    "block",
    [
        {"Id": 203, "Code": "Course Offering", "Name": "Kurs"},
        {"Id": "203", "Code": "CO", "Name": "Course Offering"},
    ],
    ids=["by code", "by name"],
)
def test_the_type_of_a_course_is_the_tenants_own(block: dict[str, Any]) -> None:
    session = Session(outypes=[{"Id": 3, "Code": "Department", "Name": "Department"}, block])
    assert offerings(session).ids() == [6607, 6608]


@pytest.mark.parametrize("types", [[], [{"Id": 1, "Code": "Organization"}]], ids=len)
def test_no_type_is_a_course(types: list[Any]) -> None:
    with pytest.raises(NotFound, match="set `org_unit_ids`"):
        offerings(Session(outypes=types)).ids()


# --- page by page -------------------------------------------------------------------------------


def test_courses_come_page_by_page_and_none_twice() -> None:
    session = Session(orgstructure=[[unit("1"), unit(2), unit("2")], [], [unit(2), unit("3")]])
    assert [page.ids for page in offerings(session).pages()] == [[1, 2], [], [3]]


def test_no_further_page_is_read_than_is_asked_for() -> None:
    session = Session(orgstructure=[[unit(1), unit(2)], [unit(3)], [unit(4)]])
    assert offerings(session).ids(at_most=3) == [1, 2, 3]
    assert not session.readers[ORG_STRUCTURE].done


def test_no_course_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    courses = offerings(Session(), [])
    assert courses.ids() == []
    assert not courses.notes
    assert not caplog.records


@pytest.mark.parametrize("found_in", ["auto", "my_enrollments"])
def test_no_course_at_all_is_said(found_in: str, caplog: pytest.LogCaptureFixture) -> None:
    courses = offerings(Session(orgstructure=[[]], mine=[[]]), found_in=found_in)
    assert courses.ids(at_most=inf) == []
    (note,) = courses.notes
    assert f"No course offering was found ({found_in})" in note
    assert "set `org_unit_ids`" in note
    assert note in caplog.text


def test_a_list_of_courses_that_breaks_off_is_not_begun_elsewhere() -> None:
    session = Session(orgstructure=[[unit(1)], PermissionDenied("no more")])
    pages = offerings(session).pages()
    assert next(pages).ids == [1]
    with pytest.raises(PermissionDenied):
        next(pages)
    assert MY_ENROLLMENTS not in session.paths


@pytest.mark.parametrize(
    "row",
    [{}, {"Identifier": None}, {"Identifier": "canary"}, {"Identifier": "9" * 5_000}],
    ids=["absent", "null", "text", "5000 digits"],
)
def test_a_course_without_its_id_costs_no_other_course(row: dict[str, Any]) -> None:
    (page,) = offerings(Session(orgstructure=[[unit(1), row, unit(2)]])).pages()
    assert page.ids == [1, 2]
    (error,) = page.unclear
    assert "Identifier, by which courses are found [lp/(version)/orgstructure/]" in str(error)


def enrollment(number: object, **kind: Any) -> dict[str, Any]:
    return {"OrgUnit": {"Id": number, "Type": kind}}


@pytest.mark.parametrize(
    "kind",
    [
        {"Code": "Course Offering"},
        {"Code": "CourseOffering"},
        {"Code": "course  offering", "Id": 1},
        {"Code": "CO", "Name": "COURSE OFFERING"},
        {"Code": None, "Name": "", "Id": "203"},
        {"Id": 203},
        {"Id": 203, "Code": "Kurs", "Name": "Kursangebot"},
    ],
    ids=str,
)
def test_a_course_is_recognised_by_code_name_or_id(kind: dict[str, Any]) -> None:
    rows = [enrollment(1, Id=1, Code="Organization"), enrollment(6608, **kind)]
    assert offerings(Session(mine=[rows]), found_in="my_enrollments").ids() == [6608]


def test_another_type_is_no_course() -> None:
    rows = [enrollment(1, Id=1), enrollment(2, Id=203, Code="Section"), enrollment(3, Id=203)]
    session = Session(mine=[rows])
    assert offerings(session, found_in="my_enrollments").ids() == [3]
    assert session.paths == [MY_ENROLLMENTS, OUTYPES]


@pytest.mark.parametrize(
    ("row", "org_unit_id", "name"),
    [
        ({}, None, "OrgUnit.Id"),
        ({"OrgUnit": None}, None, "OrgUnit.Id"),
        ({"OrgUnit": {"Id": "canary", "Type": {"Code": "Course Offering"}}}, None, "OrgUnit.Id"),
        ({"OrgUnit": {"Id": 7, "Type": None}}, 7, "OrgUnit.Type.Code"),
        ({"OrgUnit": {"Id": 7, "Type": "canary"}}, 7, "OrgUnit.Type.Code"),
        (enrollment(7, Code=203, Id="canary"), 7, "OrgUnit.Type.Code"),
    ],
    ids=["empty", "null", "no id", "no type", "type is a text", "no code"],
)
def test_an_enrollment_of_which_nobody_knows_what_it_is_costs_no_other(
    row: dict[str, Any], org_unit_id: int | None, name: str
) -> None:
    rows = [enrollment(1, Code="Course Offering"), row, enrollment(2, Code="Course Offering")]
    (page,) = offerings(Session(mine=[rows]), found_in="my_enrollments").pages()
    assert page.ids == [1, 2]
    (error,) = page.unclear
    assert f"the field {name}, by which courses are found" in str(error)
    assert "canary" not in str(error)
    assert error.context is not None
    assert error.context.org_unit_id == org_unit_id


def test_types_that_may_not_be_read_leave_a_bare_id_unclear() -> None:
    session = Session(mine=[[enrollment(7, Id=203), enrollment(8, Id=203)]])
    session.answers[OUTYPES] = PermissionDenied("no")
    courses = offerings(session, found_in="my_enrollments")
    (page,) = courses.pages()
    assert (page.ids, len(page.unclear)) == ([], 2)
    assert session.paths == [MY_ENROLLMENTS, OUTYPES]
    assert not courses.notes  # what is unclear is recorded, and no list is known to be empty
