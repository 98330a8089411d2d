"""Which courses a run reads: those asked for, or all that the caller can see."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf
from typing import Any

from d2l_brightspace.client.errors import (
    NotFound,
    PermissionDenied,
    ProtocolError,
    RequestContext,
)
from d2l_brightspace.client.routes import Route
from d2l_brightspace.client.session import BrightspaceSession

logger = logging.getLogger(__name__)

COURSE_OFFERING = "Course Offering"
"""`Type.Code` of a course; its number is the tenant's own (`docs/brightspace-api.md`)."""


class CourseOfferings:
    """Finds the course offerings of a run.

    Args:
        session: Sends the requests.
        org_unit_ids: The courses asked for; None for every one the caller can see.
        found_in: Where to look for them: `org_structure`, `my_enrollments`, or `auto` for the
            first of these that may be read.
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

    def pages(self) -> Iterator[list[int]]:
        """Org unit ids of the courses, none twice, as they are found.

        Raises:
            BrightspaceError: If they cannot be listed.
        """
        if self._org_unit_ids is not None:
            yield list(self._org_unit_ids)
            return
        known: set[int] = set()
        for page in self._found():
            news = [one for one in dict.fromkeys(page) if one not in known]
            known.update(news)
            yield news

    def ids(self, at_most: float = inf) -> list[int]:
        """The first of them; arguments and errors as in `pages`."""
        found: list[int] = []
        for page in self.pages():
            found += page
            if len(found) >= at_most:
                break
        return found if at_most == inf else list(islice(found, int(at_most)))

    def _found(self) -> Iterator[list[int]]:
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

    def _courses_of_org_structure(self) -> Iterator[list[int]]:
        route = Route("lp/(version)/orgstructure/", "bookmark", "organizations:organization:read")
        for rows in self._pages(route, f"?orgUnitType={self._course_type_id()}"):
            yield [_read(row, "Identifier", route=route) for row in rows]

    def _my_courses(self) -> Iterator[list[int]]:
        route = Route(
            "lp/(version)/enrollments/myenrollments/", "bookmark", "enrollment:own_enrollment:read"
        )
        for rows in self._pages(route):
            yield [
                _read(row, "OrgUnit", "Id", route=route)
                for row in rows
                if _read(row, "OrgUnit", "Type", "Code", route=route, kind=str) == COURSE_OFFERING
            ]

    def _pages(self, route: Route, query: str = "") -> Iterator[list[Any]]:
        reader = self._session.list_reader(
            route.template + query, route, RequestContext(route.template)
        )
        while not reader.done:
            yield reader.read().rows

    def _course_type_id(self) -> int:
        types = self._session.get_json("lp/(version)/outypes/", scope="core:*:*")
        for block in types:
            if COURSE_OFFERING in (block.get("Code"), block.get("Name")):
                return int(block["Id"])
        raise NotFound(
            f"No org unit type is called {COURSE_OFFERING!r}; set `org_unit_ids`, or "
            'course_offerings_from = "my_enrollments"'
        )


def _read(row: Any, *fields: str, route: Route, kind: Any = int) -> Any:
    try:
        for field in fields:
            row = row[field]
        return kind(row)
    except (KeyError, TypeError, ValueError):
        raise ProtocolError(
            f"A row lacks the field {'.'.join(fields)}, by which courses are found",
            RequestContext(route.template),
        ) from None
