"""How many rows each table of a complete load should hold."""

from __future__ import annotations

from typing import Any

from .versions import SUPPORTED
from .world import World

_PER_COURSE = ("courses", "classlist", "enrollments")  # what a forbidden course does not show


def count(world: World) -> dict[str, Any]:
    """Count the rows by table; "skipped" lists what answers 403 and is therefore not counted."""
    with world.lock:
        course_ids = world.course_ids
        open_ids = [course_id for course_id in course_ids if course_id not in world.forbidden]
        mine = {row.unit_id for row in world.enrollments_of(world.caller_id)}
        return {
            "versions": len(SUPPORTED),
            "org_units": len(world.units),
            "users": len(world.users),
            "courses": len(open_ids),
            "parent_courses": len(mine.intersection(course_ids)),
            "classlist": sum(len(world.class_list(course_id)) for course_id in open_ids),
            "my_enrollments": len(mine),
            "enrollments": sum(len(world.members(course_id)) for course_id in open_ids),
            "log_messages": len(world.log_messages),
            "log_message_groups": len({message.group_id for message in world.log_messages}),
            "skipped": [
                {"resource": resource, "org_unit_id": course_id}
                for resource in _PER_COURSE
                for course_id in course_ids
                if course_id in world.forbidden
            ],
        }
