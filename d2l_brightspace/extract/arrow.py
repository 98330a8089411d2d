"""Blocks to typed columns: decoded JSON rows become Arrow tables by the declared columns.

A table has every declared column in its declared type, whatever JSON type arrived and however
many rows are null. Fields that nobody declared travel along as JSON text under a prefix until
`settle_undeclared` gives them a name and a type.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import chain
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TColumnSchema
from msgspec import Raw

from d2l_brightspace.client.json_codec import decode, encode
from d2l_brightspace.endpoints.model import ORG_UNIT_ID
from d2l_brightspace.printable import printable

from .field_tree import BELOW, NESTING, UNDECLARED, Tree, tree_of
from .typed_rows import columns_of, raw_texts

APART = "_undeclared"
"""Appended to the name of a field whose column name is taken."""
MISFITS = (ValueError, TypeError, OverflowError, KeyError, RecursionError)
_INT64 = range(-(2**63), 2**63)
_EXACT_IN_DOUBLE = range(-(2**53), 2**53 + 1)


def import_pandas_if_installed() -> None:
    """Import now what pyarrow imports with its first array, if it is installed.

    Left to a thread that reads, dlt, which looks pandas up in `sys.modules`, meets it half imported
    and ends the run with an AttributeError.
    """
    pa.array([])


class UnexpectedValue(ValueError):
    """Blocks hold what cannot become a table; names the field, never the value."""


@dataclass(frozen=True)
class Rows:
    """A table, and what had to stay out of it."""

    table: pa.Table
    keyless: int = 0
    """Rows left out because a key field was missing."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """How many values of a field became null because they cannot be of its type."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.keyless and not self.unreadable


@dataclass(frozen=True)
class Part:
    """Rows of one list: blocks as they were parsed, and the keys that the list was asked for by."""

    rows: Sequence[Any]
    keys: Mapping[str, int] = field(default_factory=dict)


