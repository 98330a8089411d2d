"""The organization, the types of its org units and the org structure (D2L's res/orgunit.html)."""

from __future__ import annotations

from d2l_brightspace.sandbox import blocks
from d2l_brightspace.sandbox.paging import by_id, paged_result_set
from d2l_brightspace.sandbox.problems import not_found
from d2l_brightspace.sandbox.query import Query
from d2l_brightspace.sandbox.routing import ANONYMOUS, Call, Route
from d2l_brightspace.sandbox.scopes import CORE
from d2l_brightspace.sandbox.world import Unit

_READ = "organizations:organization:read"


def _info(call: Call) -> object:
    return blocks.organization(call.world.organization)


def _types(call: Call) -> object:
    return [blocks.unit_type(kind) for kind in call.world.unit_types.values()]


def _type(call: Call) -> object:
    for kind in call.world.unit_types.values():
        if kind.type_id == call.id("id"):
            return blocks.unit_type(kind)
    raise not_found(f"There is no org unit type {call.id('id')}")


def _semester_type(call: Call) -> object:
    return blocks.unit_type(call.world.unit_types["Semester"])


def _department_type(call: Call) -> object:
    return blocks.unit_type(call.world.unit_types["Department"])


def _structure(call: Call) -> object:
    units = by_id(list(call.world.units.values()), _id, call.query.number("bookmark"))
    wanted_type = call.query.number("orgUnitType")
    found = (
        unit
        for unit in units
        if wanted_type in {None, unit.kind.type_id}
        and _name_fits(unit.code, call.query, "OrgUnitCode")
        and _name_fits(unit.name, call.query, "OrgUnitName")
    )
    return paged_result_set(found, call.page_size, _id, blocks.org_unit)


def _unit(call: Call) -> object:
    unit = call.world.units.get(call.id("ou"))
    if unit is None:
        raise not_found(f"There is no org unit {call.id('ou')}")
    return blocks.org_unit(unit)


def _name_fits(value: str | None, query: Query, field: str) -> bool:
    # The exact form overrides the form that looks for a part.
    have, exact, part = (value or "").lower(), query.text(f"exact{field}"), query.text(field)
    if exact is not None:
        return have == exact.lower()
    return part is None or part.lower() in have


def _id(unit: Unit) -> int:
    return unit.unit_id


ROUTES = (
    Route("GET", "lp", "organization/info", ANONYMOUS, _info),
    Route("GET", "lp", "outypes/", CORE, _types),
    Route("GET", "lp", "outypes/{id}", CORE, _type),
    Route("GET", "lp", "outypes/semester", CORE, _semester_type),
    Route("GET", "lp", "outypes/department", CORE, _department_type),
    Route("GET", "lp", "orgstructure/", _READ, _structure),
    Route("GET", "lp", "orgstructure/{ou}", _READ, _unit),
)
