"""How the rows of a list are sent: each style of paging of D2L's (docs/brightspace-api.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from .lists import Row
from .paging import cut
from .problems import invalid_parameters, not_found
from .reference import TableRoute, reference
from .routing import Call

_ROWS_OF_A_FIXED_PAGE = 100
_NEVER_IN_LINKS = frozenset({"x_a", "x_b", "x_c", "x_d", "x_t"})

Pager = Callable[[Call, TableRoute, Sequence[Row]], object]


def answer(call: Call, route: TableRoute, rows: Sequence[Row]) -> object:
    """Return what the route sends of these rows."""
    return _PAGERS[route.paging](call, route, rows)


def _array(_call: Call, route: TableRoute, rows: Sequence[Row]) -> object:
    return _sent(route, rows)


def _object(_call: Call, route: TableRoute, rows: Sequence[Row]) -> object:
    if not rows:
        raise not_found(f"There is nothing in {route.table}")
    return _sent(route, rows)[0]


def _paged_result_set(call: Call, route: TableRoute, rows: Sequence[Row]) -> object:
    page, more = cut(_after_bookmark(call, route, rows), _page_size(call, route))
    bookmark = _bookmark(page[-1]) if page else None
    paging = {"Bookmark": bookmark, "HasMoreItems": more}
    return {"PagingInfo": paging, "Items": _sent(route, page)}


def _object_list(call: Call, route: TableRoute, rows: Sequence[Row]) -> object:
    page, more = cut(_after_bookmark(call, route, rows), _page_size(call, route))
    following = {_bookmark_param(route): _bookmark(page[-1])} if more else {}
    return {"Next": _link(call, following), "Objects": _sent(route, page)}


def _limit_offset(call: Call, route: TableRoute, rows: Sequence[Row]) -> object:
    size, offset = _page_size(call, route), call.query.number("offset") or 0
    page, more = cut(rows[offset:], size)
    following = {"limit": str(size), "offset": str(offset + size)} if more else {}
    return {"Next": _link(call, following), "Objects": _sent(route, page)}


def _page_number(call: Call, route: TableRoute, rows: Sequence[Row]) -> object:
    name = next(one.name for one in route.params if one.name in {"page", "pageNumber"})
    number = call.query.number(name)
    number = 1 if number is None else number
    if number < 1:
        raise invalid_parameters(f"{name} counts from 1")
    size = _page_size(call, route)
    return _sent(route, rows[(number - 1) * size : number * size])


_PAGERS: Mapping[str, Pager] = {
    "array": _array,
    "object": _object,
    "tree": _object,
    "paged_result_set": _paged_result_set,
    "object_list": _object_list,
    "limit_offset": _limit_offset,
    "page_number": _page_number,
}


def _sent(route: TableRoute, rows: Sequence[Row]) -> list[object]:
    # Blocks of one field named `value` stand for rows that are no objects.
    is_plain = list(reference().fields(route.table)) == ["value"]
    return [row.block["value"] if is_plain else row.block for row in rows]


def _page_size(call: Call, route: TableRoute) -> int:
    declared = route.page_size_param
    if declared is None:
        fixed = route.paging == "page_number"
        return _ROWS_OF_A_FIXED_PAGE if fixed else call.page_size
    size = call.query.number(declared.name)
    if size is None:
        usual = declared.max if route.paging == "page_number" else call.page_size
        return declared.default or usual or call.page_size
    if size < 1 or (declared.max and size > declared.max):
        raise invalid_parameters(f"{declared.name} must be from 1 to {declared.max or 'many'}")
    return size


def _bookmark_param(route: TableRoute) -> str:
    """Return the parameter to go on with; some routes have a name of their own for it."""
    names = (one.name for one in route.params)
    return next((name for name in names if name.lower().endswith("bookmark")), "bookmark")


def _bookmark(row: Row) -> str:
    return "_".join(str(part) for part in (*row.keys.values(), row.number))


def _after_bookmark(call: Call, route: TableRoute, rows: Sequence[Row]) -> Sequence[Row]:
    bookmark = call.query.text(_bookmark_param(route))
    if bookmark is None:
        return rows
    for place, row in enumerate(rows):
        if _bookmark(row) == bookmark:
            return rows[place + 1 :]
    raise not_found("The bookmarked item is no longer there")


def _link(call: Call, following: Mapping[str, str]) -> str | None:
    """Return the absolute address of the next page: what was asked for, and no credentials."""
    if not following:
        return None
    asked = call.request.query_params.multi_items()
    names = {name.lower() for name in following} | _NEVER_IN_LINKS
    kept = [(name, value) for name, value in asked if name.lower() not in names]
    query = urlencode([*kept, *following.items()])
    return f"{call.origin}{call.request.scope['path']}?{query}"
