"""How many rows each table of a complete load should hold, and which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .lists import Lists, Row
from .reference import Reference
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
            "skipped": skipped(world, _PER_COURSE),
        }


def count_tables(lists: Lists, tables: Iterable[str]) -> dict[str, Any]:
    """Count the rows of any tables.

    "skipped" lists what answers 403; "unreachable" the tables below it, which nobody can ask for as
    the ids of their parents are not known.
    """
    names = list(tables)
    first = [name for name in names if _is_of_course(lists.reference, name)]
    below = [name for name in names if _is_below(lists.reference, name)]
    with lists.world.lock:
        counts: dict[str, Any] = {name: len(list(readable(lists, name))) for name in names}
        return counts | {
            "skipped": skipped(lists.world, first),
            "unreachable": skipped(lists.world, below),
        }


def readable(lists: Lists, table: str) -> Iterator[Row]:
    """Give the rows of a table that are in no forbidden course."""
    return (row for row in lists.rows(table) if lists.may_be_read(table, row.keys))


def skipped(world: World, tables: Iterable[str]) -> list[dict[str, Any]]:
    """List the forbidden courses, for each of some tables."""
    return [
        {"resource": table, "org_unit_id": course_id}
        for table in tables
        for course_id in world.course_ids
        if course_id in world.forbidden
    ]


def _is_of_course(reference: Reference, table: str) -> bool:
    """Tell whether a table is asked for by course, with nothing but the list of courses."""
    parents = reference.parents(table)
    of_path = [parent for parent in parents if not parent.param]
    return len(of_path) == 1 and of_path[0].table in {"courses", "org_units"}


def _is_below(reference: Reference, table: str) -> bool:
    """Tell whether a table is asked for by things of a course that were read before."""
    parents = reference.parents(table)
    return any(
        _is_of_course(reference, one.table) or _is_below(reference, one.table)
        for one in parents
        if one.table not in {"courses", "org_units"}
    )