class Tabulator:
    """Makes tables of the blocks of one endpoint.

    Args:
        columns: Declared columns, by source field name; nested fields as `Parent__Child`.
        keys: Names of the key fields; a row that lacks one is counted and left out.
        dropped: Fields that are never loaded, named likewise.
        strict: Fields of which no value may be unreadable, besides keys and what is not nullable.
        most_undeclared: Most fields that nobody declares, in all blocks together.
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        keys: Sequence[str],
        dropped: Sequence[str] = (),
        *,
        strict: Collection[str] = (),
        most_undeclared: int = 500,
    ) -> None:
        self.keys = keys
        required = [name for name, hint in columns.items() if not hint.get("nullable", True)]
        self._strict = {*keys, *required, *strict}
        self._most_undeclared = most_undeclared
        self._undeclared: frozenset[str] = frozenset()
        self._types = {name: str(hint["data_type"]) for name, hint in columns.items()}
        in_blocks = [name for name in self._types if name != ORG_UNIT_ID]
        self._tree = tree_of([*in_blocks, *dropped])
        self._dropped = dropped
        self.json_columns = [name for name, kind in self._types.items() if kind == "json"]
        self.schema = pa.schema([_field(name, hint) for name, hint in columns.items()])

    def __call__(self, parts: Sequence[Part]) -> Rows:
        """Make a table.

        Raises:
            UnexpectedValue: If a value that must be readable is not, or if there are too many
                fields that nobody declares.
        """
        groups: dict[Any, list[Part]] = {}
        for part in parts:
            groups.setdefault(type(part.rows[0]) if part.rows else None, []).append(part)
        groups.pop(None, None)
        return concat(self._table(group) for group in groups.values() or [[]])

    def _table(self, parts: Sequence[Part]) -> Rows:
        rows = list(chain.from_iterable(part.rows for part in parts))
        values, others = self._values(rows)
        self._note_undeclared(others)
        absent = [None] * len(rows)
        _fill(values, parts, self._types)
        arrays = []
        unreadable = Counter[str]()
        for name, kind in self._types.items():
            array, misfits = array_with_nulls(values.get(name, absent), kind)
            if misfits and name in self._strict:
                raise _unexpected(name, kind)
            if misfits:
                unreadable[_dotted(name)] = misfits
            arrays.append(array)
        fields = list(self.schema)
        for name, texts in others.items():
            arrays.append(pa.array(texts, pa.string()))
            fields.append(pa.field(UNDECLARED + name, pa.string()))
        table, keyless = self._with_keys(pa.table(arrays, schema=pa.schema(fields)))
        return Rows(table, keyless, unreadable)

    def _note_undeclared(self, fields: Iterable[str]) -> None:
        known = self._undeclared.union(fields)
        if len(known) > self._most_undeclared:
            raise _too_many(self._most_undeclared)
        self._undeclared = known

    def _values(
        self, rows: list[Any]
    ) -> tuple[dict[str, Sequence[Any]], dict[str, Sequence[str | None]]]:
        """Values of declared columns, and JSON texts of the fields that nobody declares."""
        declared: dict[str, Sequence[Any]] = {}
        others: dict[str, Sequence[Any]] = {}
        if rows and not isinstance(rows[0], dict):
            for name, column in columns_of(rows).items():
                texts = column and isinstance(column[0], Raw)
                values = _raw_texts(name, column) if texts else column
                if name.startswith(UNDECLARED):
                    others[name.removeprefix(UNDECLARED)] = values
                else:
                    declared[name] = values
            return declared, others
        _collect(rows, self._tree, "", declared, others, self._most_undeclared)
        for name in self._dropped:
            declared.pop(name, None)
        for name in self.json_columns:
            if name in declared:
                declared[name] = [_json_text(name, value) for value in declared[name]]
        return declared, {
            name: [_json_text(name, value) for value in column] for name, column in others.items()
        }

    def _with_keys(self, table: pa.Table) -> tuple[pa.Table, int]:
        mask = None
        for key in self.keys:
            if table.column(key).null_count:
                valid = pc.is_valid(table.column(key))
                mask = valid if mask is None else pc.and_(mask, valid)
        if mask is None:
            return table, 0
        kept = table.filter(mask)
        return kept, table.num_rows - kept.num_rows


def concat(parts: Iterable[Rows]) -> Rows:
    """Put tables of one endpoint one below the other; columns missing in one become null."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    table = pa.concat_tables([part.table for part in parts], promote_options="default")
    unreadable = sum((part.unreadable for part in parts), Counter[str]())
    return Rows(table, sum(part.keyless for part in parts), unreadable)


def add_constant(table: pa.Table, name: str, value: Any, kind: pa.DataType) -> pa.Table:
    """Put a column that has one value in front of the others."""
    column = pa.repeat(pa.scalar(value, kind), table.num_rows)
    return table.add_column(0, pa.field(name, kind, nullable=False), column)


