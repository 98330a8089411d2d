"""Fields that nobody declared: names and types for their columns.

They travel as JSON text under a prefix until they get here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import pyarrow as pa

from d2l_brightspace.client.json_codec import decode, encode

from .arrow import APART, ARROW_TYPES, CONVERT, MISFITS, as_text, unused
from .field_tree import BELOW, NESTING, UNDECLARED

_VARIANT = "__v_text"
"""Appended, as dlt does it, to the name of a column for the values that do not fit its type."""
_INT64 = range(-(2**63), 2**63)
_EXACT_IN_DOUBLE = range(-(2**53), 2**53 + 1)


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
        name = names.get(field) or unused(_column_name(field), taken, normalize)
        texts = table[raw].to_pylist()
        values = [None if text is None else decode(text.encode()) for text in texts]
        found = _settle(name, values, known.get(normalize(name)))
        if found:
            names[field] = name
            taken |= _occupied(name, normalize)
        fields += [pa.field(column, array.type) for column, array in found.items()]
        settled |= found
    return pa.table(list(settled.values()), schema=pa.schema(fields))


def _column_name(field: str) -> str:
    name = field.replace(BELOW, NESTING)
    if not name or name.startswith("_"):
        # dlt's and ours: a field `_deleted` must not delete
        name = (name.strip("_") or "field") + APART
    return name


def _occupied(name: str, normalize: Callable[[str], str]) -> set[str]:
    return {normalize(name), normalize(name + _VARIANT)}


def _settle(name: str, values: list[Any], known: str | None) -> dict[str, pa.Array]:
    data_type = known if known in CONVERT else _infer(values)
    if data_type is None:
        return {}
    # decoded here, where a declared column of JSON has its texts already
    convert: Callable[[Any], Any] = encode if data_type == "json" else CONVERT[data_type]
    fitting = list[Any]()
    others: list[str | None] = []
    for value in values:
        try:
            fitting.append(None if value is None else convert(value))
            others.append(None)
        except MISFITS:
            fitting.append(None)
            others.append(as_text(value))
    found = {name: pa.array(fitting, ARROW_TYPES[data_type])}
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


def _is_raw(name: str) -> bool:
    return name.startswith(UNDECLARED)
