"""Blocks to typed columns: decoded JSON rows become Arrow tables by the declared columns.

A table has every declared column in its declared type, whatever JSON type arrived and however
many rows are null. Fields that nobody declared travel along as JSON text under a prefix until
`settle_undeclared` gives them a name and a type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import chain
from operator import itemgetter
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TColumnSchema, TTableSchemaColumns

from d2l_brightspace.client.json_codec import decode, encode

ORG_UNIT_ID = "org_unit_id"
"""Column of the org unit that a list was read for; no block holds it."""
UNDECLARED = "undeclared:"
"""Prefix of columns whose fields no endpoint declares; their values are JSON text."""
_NESTING = "__"
_BELOW = "\x1f"
"""Between the names of a block and of its undeclared field; no field name holds it."""
_APART = "_undeclared"
"""Appended to the name of a field whose column name is taken."""
_VARIANT = "__v_text"
"""Appended, as dlt does it, to the name of a column for the values that do not fit its type."""
_MISFITS = (ValueError, TypeError, OverflowError, KeyError, RecursionError)
_INT64 = range(-(2**63), 2**63)
_EXACT_IN_DOUBLE = range(-(2**53), 2**53 + 1)


def import_pandas_if_installed() -> None:
    """Import now what pyarrow imports with its first array, if it is installed.

    Left to a thread that reads, dlt, which looks pandas up in `sys.modules`, meets it half imported
    and ends the run with an AttributeError.
    """
    pa.array([])


class UnexpectedValue(ValueError):
    """A documented field holds what cannot be of its type; names the field, never the value."""


@dataclass(frozen=True)
class Rows:
    """A table, and how many rows had to stay out of it."""

    table: pa.Table
    keyless: int = 0
    """Rows left out because a key field was missing."""


class Tabulator:
    """Makes tables of the blocks of one endpoint.

    Args:
        columns: Declared columns, by source field name; nested fields as `Parent__Child`.
        keys: Names of the key fields; a row that lacks one is counted and left out.
    """

    def __init__(self, columns: TTableSchemaColumns, keys: Sequence[str]) -> None:
        self.keys = keys
        self._tree = _tree(columns)
        self._types = {name: str(hint["data_type"]) for name, hint in columns.items()}
        self.json_columns = [name for name, kind in self._types.items() if kind == "json"]
        self.schema = pa.schema([_field(name, hint) for name, hint in columns.items()])

    def __call__(self, blocks: list[dict[str, Any]], org_unit_id: int | None = None) -> Rows:
        """Make a table.

        Args:
            blocks: Decoded JSON objects; they are written to.
            org_unit_id: Org unit whose list they are, where that is a column.

        Raises:
            UnexpectedValue: If a documented field cannot be converted to its type.
        """
        if org_unit_id is not None and ORG_UNIT_ID in self._types:
            for block in blocks:
                block[ORG_UNIT_ID] = org_unit_id
        declared: dict[str, Sequence[Any]] = {}
        others: dict[str, Sequence[Any]] = {}
        _collect(blocks, self._tree, "", declared, others)
        arrays = [to_array(name, declared[name], kind) for name, kind in self._types.items()]
        fields = list(self.schema)
        for name, column in others.items():
            arrays.append(pa.array([_json_text(name, value) for value in column], pa.string()))
            fields.append(pa.field(UNDECLARED + name, pa.string()))
        return self._with_keys(pa.table(arrays, schema=pa.schema(fields)))

    def _with_keys(self, table: pa.Table) -> Rows:
        mask = None
        for key in self.keys:
            if table.column(key).null_count:
                valid = pc.is_valid(table.column(key))
                mask = valid if mask is None else pc.and_(mask, valid)
        if mask is None:
            return Rows(table)
        kept = table.filter(mask)
        return Rows(kept, table.num_rows - kept.num_rows)


def concat(parts: Iterable[Rows]) -> Rows:
    """Put tables of one endpoint one below the other; columns missing in one become null."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    table = pa.concat_tables([part.table for part in parts], promote_options="default")
    return Rows(table, sum(part.keyless for part in parts))


