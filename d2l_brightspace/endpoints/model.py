"""The form of a declaration: one readable route of Brightspace and the table it fills.

Data only. A path is written as D2L's route tables have it, slashes exactly so, beginning with the
product and without the version; in braces stand columns of the parent table:

    Endpoint(
        "quiz_attempts",
        "le/{org_unit_id}/quizzes/{QuizId}/attempts/",
        parent="quizzes",
        …

`org_unit_id` is the one column that no block holds; a table whose parent has it has it too. The
keys of the parents need not be fields of the block either: a declared column that the path names
and that a block lacks is filled from the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    # declarations are read by commands that need no dlt, and importing it takes a second
    from dlt.common.schema.typing import TColumnSchema, TTableReference

Paging = Literal["bookmark", "object_list", "array", "object", "page_number"]
"""How a list comes (`docs/brightspace-api.md`, "Paging"): `PagingInfo`/`Items`, `Next`/`Objects`, a
bare array, a single object, or bare arrays asked for by their number."""
COURSE_OFFERINGS = "course_offerings"
"""The parent of what is read course by course: `org_unit_id` of each course of the run."""
ORG_UNIT_ID = "org_unit_id"
"""Column of the org unit that a list was read for; no block holds it."""


@dataclass(frozen=True)
class Since:
    """A filter by time: only what is newer is asked for."""

    param: str
    """Query parameter for the earliest row wanted, a UTCDateTime."""
    field: str | None = None
    """The row's field that it is about; None where rows sum up the whole range."""
    until: str | None = None
    """Query parameter for the latest row wanted; with it a list can be read in windows of time."""


@dataclass(frozen=True)
class PageSize:
    """The rows of a page, for lists that are asked for by page number."""

    param: str
    rows: int
    """What is asked for; a page of fewer rows is the last one."""


@dataclass(frozen=True)
class Endpoint:
    """One readable route and its table."""

    name: str
    """Of the resource and its table."""
    path: str
    """Relative to `/d2l/api/`; `le/{org_unit_id}/quizzes/`."""
    _: KW_ONLY
    paging: Paging
    key: str | tuple[str, ...]
    """Columns that tell one row from all others."""
    description: str
    """What one row is."""
    columns: Mapping[str, TColumnSchema]
    """By field name; fields of nested blocks as `Parent__Field`."""
    group: str = "core"
    parent: str | None = None
    """Table (or `course_offerings`) with one list for each of its rows; None: one list in all."""
    replaces: str | None = None
    """Column of the unit that is loaded whole or not at all: its old rows go when it is read. None
    where rows are merged by their key alone."""
    scope: str | None = None
    """OAuth2 scope the route asks for; None where it may be called anonymously."""
    params: Mapping[str, str | int] = field(default_factory=dict)
    """Query parameters that are always sent; columns of the parent in braces."""
    parents_per_request: int = 1
    """How many parents' keys one request takes, comma-separated."""
    references: tuple[TTableReference, ...] = ()
    since: Since | None = None
    bookmark_field: str | None = None
    """The row's field that D2L documents as the bookmark; None where bookmarks are opaque."""
    page_size: PageSize | None = None
    dropped: tuple[str, ...] = ()
    """Fields that are never loaded: passwords and keys."""

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The key's columns."""
        return (self.key,) if isinstance(self.key, str) else self.key

    @cached_property
    def parent_columns(self) -> tuple[str, ...]:
        """Columns of the parent that a request needs, in the order of the path."""
        text = " ".join([self.path, *map(str, self.params.values())])
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))

    @cached_property
    def versioned_path(self) -> str:
        """The path with `(version)` where the version goes."""
        product, slash, rest = self.path.partition("/")
        return f"{product}/(version){slash}{rest}" if product in _PRODUCTS else self.path

    @cached_property
    def route(self) -> str:
        """The path as D2L's route table writes it, for messages."""
        return _PLACEHOLDER.sub(lambda name: f"({_as_parameter(name[1])})", self.versioned_path)

    def url(self, keys: Mapping[str, Any], params: Mapping[str, str | int] | None = None) -> str:
        """Path and query of a list, with `(version)` where the version goes.

        Args:
            keys: Values of the parent's columns.
            params: Query parameters besides those of the declaration.
        """
        query = {**self.params, **(params or {})}
        if self.page_size is not None:
            query = {self.page_size.param: self.page_size.rows, "pageNumber": 1, **query}
        path = _filled(self.versioned_path, keys)
        filled = {name: _filled(str(value), keys) for name, value in query.items()}
        return f"{path}?{urlencode(filled)}" if query else path


def to(
    table: str, *same: str, label: str, one_to_one: bool = False, **columns: str
) -> TTableReference:
    """A reference to another table.

    Args:
        table: The other table.
        same: Columns that have the same name in both.
        label: What the other row is to this one.
        one_to_one: Whether at most one row refers to each row of the other table.
        columns: Columns of this table = columns of the other one.
    """
    return {
        "referenced_table": table,
        "columns": [*same, *columns],
        "referenced_columns": [*same, *columns.values()],
        "cardinality": "one_to_one" if one_to_one else "many_to_one",
        "label": label,
    }


def ancestors(endpoint: Endpoint, endpoints: Mapping[str, Endpoint]) -> Iterable[Endpoint]:
    """The tables above one, the nearest first; courses are no table."""
    while endpoint.parent in endpoints:
        endpoint = endpoints[str(endpoint.parent)]
        yield endpoint


def _filled(template: str, keys: Mapping[str, Any]) -> str:
    for name, value in keys.items():
        template = template.replace(f"{{{name}}}", quote(str(value), safe=","))
    return template


def _as_parameter(column: str) -> str:
    """`org_unit_id` and `QuizId` as D2L's route tables have them: `orgUnitId`, `quizId`."""
    head, *words = column.split("_")
    return head[:1].lower() + head[1:] + "".join(word.capitalize() for word in words)


_PRODUCTS = ("lp", "le", "bas", "ep")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
