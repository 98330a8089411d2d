"""Rows of the tables that are kept in the world, in the form in which their routes send them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import blocks
from .paging import Block
from .versions import product_versions
from .world import Unit, World

RowsOfWorld = Callable[[World, Mapping[str, Any], str], list[Block]]


def _relatives(world: World, unit: Unit) -> list[Unit]:
    """Return the parents of an org unit; what has no other parent hangs from the organization."""
    if unit.kind.code == "Organization":
        return []
    ids = (unit.template_id, unit.semester_id, unit.department_id)
    found = [world.units[one] for one in ids if one is not None and one in world.units]
    return found or [world.organization]


def _ancestors(world: World, unit: Unit) -> list[Unit]:
    found: dict[int, Unit] = {}
    above = _relatives(world, unit)
    while above:
        found |= {one.unit_id: one for one in above}
        above = [higher for one in above for higher in _relatives(world, one)]
    return list(found.values())


def _children(world: World, unit: Unit) -> Iterator[Unit]:
    return (one for one in world.units.values() if unit in _relatives(world, one))


def _descendants(world: World, unit: Unit) -> Iterator[Unit]:
    return (one for one in world.units.values() if unit in _ancestors(world, one))


def _of_unit(find: Callable[[World, Unit], Any]) -> RowsOfWorld:
    def rows(world: World, keys: Mapping[str, Any], _origin: str) -> list[Block]:
        return [blocks.org_unit(one) for one in find(world, world.units[int(keys["orgUnitId"])])]

    return rows


def _course(world: World, keys: Mapping[str, Any], _origin: str) -> list[Block]:
    return [blocks.course_offering(world, world.units[int(keys["orgUnitId"])])]


def _template(world: World, keys: Mapping[str, Any], _origin: str) -> list[Block]:
    unit = blocks.org_unit(world.units[int(keys["orgUnitId"])])
    return [{name: unit[name] for name in ("Identifier", "Code", "Name", "Path")}]


def _parents_of_course(world: World, keys: Mapping[str, Any], _origin: str) -> list[Block]:
    course = world.units[int(keys["orgUnitId"])]
    is_mine = world.caller_id in world.enrollments.get(course.unit_id, {})
    return [blocks.course_parent(world, course)] if is_mine else []


def _semesters_of_course(world: World, keys: Mapping[str, Any], origin: str) -> list[Block]:
    return [
        {
            "CourseOfferingId": row["CourseOfferingId"],
            "Semesters": [row["Semester"]] if row["Semester"] else [],
        }
        for row in _parents_of_course(world, keys, origin)
    ]


def _roles(world: World, _keys: Mapping[str, Any], _origin: str) -> list[Block]:
    return [blocks.role(role) for role in world.roles.values()]


def _log_message_groups(world: World, _keys: Mapping[str, Any], _origin: str) -> list[Block]:
    groups = blocks.by_group(world.log_messages)
    return [
        blocks.log_message_group(messages[-1], len(messages))
        for _, messages in sorted(groups.items())
    ]


ROWS_OF_WORLD: Mapping[str, RowsOfWorld] = {
    "versions": lambda _world, _keys, _origin: product_versions(),
    "organizations": lambda world, _keys, _origin: [blocks.organization(world.organization)],
    "org_unit_types": lambda world, _keys, _origin: [
        blocks.unit_type(kind) for kind in world.unit_types.values()
    ],
    "org_units": lambda world, _keys, _origin: [
        blocks.org_unit(unit) for unit in world.units.values()
    ],
    "org_unit_parents": _of_unit(_relatives),
    "org_unit_children": _of_unit(_children),
    "org_unit_ancestors": _of_unit(_ancestors),
    "org_unit_descendants": _of_unit(_descendants),
    "users": lambda world, _keys, _origin: [
        blocks.user_data(world, user) for user in world.users.values()
    ],
    "roles": _roles,
    "org_unit_roles": _roles,
    "courses": _course,
    "course_templates": _template,
    "parent_courses": _parents_of_course,
    "course_parents": _semesters_of_course,
    "enrollments": lambda world, keys, _origin: [
        blocks.org_unit_user(world, row) for row in world.members(int(keys["orgUnitId"]))
    ],
    "user_enrollments": lambda world, keys, origin: [
        blocks.user_org_unit(world, row, origin)
        for row in world.enrollments_of(int(keys["userId"]))
    ],
    "my_enrollments": lambda world, _keys, origin: [
        blocks.my_org_unit(world, row, origin) for row in world.enrollments_of(world.caller_id)
    ],
    "classlist": lambda world, keys, _origin: [
        blocks.classlist_user(world, row) for row in world.class_list(int(keys["orgUnitId"]))
    ],
    "log_messages": lambda world, _keys, _origin: [
        blocks.log_message(world, message, traces=False) for message in world.log_messages
    ],
    "log_message_groups": _log_message_groups,
}
"""By table: its rows, given the world, the ids of the parents and the address of the server."""
