"""Course offerings and their parents (D2L's res/course.html)."""

from __future__ import annotations

from d2l_brightspace.sandbox import blocks
from d2l_brightspace.sandbox.problems import invalid_parameters
from d2l_brightspace.sandbox.routing import Call, Route

_MOST_IDS = 25  # of orgUnitIdsCSV


def _course(call: Call) -> object:
    return blocks.course_offering(call.world, call.course("ManageCourses.SeeCourseInfo"))


def _parents(call: Call) -> object:
    """Answer for the caller's own courses only; others are left out."""
    asked = call.query.numbers("orgUnitIdsCSV")
    if not asked:
        raise invalid_parameters("orgUnitIdsCSV is required")
    if len(asked) > _MOST_IDS:
        raise invalid_parameters(f"orgUnitIdsCSV holds more than {_MOST_IDS} ids")
    world = call.world
    mine = {row.unit_id for row in world.enrollments_of(world.caller_id)}
    return [
        blocks.course_parent(world, world.units[unit_id])
        for unit_id in dict.fromkeys(asked)
        if unit_id in mine and world.is_kind(world.units.get(unit_id), "Course Offering")
    ]


ROUTES = (
    Route("GET", "lp", "courses/{ou}", "orgunits:course:read", _course),
    Route("GET", "lp", "courses/parentorgunits", "enrollment:own_enrollment:read", _parents),
)
