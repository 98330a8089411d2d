"""Which courses a run reads: those asked for, or all that the caller can see."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from math import inf
from typing import Any

from d2l_brightspace.client.errors import NotFound, PermissionDenied
from d2l_brightspace.client.session import BrightspaceSession

from .arrow import ORG_UNIT_ID
from .batching import CHUNK, ORG_UNIT_IDS_CSV, Chunk

logger = logging.getLogger(__name__)

COURSE_OFFERING = "Course Offering"
"""`Type.Code` of a course; its number is the tenant's own (API reference, 6.1)."""
NO_ORG_UNIT = 0
"""Stands in when there is no course, so that the tables come into being all the same."""
_BATCH_SIZE = 25
"""Most ids that `courses/parentorgunits` takes in `orgUnitIdsCSV`."""
_CHUNK_SIZE = 4 * _BATCH_SIZE
"""Few enough for the memory, as the rows of a chunk wait until all of them are there; enough that
dlt, which costs some milliseconds for each table it is handed, does not count."""


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

    def chunks(self) -> Iterator[list[dict[str, Any]]]:
        """Org units in groups, as the parent rows of `rest_api` children."""
        run = uuid.uuid4().hex
        ids = iter(self.ids() or [NO_ORG_UNIT])
        number = 0
        group = list(islice(ids, _CHUNK_SIZE))
        while group:
            following = list(islice(ids, _CHUNK_SIZE))
            chunk = Chunk(run, number, len(group), last=not following)
            yield [{ORG_UNIT_ID: one, CHUNK: chunk} for one in group]
            group, number = following, number + 1

    def ids(self, at_most: float = inf) -> list[int]:
        """Org unit ids of the courses.

        Args:
            at_most: Read no further page once there are so many.

        Raises:
            BrightspaceError: If they cannot be listed.
        """
        if self._org_unit_ids is not None:
            return list(self._org_unit_ids)
        if self._found_in == "my_enrollments":
            return self._my_courses(at_most)
        try:
            return self._courses_of_org_structure(at_most)
        except PermissionDenied:
            if self._found_in == "org_structure":
                raise
            logger.warning(
                "The org structure may not be read: loading the caller's own courses only "
                "(my_enrollments)"
            )
            return self._my_courses(at_most)

    def _courses_of_org_structure(self, at_most: float = inf) -> list[int]:
        return self._session.read_list(
            f"lp/(version)/orgstructure/?orgUnitType={self._course_type_id()}",
            "organizations:organization:read",
            lambda row: int(row["Identifier"]),
            at_most,
        )

    def _my_courses(self, at_most: float = inf) -> list[int]:
        return self._session.read_list(
            "lp/(version)/enrollments/myenrollments/",
            "enrollment:own_enrollment:read",
            _course_id,
            at_most,
        )

    def _course_type_id(self) -> int:
        types = self._session.get_json("lp/(version)/outypes/", scope="core:*:*")
        for block in types:
            if COURSE_OFFERING in (block.get("Code"), block.get("Name")):
                return int(block["Id"])
        raise NotFound(
            f"No org unit type is called {COURSE_OFFERING!r}; set `org_unit_ids`, or "
            'course_offerings_from = "my_enrollments"'
        )


def _course_id(row: Any) -> int | None:
    org_unit = row["OrgUnit"]
    return int(org_unit["Id"]) if org_unit["Type"]["Code"] == COURSE_OFFERING else None


def batch(org_units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The org units of one chunk as the comma-separated ids of a few requests."""
    ids = [str(one[ORG_UNIT_ID]) for one in org_units]
    parts = [ids[at : at + _BATCH_SIZE] for at in range(0, len(ids), _BATCH_SIZE)]
    chunk = replace(org_units[0][CHUNK], size=len(parts))
    return [{ORG_UNIT_IDS_CSV: ",".join(part), CHUNK: chunk} for part in parts]
