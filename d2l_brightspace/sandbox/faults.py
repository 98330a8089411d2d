"""Answers that go wrong on purpose, and which table a request is about."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from starlette.responses import Response

from .paths import expression, placeholders
from .problems import RefusedError, not_authorized, not_found, plain
from .query import Query
from .reference import reference
from .row_maker import Id

GARBAGE = b'{"Objects": [{"Invented":'
"""A body that ends in the middle."""


@dataclass
class _Fault:
    table: str
    keys: Mapping[str, Id]
    how: int | bytes
    times: float


class Faults:
    """What is to go wrong: a status, or a body that is sent with status 200."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []

    def add(self, table: str, how: int | bytes, times: float, keys: Mapping[str, Id]) -> None:
        """Let lists of a table fail; without keys all of them."""
        if table not in reference().routes:
            raise KeyError(f"there is no table {table}")
        known = {parent.placeholder for parent in reference().parents(table)}
        if set(keys) - known:
            raise KeyError(f"{table} has no {', '.join(sorted(set(keys) - known))}")
        with self._lock:
            self._faults.append(_Fault(table, keys, how, times))

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._faults.clear()

    def strike(self, path: str, query: Query) -> Response | None:
        """Return the answer that takes the place of the right one, if there is to be one."""
        if not self._faults:
            return None
        found = table_of(path, query)
        if found is None:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and fault.table == found[0] and _fits(found[1], fault.keys):
                    fault.times -= 1
                    return _response(fault.how)
        return None


def _fits(found: Mapping[str, str], wanted: Mapping[str, Id]) -> bool:
    return all(str(value) in found.get(name, "").split(",") for name, value in wanted.items())


def _response(how: int | bytes) -> Response:
    if isinstance(how, bytes):
        return Response(how, media_type="application/json")
    refusals: dict[int, RefusedError] = {
        403: not_authorized("Not authorized, as the sandbox was told"),
        404: not_found("Not found, as the sandbox was told"),
    }
    return refusals.get(how, plain(how)).response


def table_of(path: str, query: Query) -> tuple[str, dict[str, str]] | None:
    """Return the table that a request is about, and the ids of the parents it names."""
    for table, pattern in _patterns().items():
        match = pattern.fullmatch(path)
        if match:
            keys = match.groupdict()
            for parent in reference().parents(table):
                if parent.param:
                    keys[parent.placeholder] = query.text(parent.param) or ""
            return table, keys
    return None


@lru_cache(maxsize=1)
def _patterns() -> dict[str, re.Pattern[str]]:
    found = {}
    for table, entry in reference().routes.items():
        lead = f"{entry.product}/[^/]+/" if entry.product else ""
        path = expression(placeholders(entry))
        found[table] = re.compile(f"/d2l/api/{lead}{path}", re.IGNORECASE)
    return found