def add_constant(table: pa.Table, name: str, value: Any, kind: pa.DataType) -> pa.Table:
    """Put a column that has one value in front of the others."""
    column = pa.repeat(pa.scalar(value, kind), table.num_rows)
    return table.add_column(0, pa.field(name, kind, nullable=False), column)


def to_rows(table: pa.Table, json_columns: Sequence[str]) -> list[dict[str, Any]]:
    """The table as Python rows, with JSON columns decoded; an empty one as dlt wants it."""
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        for name in json_columns:
            row[name] = None if row[name] is None else decode(row[name].encode())
    return rows or dlt.mark.materialize_table_schema()


def settle_undeclared(
    table: pa.Table,
    known: Mapping[str, str],
    normalize: Callable[[str], str],
    names: MutableMapping[str, str],
) -> pa.Table:
    """Give fields that nobody declared a column of an inferred type.

    A value that does not fit the type the column already has goes to `<field>__v_text`, as dlt
    does it; a field whose column name is taken by another gets `_undeclared` appended.

    Args:
        table: May hold columns under the `undeclared:` prefix.
        known: Data types of the columns the destination has, by normalized name.
        normalize: Source field name to column name.
        names: Names that fields were given before, which they keep; new ones are added.
    """
    settled = {name: table.column(name) for name in table.schema.names if not _is_raw(name)}
    taken = {normalize(name) for name in settled}
    for name in names.values():
        taken |= _occupied(name, normalize)
    fields = [table.schema.field(name) for name in settled]
    for raw in sorted(filter(_is_raw, table.schema.names)):
        field = raw.removeprefix(UNDECLARED)
        name = names.get(field) or _unused(_column_name(field), taken, normalize)
        texts = table[raw].to_pylist()
        values = [None if text is None else decode(text.encode()) for text in texts]
        found = _settle(name, values, known.get(normalize(name)))
        if found:
            names[field] = name
            taken |= _occupied(name, normalize)
        fields += [pa.field(column, array.type) for column, array in found.items()]
        settled |= found
    return pa.table(list(settled.values()), schema=pa.schema(fields))


def to_array(name: str, values: Sequence[Any], data_type: str) -> pa.Array:
    """Make a column of values of any JSON type.

    Arrow converts whole columns where it surely makes of them what `_CONVERT` does, so that a
    value means the same whatever stands beside it.

    Args:
        name: Field name for the error text.
        values: Decoded JSON values.
        data_type: dlt data type.

    Raises:
        UnexpectedValue: If a value cannot be of that type.
    """
    arrow = _ARROW[data_type]
    try:
        kinds = _NONE if data_type in _STRICT else frozenset(map(type, values))
        if kinds <= _AT_ONCE.get(data_type, _NONE):
            return pa.array(values, arrow)
        if kinds <= {str, *_NONE} and data_type in _ARE_PLAIN:
            texts = pa.array(values, pa.string())
            if _ARE_PLAIN[data_type](texts):
                return texts.cast(arrow)
    except _MISFITS:
        pass  # one by one
    convert = _CONVERT[data_type]
    try:
        return pa.array([None if value is None else convert(value) for value in values], arrow)
    except _MISFITS:
        raise UnexpectedValue(
            f"The field {_dotted(name)} holds a value that is no {data_type}"
        ) from None


def _column_name(field: str) -> str:
    name = field.replace(_BELOW, _NESTING)
    if not name or name.startswith("_"):
        # dlt's and ours: a field `_deleted` must not delete
        name = (name.strip("_") or "field") + _APART
    return name


def _occupied(name: str, normalize: Callable[[str], str]) -> set[str]:
    return {normalize(name), normalize(name + _VARIANT)}