def to_rows(
    table: pa.Table, json_columns: Sequence[str], undeclared: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The table as Python rows, with JSON columns decoded.

    Args:
        table: Rows.
        json_columns: Names of columns that hold JSON texts.
        undeclared: Names of fields that a row has only where it has a value: a contract that is
            about new fields is about the rows that have them.
    """
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        for name in undeclared:
            if row[name] is None:
                del row[name]
        for name in json_columns:
            row[name] = None if row[name] is None else decode(row[name].encode())
    return rows


def to_array(name: str, values: Sequence[Any], data_type: str) -> pa.Array:
    """Make a column of values of any JSON type.

    Args:
        name: Field name for the error text.
        values: Decoded JSON values.
        data_type: dlt data type.

    Raises:
        UnexpectedValue: If a value cannot be of that type.
    """
    array, misfits = array_with_nulls(values, data_type)
    if misfits:
        raise _unexpected(name, data_type)
    return array


def array_with_nulls(values: Sequence[Any], data_type: str) -> tuple[pa.Array, int]:
    """As `to_array`, with null for values that cannot be of the type; and how many those are.

    Arrow converts whole columns where it surely makes of them what `CONVERT` does, so that a
    value means the same whatever stands beside it.
    """
    arrow = ARROW_TYPES[data_type]
    convert = CONVERT[data_type]
    try:
        kinds = _NONE if data_type in _STRICT else frozenset(map(type, values))
        if kinds <= _AT_ONCE.get(data_type, _NONE):
            return pa.array(values, arrow), 0
        if kinds <= {str, *_NONE} and data_type in _ARE_PLAIN:
            texts = pa.array(values, pa.string())
            if _ARE_PLAIN[data_type](texts):
                return texts.cast(arrow), 0
    except MISFITS:
        pass  # one by one
    try:
        converted = [None if value is None else convert(value) for value in values]
        return pa.array(converted, arrow), 0
    except MISFITS:
        scalars = [_scalar_or_none(value, convert, arrow) for value in values]
    misfits = sum(s is None and v is not None for s, v in zip(scalars, values, strict=True))
    return pa.array(scalars, arrow), misfits


def _scalar_or_none(value: Any, convert: Callable[[Any], Any], arrow: pa.DataType) -> Any:
    try:
        return None if value is None else pa.scalar(convert(value), arrow)
    except MISFITS:
        return None


def _unexpected(name: str, data_type: str) -> UnexpectedValue:
    return UnexpectedValue(f"The field {_dotted(name)} holds a value that is no {data_type}")


def _too_many(most: int) -> UnexpectedValue:
    return UnexpectedValue(
        f"There are more than {most} fields that D2L does not document; if they are wanted, raise "
        "`limits.max_undeclared_fields`"
    )


def _fill(
    values: dict[str, Sequence[Any]], parts: Sequence[Part], types: Mapping[str, str]
) -> None:
    """Give rows the keys that their list was asked for by, where their block lacks them."""
    for name in parts[0].keys if parts else ():
        if name not in types:
            continue
        column = values.get(name)
        if column is not None and None not in column:
            continue
        asked: list[int] = []
        for part in parts:
            asked += [part.keys[name]] * len(part.rows)
        values[name] = (
            asked
            if column is None
            else [a if b is None else b for a, b in zip(asked, column, strict=True)]
        )


def _raw_texts(name: str, column: Sequence[Any]) -> list[str | None]:
    try:
        return raw_texts(column)
    except (ValueError, RecursionError):
        raise UnexpectedValue(f"The field {_dotted(name)} holds a value that is no json") from None


def _collect(
    blocks: Sequence[dict[str, Any]],
    tree: Tree,
    prefix: str,
    declared: dict[str, Sequence[Any]],
    others: dict[str, Sequence[Any]],
    room: int,
) -> None:
    columns = _columns(blocks, len(tree), room)
    absent = [None] * len(blocks)
    for label, subtree in tree.items():
        name, column = prefix + label, columns.pop(label, absent)
        if isinstance(subtree, str):
            declared[subtree] = column
        else:
            _collect(_nested(column, name), subtree, name + NESTING, declared, others, room)
    for label, column in columns.items():
        others[unused(prefix.replace(NESTING, BELOW) + label, others)] = column


def _columns(
    blocks: Sequence[dict[str, Any]], declared: int, room: int
) -> dict[str, Sequence[Any]]:
    """The values of each field; not made at all where that would fill the memory."""
    first = blocks[0] if blocks else {}
    if len(first) <= declared + room and set(map(len, blocks)) == {len(first)}:
        try:
            # as many fields in all, and all fields of the first: so none has any other
            return {field: list(map(itemgetter(field), blocks)) for field in first}
        except KeyError:
            pass
    fields = set(chain.from_iterable(blocks))
    if len(fields) > declared + room:
        raise _too_many(room)
    return {field: [block.get(field) for block in blocks] for field in fields}


def _nested(column: Sequence[Any], name: str) -> Sequence[dict[str, Any]]:
    kinds = set(map(type, column))
    if kinds == {dict}:
        return column
    if not kinds <= {dict, type(None)}:
        raise UnexpectedValue(f"The field {_dotted(name)} is no block")
    return [block or {} for block in column]


def unused(name: str, taken: Container[str], normalize: Callable[[str], str] = str) -> str:
    """A name that is not taken, by appending to it until it is not."""
    while normalize(name) in taken:
        name += APART
    return name


def _field(name: str, hint: TColumnSchema) -> pa.Field:
    return pa.field(name, ARROW_TYPES[str(hint["data_type"])], nullable=hint.get("nullable", True))


def _json_text(name: str, value: Any) -> str | None:
    try:
        return None if value is None else encode(value)
    except RecursionError:
        raise UnexpectedValue(f"The field {_dotted(name)} is nested too deep") from None


def as_text(value: Any) -> str:
    """A text as it is, any other JSON value as its JSON."""
    return value if isinstance(value, str) else encode(value)


def _dotted(name: str) -> str:
    return printable(name.removeprefix(UNDECLARED).replace(NESTING, ".").replace(BELOW, "."))


def _integer(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        raise TypeError
    number = int(value)
    if number not in _INT64:
        raise OverflowError
    return number


def _optional_integer(value: Any) -> int | None:
    return None if value == "" else _integer(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    number = None if value == "" else float(value)
    if number is not None and not math.isfinite(number):
        raise ValueError
    return number


def _json_column(value: Any) -> str:
    # texts that are JSON already: the two ways of decoding both give them so
    if not isinstance(value, str):
        raise TypeError
    return value


def _boolean(value: Any) -> bool | None:
    return _BOOLEANS[value.lower() if isinstance(value, str) else value]


def _timestamp(value: Any) -> datetime | None:
    if value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        # `basic/apicall`: some date-times are UnixTimestamps
        return _EPOCH + timedelta(seconds=value)
    parts = _ISO_8601.fullmatch(value)
    if parts is None:
        raise ValueError
    day_time, fraction, zone = parts.groups()
    digits = (fraction or "").ljust(6, "0")[:6]
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    # the one form that Python 3.10 reads as well
    moment = datetime.fromisoformat(f"{day_time.replace(' ', 'T')}.{digits}{zone}")
    return moment.astimezone(timezone.utc)


def _are_plain_integers(texts: pa.Array) -> bool:
    return bool(pc.all(pc.ascii_is_decimal(texts)).as_py())


def _are_plain_times(texts: pa.Array) -> bool:
    # whole dates and times in UTC, with or without decimals
    shortest = pc.min(pc.binary_length(texts)).as_py()
    return (
        shortest >= len("2026-11-22T04:44:00Z")
        and pc.all(pc.ends_with(texts, "Z")).as_py()
        and not pc.any(pc.starts_with(texts, "0000")).as_py()  # a year that Python lacks
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, 1: True, 0: False, "": None}
_ISO_8601 = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)?")
ARROW_TYPES: dict[str, pa.DataType] = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "json": pa.string(),
}
_NONE = frozenset({type(None)})
_AT_ONCE: dict[str, frozenset[type]] = {
    "bigint": _NONE | {int},
    "double": _NONE | {int, float},
}
"""JSON types that Arrow converts as a whole column; others go value by value, or are null."""
_STRICT = frozenset({"text", "bool", "json"})
"""Data types of which Arrow itself takes no other JSON type than theirs."""
_ARE_PLAIN: dict[str, Callable[[pa.Array], bool]] = {
    "bigint": _are_plain_integers,
    "timestamp": _are_plain_times,
}
"""Which texts Arrow reads as `CONVERT` does; it also reads others, such as 0x10."""
CONVERT: dict[str, Callable[[Any], Any]] = {
    "bigint": _optional_integer,
    "text": as_text,
    "double": _number,
    "bool": _boolean,
    "timestamp": _timestamp,
    "json": _json_column,
}
