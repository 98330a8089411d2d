"""Which courses a run reads: those asked for, or all that the caller can see."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from math import inf
from typing import Any

from d2l_brightspace.client.errors import (
    SKIPPABLE,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RequestContext,
)
from d2l_brightspace.client.routes import Route
from d2l_brightspace.client.session import BrightspaceSession

logger = logging.getLogger(__name__)

COURSE_OFFERING = "Course Offering"
"""Code or name of a course's type; its number is the tenant's own (`docs/brightspace-api.md`)."""
_NONE_FOUND = (
    "No course offering was found ({place}), so what is read course by course has no new rows. "
    "Check that the caller may see courses, or set `org_unit_ids`."
)


@dataclass(frozen=True)
class FoundCourses:
    """What one page of a list says of courses."""

    ids: list[int] = field(default_factory=list)
    """Org unit ids of course offerings."""
    unclear: list[ProtocolError] = field(default_factory=list)
    """One for each row of which nobody can say whether, or which, course it is."""


class CourseOfferings:
    """Finds the course offerings of a run.

    Args:
        session: Sends the requests.
        org_unit_ids: The courses asked for; None for every one the caller can see.
        found_in: Where to look for them: `org_structure`, `my_enrollments`, or `auto` for the
            first of these that may be read.

    Attributes:
        notes: What whoever runs this should know, such as that there is no course at all.
    """

    def __init__(
        self,
        session: BrightspaceSession,
        org_unit_ids: Sequence[int] | None,
        found_in: str = "auto",
    ) -> None:
        self._session = session
        self._org_unit_ids = org_unit_ids
        self._found_in = found_in
        self.notes: list[str] = []

    def pages(self) -> Iterator[FoundCourses]:
        """The courses, none twice, as they are found.

        Raises:
            BrightspaceError: If they cannot be listed.
        """
        if self._org_unit_ids is not None:
            yield FoundCourses([*self._org_unit_ids])
            return
        known: set[int] = set()
        unclear = 0
        for page in self._found():
            news = [one for one in dict.fromkeys(page.ids) if one not in known]
            known.update(news)
            unclear += len(page.unclear)
            yield FoundCourses(news, page.unclear)
        if not known and not unclear:
            self.notes.append(_NONE_FOUND.format(place=self._found_in))
            logger.warning(self.notes[-1])

    def ids(self, at_most: float = inf) -> list[int]:
        """The first of them; arguments and errors as in `pages`."""
        found: list[int] = []
        for page in self.pages():
            found += page.ids
            if len(found) >= at_most:
                break
        return found if at_most == inf else list(islice(found, int(at_most)))

    def _found(self) -> Iterator[FoundCourses]:
        if self._found_in == "my_enrollments":
            yield from self._my_courses()
            return
        begun = False
        try:
            for page in self._courses_of_org_structure():
                begun = True
                yield page
        except PermissionDenied:
            if self._found_in == "org_structure" or begun:
                raise
            logger.warning(
                "The org structure may not be read: loading the caller's own courses only "
                "(my_enrollments)"
            )
            yield from self._my_courses()

    def _courses_of_org_structure(self) -> Iterator[FoundCourses]:
        route = Route("lp/(version)/orgstructure/", "bookmark", "organizations:organization:read")
        for rows in self._pages(route, f"?orgUnitType={self._course_type_id()}"):
            ids = [_id(row, "Identifier") for row in rows]
            lacking = [_unclear(route, None, "Identifier") for one in ids if one is None]
            yield FoundCourses([one for one in ids if one is not None], lacking)

    def _my_courses(self) -> Iterator[FoundCourses]:
        """Courses among all org units of the caller, by the name of their type.

        Should no type have that name, by its id: `outypes/` may know it by the name that is meant.
        """
        route = Route(
            "lp/(version)/enrollments/myenrollments/", "bookmark", "enrollment:own_enrollment:read"
        )
        others: defaultdict[int | None, list[int]] = defaultdict(list)
        none_found = True
        for rows in self._pages(route):
            page = FoundCourses()
            for row in rows:
                org_unit_id, kind = _id(row, "OrgUnit", "Id"), _block(row, "OrgUnit", "Type")
                if org_unit_id is None:
                    page.unclear.append(_unclear(route, None, "OrgUnit.Id"))
                elif is_course_offering(kind):
                    page.ids.append(org_unit_id)
                elif any(_words(kind)):
                    if none_found:
                        others[_id(kind, "Id")].append(org_unit_id)
                elif _id(kind, "Id") is None or self._known_type is None:
                    page.unclear.append(_unclear(route, org_unit_id, "OrgUnit.Type.Code"))
                elif _id(kind, "Id") == self._known_type:
                    page.ids.append(org_unit_id)
            none_found = none_found and not page.ids
            yield page
        if none_found and others and self._known_type is not None:
            yield FoundCourses(others[self._known_type])

    def _pages(self, route: Route, query: str = "") -> Iterator[list[Any]]:
        reader = self._session.list_reader(
            route.template + query, route, RequestContext(route.template)
        )
        while not reader.done:
            yield reader.read().rows

    @cached_property
    def _known_type(self) -> int | None:
        """Id of the type of courses; None where nobody tells."""
        try:
            return self._course_type_id()
        except SKIPPABLE:
            return None

    def _course_type_id(self) -> int:
        types = self._session.get_json("lp/(version)/outypes/", scope="core:*:*")
        for block in types if isinstance(types, list) else ():
            type_id = _id(block, "Id")
            if type_id is not None and is_course_offering(block):
                return type_id
        raise NotFound(
            f"No org unit type is called {COURSE_OFFERING!r}; set `org_unit_ids`, or "
            'course_offerings_from = "my_enrollments"'
        )


def is_course_offering(kind: Mapping[str, Any]) -> bool:
    """Whether the block of a type (`Id`, `Code`, `Name`) is called a course offering."""
    return _plain(COURSE_OFFERING) in map(_plain, _words(kind))


def _words(kind: Mapping[str, Any]) -> list[str]:
    words = (kind.get("Code"), kind.get("Name"))
    return [one for one in words if isinstance(one, str) and one.strip()]


def _plain(word: str) -> str:
    # `CourseOffering` and `course offering` have been seen for the same type
    return "".join(word.split()).casefold()


def _block(row: Any, *fields: str) -> Mapping[str, Any]:
    for name in fields:
        row = row.get(name) if isinstance(row, dict) else None
    return row if isinstance(row, dict) else {}


def _id(row: Any, *fields: str) -> int | None:
    value = _block(row, *fields[:-1]).get(fields[-1])
    try:
        return int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        return None


def _unclear(route: Route, org_unit_id: int | None, name: str) -> ProtocolError:
    return ProtocolError(
        f"A row lacks the field {name}, by which courses are found",
        RequestContext(route.template, org_unit_id),
    )
