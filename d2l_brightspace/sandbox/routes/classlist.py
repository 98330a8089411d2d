"""Class lists, whole and in pages (D2L's res/enroll.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from d2l_brightspace.sandbox import blocks
from d2l_brightspace.sandbox.paging import by_place, cut
from d2l_brightspace.sandbox.query import Query
from d2l_brightspace.sandbox.routing import Call, Route
from d2l_brightspace.sandbox.world import Enrollment, World

_READ, _SECURITY_VARIABLE = "enrollment:orgunit:read", "Classlist.SeeClasslist"
_FILTERS = ("onlyShowShownInGrades", "searchTerm", "roleId")


def _whole(call: Call) -> object:
    course = call.course(_SECURITY_VARIABLE)
    rows = _in_order(call.world, call.world.class_list(course.unit_id))
    return [blocks.classlist_user(call.world, row) for row in rows]


def _paged(call: Call) -> object:
    course = call.course(_SECURITY_VARIABLE)
    rows = _in_order(call.world, call.world.class_list(course.unit_id))
    rest = by_place(rows, lambda row: row.user_id, call.query.number("bookmark"))
    page, more = cut(_wanted(call.world, rest, call.query), call.page_size)
    return {
        "Next": _next_link(call, page[-1].user_id) if more else None,
        "Objects": [blocks.classlist_user(call.world, row) for row in page],
    }


def _in_order(world: World, rows: list[Enrollment]) -> list[Enrollment]:
    # The order of 2026: FirstName, LastName, Identifier.
    def key(row: Enrollment) -> tuple[str, str, int]:
        user = world.users[row.user_id]
        return user.first_name, user.last_name, user.user_id

    return sorted(rows, key=key)


def _wanted(world: World, rows: Iterable[Enrollment], query: Query) -> Iterator[Enrollment]:
    role_id, term = query.number("roleId"), (query.text("searchTerm") or "").lower()
    graded_only = query.flag("onlyShowShownInGrades") or False
    return (
        row
        for row in rows
        if role_id in {None, row.role_id}
        and (world.roles[row.role_id].show_in_grades or not graded_only)
        and _mentions(world, row, term)
    )


def _mentions(world: World, row: Enrollment, term: str) -> bool:
    user = world.users[row.user_id]
    values = (user.display_name, user.user_name, user.email, user.org_defined_id)
    return not term or any(term in value.lower() for value in values if value)


def _next_link(call: Call, bookmark: int) -> str:
    """Return the absolute address of the next page: all filters, and no credentials."""
    given = {name: call.query.text(name) for name in _FILTERS}
    query = {name: value for name, value in given.items() if value} | {"bookmark": str(bookmark)}
    return f"{call.origin}{call.request.scope['path']}?{urlencode(query)}"


ROUTES = (
    Route("GET", "le", "{ou}/classlist/", _READ, _whole),
    Route("GET", "le", "{ou}/classlist/paged/", _READ, _paged),
)
