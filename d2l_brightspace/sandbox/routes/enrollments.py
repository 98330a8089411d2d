"""Enrollments by caller, by org unit and by user (D2L's res/enroll.html)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from d2l_brightspace.sandbox import blocks
from d2l_brightspace.sandbox.paging import by_id, by_place, paged_result_set
from d2l_brightspace.sandbox.problems import invalid_parameters, not_found
from d2l_brightspace.sandbox.routing import Call, Route
from d2l_brightspace.sandbox.world import START, Enrollment, Unit, World

_OWN, _READ = "enrollment:own_enrollment:read", "enrollment:orgunit:read"
_SORT_KEYS: dict[str, Callable[[Unit], str | datetime]] = {
    "orgunitname": lambda unit: unit.name,
    "orgunitcode": lambda unit: unit.code or "",
    "startdate": lambda unit: unit.starts or START.replace(year=1),
    "enddate": lambda unit: unit.ends or START.replace(year=1),
}


def _mine(call: Call) -> object:
    rows = _sorted(call.world, call.world.enrollments_of(call.world.caller_id), call)
    types = call.query.numbers("orgUnitTypeId")
    is_active, can_access = call.query.flag("isActive"), call.query.flag("canAccess")
    found = (
        row
        for row in by_place(rows, _unit_id, call.query.number("bookmark"))
        if _has_type(call.world, row, types)
        and is_active in {None, call.world.units[row.unit_id].is_active}
        and can_access in {None, row.unit_id not in call.world.forbidden}
    )
    return paged_result_set(
        found,
        call.page_size,
        _unit_id,
        lambda row: blocks.my_org_unit(call.world, row, call.origin),
    )


def _of_org_unit(call: Call) -> object:
    org_unit_id, world = call.id("ou"), call.world
    if org_unit_id not in world.units:
        raise not_found(f"There is no org unit {org_unit_id}")
    call.must_be_allowed(org_unit_id, "Enrollment.SeeEnrollments")
    role_id, is_active = call.query.number("roleId"), call.query.flag("isActive")
    found = (
        row
        for row in by_id(world.members(org_unit_id), _user_id, call.query.number("bookmark"))
        if role_id in {None, row.role_id}
        and is_active in {None, world.users[row.user_id].is_active}
    )
    return paged_result_set(
        found, call.page_size, _user_id, lambda row: blocks.org_unit_user(world, row)
    )


def _of_user(call: Call) -> object:
    user_id, world = call.id("user"), call.world
    if user_id not in world.users:
        raise not_found(f"There is no user {user_id}")
    types, role_id = call.query.numbers("orgUnitTypeId"), call.query.number("roleId")
    found = (
        row
        for row in by_id(world.enrollments_of(user_id), _unit_id, call.query.number("bookmark"))
        if _has_type(world, row, types) and role_id in {None, row.role_id}
    )
    return paged_result_set(
        found, call.page_size, _unit_id, lambda row: blocks.user_org_unit(world, row, call.origin)
    )


def _sorted(world: World, rows: list[Enrollment], call: Call) -> list[Enrollment]:
    # The order is not remembered with the bookmark: who does not repeat sortBy gets other rows.
    sort_by = call.query.text("sortBy")
    if sort_by is None:
        return rows
    key = _SORT_KEYS.get(sort_by.removeprefix("-").lower())
    if key is None:
        raise invalid_parameters(f"sortBy does not know {sort_by}")
    return sorted(
        rows, key=lambda row: key(world.units[row.unit_id]), reverse=sort_by.startswith("-")
    )


def _has_type(world: World, row: Enrollment, types: list[int]) -> bool:
    return not types or world.units[row.unit_id].kind.type_id in types


def _unit_id(row: Enrollment) -> int:
    return row.unit_id


def _user_id(row: Enrollment) -> int:
    return row.user_id


ROUTES = (
    Route("GET", "lp", "enrollments/myenrollments/", _OWN, _mine),
    Route("GET", "lp", "enrollments/orgUnits/{ou}/users/", _READ, _of_org_unit),
    Route("GET", "lp", "enrollments/users/{user}/orgUnits/", _READ, _of_user),
)
