"""Invents rows from the fields of a block: the same circumstances always give the same row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zlib import crc32

from .reference import Field, Reference
from .settings import MOST_ITEMS
from .world import START

Id = int | str
JsonObject = dict[str, Any]

_MOST_ELEMENTS = 9
_DEEPEST = 2  # modules in modules, outcomes in outcomes end here
_START_OF_THREAD, _ANSWERED, _ANSWERS = "ThreadId", "ParentPostId", "ReplyPostIds"


@dataclass(frozen=True)
class Circumstances:
    """What decides the values of a row.

    Attributes:
        parents: The ids of the parents, by placeholder.
        number: Place in the list, from 1.
        row_id: The row's own id, which no other row of the table has.
        key: Names of the fields that tell the rows of the list apart.
        people: Ids of the users that may be named.
        units: Ids of the org units that may be named.
        elements: How many elements an array has at most.
        last: Number of the last row of the list.
        fill_arrays: Whether arrays have as many, rather than sometimes none.
    """

    parents: Mapping[str, Id]
    number: int
    row_id: int
    key: frozenset[str]
    people: Sequence[int]
    units: Sequence[int]
    elements: int
    last: int
    fill_arrays: bool = False
    depth: int = 0

    def parent(self, field_name: str) -> Id | None:
        """Return the parent's id that has the name of a field, whatever the case."""
        name = field_name.rpartition(".")[2].lower()
        return next((value for key, value in self.parents.items() if key.lower() == name), None)


@dataclass(frozen=True)
class Tenant:
    """What rows may name beside people and org units."""

    organization: int
    roles: Sequence[int]
    unit_types: Sequence[int]
    seed: int


