"""The GET routes of the reference that no other module answers, each by its entry alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from d2l_brightspace.sandbox import list_pages
from d2l_brightspace.sandbox.lists import NOT_SERVED, Row
from d2l_brightspace.sandbox.paths import placeholders
from d2l_brightspace.sandbox.problems import invalid_parameters, not_found
from d2l_brightspace.sandbox.query import Query
from d2l_brightspace.sandbox.reference import NO_SCOPE, Parent, TableRoute, reference
from d2l_brightspace.sandbox.routing import ANONYMOUS, Call, Route
from d2l_brightspace.sandbox.row_maker import Id

_PAGING_PARAMS = frozenset({"page", "pagenumber", "pagesize", "limit", "offset"})


def documented_routes(by_hand: Iterable[Route]) -> Iterator[Route]:
    """Give a route for each table that has none by hand."""
    known = {_shape(route.product, route.path) for route in by_hand if route.method == "GET"}
    for table, entry in reference().routes.items():
        if table not in NOT_SERVED and _shape(entry.product, entry.path) not in known:
            scope = ANONYMOUS if entry.scope == NO_SCOPE else entry.scope
            yield Route(
                "GET",
                entry.product,
                placeholders(entry),
                scope,
                _List(entry),
                min_version=entry.min_version,
            )


def _shape(product_code: str, path: str) -> tuple[str, str]:
    return product_code, re.sub(r"\{[^}]*\}", "{}", path).lower()


@dataclass(frozen=True)
class _List:
    """Answers one route."""

    entry: TableRoute

    def __call__(self, call: Call) -> object:
        """Return the page that was asked for."""
        for param in self.entry.params:
            if param.required and call.query.text(param.name) is None:
                raise invalid_parameters(f"{param.name} is required")
        lists = call.state.lists
        found = [keys for keys in self._keys(call) if self._is_there(call, keys)]
        rows = [row for keys in found for row in lists.of(self.entry.table, keys)]
        return list_pages.answer(call, self.entry, self._wanted(rows, call.query))

    # -- parents ---------------------------------------------------------------------------------

    def _keys(self, call: Call) -> Iterator[dict[str, Id]]:
        """Give the parents that are asked for: one, unless a parameter takes a list of them."""
        names = [parent.placeholder for parent in self.entry.parents]
        values = [self._values(call, parent) for parent in self.entry.parents]
        for chosen in product(*values):
            yield dict(zip(names, chosen, strict=True))

    def _values(self, call: Call, parent: Parent) -> list[Id]:
        is_number = reference().is_number(parent.table, parent.field)
        if not parent.param:
            text = call.parts[parent.placeholder]
            return [int(text) if is_number else text]
        if parent.takes_list:
            asked = list(dict.fromkeys(call.query.numbers(parent.param)))
            most = self._most(parent.param)
            if most and len(asked) > most:
                raise invalid_parameters(f"{parent.param} holds more than {most} ids")
            return list(asked)
        value = call.query.number(parent.param) if is_number else call.query.text(parent.param)
        return [] if value is None else [value]

    def _most(self, name: str) -> int | None:
        """Return how many ids a list of ids may hold, where D2L says so."""
        meaning = next(one.meaning for one in self.entry.params if one.name == name)
        found = re.search(r"(\d+) at most", meaning)
        return int(found[1]) if found else None

    def _is_there(self, call: Call, keys: dict[str, Id]) -> bool:
        """Refuse what is unknown or forbidden; of a list of ids, leave the unknown ones out."""
        if "orgUnitId" in call.parts:
            call.must_be_allowed(call.id("orgUnitId"), self._security_variable)
        missing = call.state.lists.missing_parent(self.entry.table, keys)
        if missing is None:
            return True
        parent = next(one for one in self.entry.parents if one.placeholder == missing)
        if parent.takes_list:
            return False
        raise not_found(f"There is no {missing} {keys[missing]} in {parent.table}")

    @property
    def _security_variable(self) -> str:
        # Invented from the names: few of D2L's are published.
        words = [text.title().replace("_", " ") for text in (self.entry.topic, self.entry.table)]
        tool, what = ("".join(text.split()) for text in words)
        return f"{tool}.See{what}"

    # -- filters ---------------------------------------------------------------------------------

    def _wanted(self, rows: list[Row], query: Query) -> list[Row]:
        since = self.entry.incremental
        of_parents = {parent.param.lower() for parent in self.entry.parents}
        for param in self.entry.params:
            name = param.name.lower()
            if query.text(name) is None or name in of_parents | _PAGING_PARAMS:
                continue
            if param.type == "utc_datetime":
                moment = query.instant(name)
                if since and since.param == param.name and moment:
                    least = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
                    rows = [row for row in rows if (row.get(since.field) or "") >= least]
            elif param.type == "d2lid" and not name.endswith("bookmark"):
                rows = _equal(rows, name, query.number(name))
            elif param.type == "bool":
                query.flag(name)
        return rows


def _equal(rows: list[Row], name: str, value: int | None) -> list[Row]:
    """Keep the rows whose field of the parameter's name has the value; no such field, no filter."""
    field = next((one for row in rows for one in row.block if one.lower() == name), None)
    return [row for row in rows if field is None or str(row.block[field]) == str(value)]
