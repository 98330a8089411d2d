"""What D2L's documentation says of routes and blocks, from `brightspace-api.json` beside this file.

The sandbox answers by it and tests compare with it; the loader never reads it. What is false, null
or empty is left out in the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

NO_SCOPE = "none"


@dataclass(frozen=True)
class Field:
    """A field of a block.

    Attributes:
        name: Its path in the block, parts separated by dots.
        type: `d2lid`, `string`, `html`, `int`, `decimal`, `bool`, `utc_datetime`, `date`, `guid`,
            `object`, `array<…>` of one of these or of a block, or `enum:…`.
        wire: How an id is sent: `number`, `string` or `either`; "" where the type says it.
        pii: Class of personal data, "" for none.
        since: First version that sends the field, "" where it always was there.
    """

    name: str
    type: str
    meaning: str = ""
    nullable: bool = False
    wire: str = ""
    pii: str = ""
    since: str = ""

    @property
    def element(self) -> str:
        """The type of an array's elements, or ""."""
        is_array = self.type.startswith("array<")
        return self.type[len("array<") : -1] if is_array else ""


@dataclass(frozen=True)
class Block:
    """A JSON object of D2L's documentation; not `complete` where fields are known to be missing."""

    name: str
    fields: Mapping[str, Field]
    source: str
    note: str = ""
    complete: bool = True


@dataclass(frozen=True)
class Parent:
    """Where the value of a placeholder comes from.

    Attributes:
        placeholder: Its name in the path, or the name that keys have for it.
        place: `path`, or `query:` and the name of the parameter.
        table: Table of the parent.
        field: Field of its rows, or one of its own placeholders.
        filter: In words, which of its rows.
    """

    placeholder: str
    place: str
    table: str
    field: str
    filter: str = ""

    @property
    def param(self) -> str:
        """The query parameter that takes the value; "" where it is part of the path."""
        return self.place.partition(":")[2]

    @property
    def takes_list(self) -> bool:
        """Whether one request asks for several parents."""
        return self.param.endswith("CSV")


@dataclass(frozen=True)
class Param:
    """A query parameter."""

    name: str
    type: str
    meaning: str
    required: bool = False


@dataclass(frozen=True)
class PageSize:
    """The parameter that sets the rows on a page; None where D2L does not say."""

    name: str
    default: int | None = None
    max: int | None = None


@dataclass(frozen=True)
class ChildArray:
    """An array whose elements are rows of a table of their own."""

    field: str
    table: str
    element: str
    block: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class Incremental:
    """The parameter that leaves out what is older, and the field it looks at."""

    param: str
    field: str
    misses: str


@dataclass(frozen=True)
class TableRoute:
    """The GET route that gives the rows of a table."""

    table: str
    topic: str
    path: str
    paging: str
    scope: str
    key: tuple[str, ...]
    block: str
    source: str
    trust: str
    product: str = ""
    deletes: str = ""
    notes: str = ""
    min_version: str = ""
    parents: tuple[Parent, ...] = ()
    params: tuple[Param, ...] = ()
    child_arrays: tuple[ChildArray, ...] = ()
    page_size_param: PageSize | None = None
    incremental: Incremental | None = None


@dataclass(frozen=True)
class Reference:
    """Every route by its table, and every block by its name."""

    routes: Mapping[str, TableRoute]
    blocks: Mapping[str, Block]

    def fields(self, table: str) -> Mapping[str, Field]:
        """Return the fields of a table's block by their dotted paths."""
        child = self.child_arrays.get(table)
        return self.blocks[child[1].block if child else self.routes[table].block].fields

    def parents(self, table: str) -> tuple[Parent, ...]:
        """Return where the placeholders of a table's route come from."""
        child = self.child_arrays.get(table)
        return (child[0] if child else self.routes[table]).parents

    def is_number(self, table: str, name: str) -> bool:
        """Tell whether a field, or a placeholder, of a table holds a D2LID."""
        field = self.fields(table).get(name)
        if field is not None:
            return field.type == "d2lid"
        own = (parent for parent in self.parents(table) if parent.placeholder == name)
        parent = next(own, None)
        return parent is None or self.is_number(parent.table, parent.field)

    @cached_property
    def child_arrays(self) -> Mapping[str, tuple[TableRoute, ChildArray]]:
        """The tables made of arrays, each with the route whose rows hold the array."""
        return {
            child.table: (route, child)
            for route in self.routes.values()
            for child in route.child_arrays
        }


@lru_cache(maxsize=1)
def reference() -> Reference:
    """Return the reference; the file is read by the first call."""
    text = resources.files(__package__).joinpath("brightspace-api.json").read_text("utf-8")
    found = json.loads(text)
    return Reference(
        {table: _route(table, entry) for table, entry in found["routes"].items()},
        {name: _block(name, entry) for name, entry in found["blocks"].items()},
    )


def _block(name: str, entry: dict[str, Any]) -> Block:
    fields = {path: Field(path, **more) for path, more in entry["fields"].items()}
    return Block(**{**entry, "name": name, "fields": fields})


def _route(table: str, entry: dict[str, Any]) -> TableRoute:
    page_size, incremental = entry.get("page_size_param"), entry.get("incremental")
    parts = {
        "key": tuple(entry["key"]),
        "parents": tuple(_parent(one) for one in entry.get("parents", ())),
        "params": tuple(Param(**one) for one in entry.get("params", ())),
        "child_arrays": tuple(_child(one) for one in entry.get("child_arrays", ())),
        "page_size_param": PageSize(**page_size) if page_size else None,
        "incremental": Incremental(**incremental) if incremental else None,
    }
    return TableRoute(**{**entry, **parts, "table": table})


def _parent(entry: dict[str, str]) -> Parent:
    more = {name: value for name, value in entry.items() if name != "in"}
    return Parent(place=entry["in"], **more)


def _child(entry: dict[str, Any]) -> ChildArray:
    return ChildArray(**{**entry, "key": tuple(entry["key"])})