class RowMaker:
    """Makes the JSON objects of blocks.

    The id of a row is its parent's id times 10 000 plus its place: nobody has to remember which ids
    were given, and an id such as `GradeItemId` can name a row of another list of the course.
    """

    def __init__(self, reference: Reference, tenant: Tenant) -> None:
        """Make rows for one tenant."""
        self._blocks, self._tenant = reference.blocks, tenant
        self._element_keys = {
            child.block: frozenset(child.key) for _, child in reference.child_arrays.values()
        }

    def make(self, block: str, at: Circumstances) -> JsonObject:
        """Return one object of a block."""
        fields = self._blocks[block].fields.values()
        salt = f"{self._tenant.seed}/{block}/{at.row_id}/{at.number}"
        row: JsonObject = {}
        arrays = 0
        for one in fields:
            dice = crc32(f"{salt}/{one.name}".encode())
            arrays += bool(one.element)
            _put(row, one.name, self._value(one, at, dice, arrays))
        for path in _null_objects(fields, at, salt):
            _put(row, path, None)
        return row

    def names_known_ids(self, one: Field) -> bool:
        """Tell whether a field names people, roles or org units, which are never invented."""
        return self._known_ids(one, (), ()) is not None

    def _value(self, one: Field, at: Circumstances, dice: int, array: int) -> object:
        is_key = one.name in at.key
        if one.nullable and not is_key and dice % 3 == 0:
            return None
        if one.element:
            return self._array(one, at, dice // 3, array)
        if one.type == "d2lid" or (one.type in _TEXT_IDS and at.parent(one.name) is not None):
            return _on_the_wire(self._id(one, at, dice // 3), one.wire)
        return _plain(one, at, at.number if is_key else dice // 3)

    # -- ids -------------------------------------------------------------------------------------

    def _id(self, one: Field, at: Circumstances, dice: int) -> Id | None:
        parent = at.parent(one.name)
        if parent is not None:
            return parent
        known = self._known_ids(one, at.people, at.units)
        if known is not None:
            place = at.number - 1 if one.name in at.key else dice
            return known[place % len(known)] if known else None
        if one.name in at.key:
            return at.row_id
        if one.name in {_START_OF_THREAD, _ANSWERED}:
            return _in_thread(one.name, at)
        course = at.parent("orgUnitId") or self._tenant.organization
        return child_id(course, 1 + dice % max(at.elements, 1))

    def _known_ids(
        self, one: Field, people: Sequence[int], units: Sequence[int]
    ) -> Sequence[int] | None:
        tenant = self._tenant
        if one.pii == "person_key":
            return people
        by_ending = {
            ("OrgUnitTypeId", "OfType", "Type.Id"): tenant.unit_types,
            ("RoleId", "Role.Id"): tenant.roles,
            ("OrgUnitId",): units,
            ("OrgId",): [tenant.organization],
        }
        return next((ids for ends, ids in by_ending.items() if one.name.endswith(ends)), None)

    # -- arrays ----------------------------------------------------------------------------------

    def _array(self, one: Field, at: Circumstances, dice: int, array: int) -> list[object]:
        most = min(at.elements, _MOST_ELEMENTS)
        count = most if at.fill_arrays and not at.depth else dice % (most + 1)
        if one.element not in self._blocks:
            return list(_plain_elements(one, at, dice, count))
        if at.depth >= _DEEPEST and any(
            field.element == one.element for field in self._blocks[one.element].fields.values()
        ):
            return []
        key = self._element_keys.get(one.element, frozenset())
        return [
            self.make(
                one.element,
                replace(
                    at,
                    number=place,
                    # two digits: which array of the object, which element
                    row_id=100 * at.row_id + 10 * array + place,
                    key=key,
                    depth=at.depth + 1,
                ),
            )
            for place in range(1, count + 1)
        ]


def child_id(parent: Id, number: int) -> int:
    """Return the id of a row below a parent."""
    base = parent if isinstance(parent, int) else crc32(parent.encode()) % 1_000_000
    return base * (MOST_ITEMS + 1) + number


def _in_thread(name: str, at: Circumstances) -> int | None:
    # Posts come in pairs: one that starts a thread and one that answers it.
    starts = at.number % 2 == 1
    if name == _START_OF_THREAD:
        return at.row_id if starts else at.row_id - 1
    return None if starts else at.row_id - 1


def _on_the_wire(value: Id | None, wire: str) -> Id | None:
    return str(value) if value is not None and wire == "string" else value


def _plain_elements(one: Field, at: Circumstances, dice: int, count: int) -> Iterator[object]:
    if one.pii == "person_key":
        yield from at.people[:count]
        return
    if one.name == _ANSWERS:
        yield from [at.row_id + 1] if at.number % 2 and at.number < at.last else []
        return
    for place in range(1, count + 1):
        if one.element == "d2lid":
            yield 100 * at.row_id + place
        else:
            yield _MAKERS[one.element](one, replace(at, number=place), dice + place)


# -- plain values --------------------------------------------------------------------------------


def _plain(one: Field, at: Circumstances, dice: int) -> object:
    if one.type.startswith("enum:"):
        return _choice(one.type, dice)
    return _MAKERS[one.type](one, at, dice)


def _choice(kind: str, dice: int) -> int | str:
    words = kind.removeprefix("enum:").split(",")
    word = words[dice % len(words)].partition("=")[0]
    return int(word) if re.fullmatch(r"-?\d+", word) else word


def _text(one: Field, at: Circumstances, dice: int) -> str:
    name = one.name.rpartition(".")[2]
    if one.name in at.key:
        return f"{name}-{at.row_id}"
    if "Email" in name:
        return f"invented{dice % 1000}@example.edu"
    if name.endswith(("Url", "Href", "Link", "Path")):
        return f"https://example.edu/invented/{at.row_id}"
    return f"{name} {at.row_id}{_ENDINGS[dice % len(_ENDINGS)]}"


def _number(_one: Field, _at: Circumstances, dice: int) -> int:
    return dice % 60


def _decimal(_one: Field, _at: Circumstances, dice: int) -> float | int:
    # JSON knows no difference between 12 and 12.0, and both are sent.
    hundredths = dice % 10_000
    return hundredths / 100 if hundredths % 100 else hundredths // 100


def _moment(one: Field, _at: Circumstances, dice: int) -> str:
    moment = START + timedelta(milliseconds=dice % 20_000_000 * 777)
    text = moment.isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"U{text}" if one.wire == "U-prefixed" else f"{text}Z"


def _guid(one: Field, at: Circumstances, _dice: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{one.name.rpartition('.')[2]}/{at.row_id}"))


_ENDINGS = ("", "", " of the sandbox", ", übung", ' <&> "quoted"')
_TEXT_IDS = frozenset({"string", "guid"})
_MAKERS: dict[str, Callable[[Field, Circumstances, int], object]] = {
    "bool": lambda _one, _at, dice: dice % 2 == 1,
    "int": _number,
    "decimal": _decimal,
    "string": _text,
    "html": lambda one, at, dice: f"<p>{_text(one, at, dice)}</p>",
    "utc_datetime": _moment,
    "date": lambda one, at, dice: _moment(one, at, dice)[:10],
    "guid": _guid,
    "object": lambda one, at, dice: {"Invented": _text(one, at, dice)},
}


# -- objects in objects --------------------------------------------------------------------------


def _null_objects(fields: Sequence[Field] | Any, at: Circumstances, salt: str) -> Iterator[str]:
    """Name the inner objects that are null as a whole: what is in them may be, and is no key."""
    inner: dict[str, list[Field]] = {}
    for one in fields:
        parts = one.name.split(".")
        for length in range(1, len(parts)):
            inner.setdefault(".".join(parts[:length]), []).append(one)
    for path, below in inner.items():
        may_be = all(one.nullable and one.name not in at.key for one in below)
        if may_be and crc32(f"{salt}/{path}".encode()) % 5 == 0:
            yield path


def _put(row: JsonObject, path: str, value: object) -> None:
    *above, name = path.split(".")
    for part in above:
        inner = row.setdefault(part, {})
        if inner is None:
            return
        row = inner
    row[name] = value
