from __future__ import annotations

import json
import logging
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import pytest

from d2l_brightspace.client.errors import NotFound, PermissionDenied, ServiceUnavailable
from d2l_brightspace.extract.arrow import ORG_UNIT_ID
from d2l_brightspace.extract.batching import CHUNK, ORG_UNIT_IDS_CSV, Chunk
from d2l_brightspace.extract.parents import CourseOfferings, batch

ORG_UNITS = json.loads((Path(__file__).parent / "fixtures" / "org-units.json").read_text())
OUTYPES = "lp/(version)/outypes/"
ORG_STRUCTURE = "lp/(version)/orgstructure/?orgUnitType=203"
MY_ENROLLMENTS = "lp/(version)/enrollments/myenrollments/"


class Session:
    """Answers what `CourseOfferings` asks of a session."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            OUTYPES: ORG_UNITS["outypes"],
            ORG_STRUCTURE: ORG_UNITS["orgstructure"],
            MY_ENROLLMENTS: ORG_UNITS["myenrollments"],
        }
        names = {"outypes": OUTYPES, "orgstructure": ORG_STRUCTURE, "mine": MY_ENROLLMENTS}
        self.answers |= {names[name]: answer for name, answer in answers.items()}
        self.calls: list[tuple[Any, ...]] = []

    def get_json(self, path: str, *, scope: str | None = None) -> Any:
        self.calls.append((path, scope))
        return self._answer(path)

    def read_list(
        self, path: str, scope: str, take: Callable[[Any], Any], at_most: float = inf
    ) -> list[Any]:
        self.calls.append((path, scope, at_most))
        return [one for row in self._answer(path) if (one := take(row)) is not None]

    def _answer(self, path: str) -> Any:
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [path for path, *_ in self.calls]


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
        (ORG_STRUCTURE, "organizations:organization:read", 5),
    ]


def test_courses_of_ones_own() -> None:
    session = Session()
    # 6606 is the organisation
    assert offerings(session, found_in="my_enrollments").ids(at_most=5) == [6608]
    assert session.calls == [(MY_ENROLLMENTS, "enrollment:own_enrollment:read", 5)]


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


# --- chunks and batch -------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 99, 100, 101, 200, 410])
def test_chunks(count: int) -> None:
    ids = list(range(1, count + 1))
    chunks = list(offerings(Session(), ids).chunks())
    assert [row[ORG_UNIT_ID] for chunk in chunks for row in chunk] == ids
    assert all(len(chunk) == 100 for chunk in chunks[:-1])
    marks = [{row[CHUNK] for row in chunk} for chunk in chunks]
    assert all(len(mark) == 1 for mark in marks)
    each = [mark.pop() for mark in marks]
    assert [one.number for one in each] == list(range(len(chunks)))
    assert [one.size for one in each] == [len(chunk) for chunk in chunks]
    assert [one.last for one in each] == [False] * (len(chunks) - 1) + [True]
    assert len({one.run for one in each}) == 1


@pytest.mark.parametrize("ids", [[], None], ids=["none asked for", "none found"])
def test_without_a_course_one_empty_request_makes_the_tables(ids: list[int] | None) -> None:
    (chunk,) = offerings(Session(orgstructure=[]), ids).chunks()
    assert [row[ORG_UNIT_ID] for row in chunk] == [0]
    assert chunk[0][CHUNK].last


def test_each_run_has_a_name_of_its_own() -> None:
    found = offerings(Session(), [1])
    runs = {next(found.chunks())[0][CHUNK].run for _ in range(2)}
    assert len(runs) == 2


@pytest.mark.parametrize("count", [1, 24, 25, 26, 100, 101])
def test_each_chunk_is_batches_of_at_most_25_ids(count: int) -> None:
    chunks = list(offerings(Session(), list(range(1, count + 1))).chunks())
    made = [batch(chunk) for chunk in chunks]

    ids = [[int(one) for one in row[ORG_UNIT_IDS_CSV].split(",")] for rows in made for row in rows]
    assert [one for group in ids for one in group] == list(range(1, count + 1))
    assert max(len(group) for group in ids) <= 25
    for rows, chunk in zip(made, chunks, strict=True):
        mark = chunk[0][CHUNK]
        expected = Chunk(mark.run, mark.number, len(rows), mark.last)
        assert [row[CHUNK] for row in rows] == [expected] * len(rows)