def _settle(name: str, values: list[Any], known: str | None) -> dict[str, pa.Array]:
    data_type = known if known in _CONVERT else _infer(values)
    if data_type is None:
        return {}
    convert, fitting = _CONVERT[data_type], list[Any]()
    others: list[str | None] = []
    for value in values:
        try:
            fitting.append(None if value is None else convert(value))
            others.append(None)
        except _MISFITS:
            fitting.append(None)
            others.append(_text(value))
    found = {name: pa.array(fitting, _ARROW[data_type])}
    if any(other is not None for other in others):
        found[name + _VARIANT] = pa.array(others, pa.string())
    return found


def _infer(values: list[Any]) -> str | None:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return None
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "bigint" if all(v is None or v in _INT64 for v in values) else "text"
    if kinds <= {int, float}:
        exact = all(v in _EXACT_IN_DOUBLE for v in values if isinstance(v, int))
        return "double" if exact else "text"
    return "text"


def _collect(
    blocks: Sequence[dict[str, Any]],
    tree: _Tree,
    prefix: str,
    declared: dict[str, Sequence[Any]],
    others: dict[str, Sequence[Any]],
) -> None:
    columns = _columns(blocks)
    absent = [None] * len(blocks)
    for field, subtree in tree.items():
        name, column = prefix + field, columns.pop(field, absent)
        if subtree is None:
            declared[name] = column
        else:
            _collect(_nested(column, name), subtree, name + _NESTING, declared, others)
    for field, column in columns.items():
        others[_unused(prefix.replace(_NESTING, _BELOW) + field, others)] = column


def _columns(blocks: Sequence[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    first = blocks[0] if blocks else {}
    if set(map(len, blocks)) == {len(first)}:
        try:
            # as many fields in all, and all fields of the first: so none has any other
            return {field: list(map(itemgetter(field), blocks)) for field in first}
        except KeyError:
            pass
    fields = set(chain.from_iterable(blocks))
    return {field: [block.get(field) for block in blocks] for field in fields}


def _nested(column: Sequence[Any], name: str) -> Sequence[dict[str, Any]]:
    kinds = set(map(type, column))
    if kinds == {dict}:
        return column
    if not kinds <= {dict, type(None)}:
        raise UnexpectedValue(f"The field {_dotted(name)} is no block")
    return [block or {} for block in column]


def _unused(name: str, taken: Container[str], normalize: Callable[[str], str] = str) -> str:
    while normalize(name) in taken:
        name += _APART
    return name


_Tree = dict[str, Any]
"""Field name → None for a leaf, or the tree of the nested block."""


def _tree(columns: Iterable[str]) -> _Tree:
    tree: _Tree = {}
    for name in columns:
        *parents, leaf = name.split(_NESTING)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = None
    return tree


def _field(name: str, hint: TColumnSchema) -> pa.Field:
    return pa.field(name, _ARROW[str(hint["data_type"])], nullable=hint.get("nullable", True))


def _is_raw(name: str) -> bool:
    return name.startswith(UNDECLARED)


def _json_text(name: str, value: Any) -> str | None:
    try:
        return None if value is None else encode(value)
    except RecursionError:
        raise UnexpectedValue(f"The field {_dotted(name)} is nested too deep") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else encode(value)


def _dotted(name: str) -> str:
    return name.replace(_NESTING, ".").replace(_BELOW, ".")


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
_ARROW: dict[str, pa.DataType] = {
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
_STRICT = frozenset({"text", "bool"})
"""Data types of which Arrow itself takes no other JSON type than theirs."""
_ARE_PLAIN: dict[str, Callable[[pa.Array], bool]] = {
    "bigint": _are_plain_integers,
    "timestamp": _are_plain_times,
}
"""Which texts Arrow reads as `_CONVERT` does; it also reads others, such as 0x10."""
_CONVERT: dict[str, Callable[[Any], Any]] = {
    "bigint": _optional_integer,
    "text": _text,
    "double": _number,
    "bool": _boolean,
    "timestamp": _timestamp,
    "json": encode,
}
