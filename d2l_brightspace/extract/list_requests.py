"""From a declaration and the keys of a parent to the request for one list, and back to keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from d2l_brightspace.client.errors import RequestContext
from d2l_brightspace.client.json_codec import decode
from d2l_brightspace.client.paging.pages import value_of
from d2l_brightspace.client.routes import Route
from d2l_brightspace.endpoints.model import ORG_UNIT_ID, Endpoint

from .field_tree import NESTING

Keys = Mapping[str, Any]
"""Columns of the parents, by name."""


def route_of(endpoint: Endpoint, parse: Callable[[bytes], Any] = decode) -> Route:
    """What the client has to know of a table's route.

    Args:
        endpoint: Declares it.
        parse: Reads a body.
    """
    return Route(
        endpoint.route,
        endpoint.paging,
        endpoint.scope,
        anonymous=endpoint.scope is None,
        bookmark_field=endpoint.bookmark_field,
        page_rows=endpoint.page_size.rows if endpoint.page_size else None,
        parse=parse,
    )


def context_of(endpoint: Endpoint, keys: Keys) -> RequestContext:
    """Where a list is, for messages and for `skipped_requests`."""
    org_unit_id = keys.get(ORG_UNIT_ID)
    below = ", ".join(f"{name}={value}" for name, value in keys.items() if name != ORG_UNIT_ID)
    return RequestContext(
        endpoint.route,
        org_unit_id if isinstance(org_unit_id, int) else None,
        parent_key=below or None,
    )


def key_of(row: Any, column: str) -> int | str | None:
    """A key of a row; ids may be texts or numbers, and None is none."""
    for name in column.split(NESTING):
        row = value_of(row, name) if row is not None else None
    if isinstance(row, str):
        return int(row) if row.isdecimal() else row or None
    return row if isinstance(row, int) and not isinstance(row, bool) else None
