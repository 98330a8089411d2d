"""What a data set's table looks like: to dlt, to Arrow, and to the CSV it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
from dlt.common.normalizers.utils import generate_dlt_ids

from d2l_brightspace.dlt_compat.imports import DLT_ID

from .dictionary import Column, DataSet

LOAD_ID = "_dlt_load_id"
ROW_KEY = "row_key"
"""Stands in for a key that may hold nulls: its parts as one text."""

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "bigint": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "double": pa.float64(),
    "text": pa.string(),
    "uuid": pa.string(),
}


def arrow_type(column: Column) -> pa.DataType:
    """The exact type of a column's values."""
    if column.kind == "decimal":
        return pa.decimal128(column.precision or 38, column.scale or 0)
    return ARROW_TYPES[column.kind]


@dataclass(frozen=True)
class Layout:
    """The columns of one table in the order in which the destination has them.

    Attributes:
        data_set: What the dictionary knows.
        normalize: Column name in the CSV to column name in the table.
        extra: Columns that the dictionary does not know, as text.
    """

    data_set: DataSet
    normalize: Callable[[str], str]
    extra: tuple[str, ...] = ()
    with_ids: bool = False
    """Whether rows carry dlt's id, as those do that once passed a user's step."""

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are read from the CSV."""
        return (*self.data_set.columns, *(Column(name) for name in self.extra))

    @cached_property
    def schema(self) -> pa.Schema:
        """The table as Arrow has it."""
        fields = [pa.field(LOAD_ID, pa.string(), nullable=False)]
        if self.with_ids:
            fields.append(pa.field(DLT_ID, pa.string(), nullable=False))
        if self.data_set.has_nullable_key:
            fields.append(pa.field(ROW_KEY, pa.string(), nullable=False))
        for column in self.columns:
            nullable = column.name not in self.key_hint
            fields.append(pa.field(self.normalize(column.name), arrow_type(column), nullable))
        return pa.schema(fields)

    @cached_property
    def key(self) -> list[str]:
        """The columns that name a row, as the table calls them."""
        if self.data_set.has_nullable_key:
            return [ROW_KEY]
        return [self.normalize(column.name) for column in self.data_set.keys]

    @cached_property
    def order(self) -> list[str]:
        """The columns that tell which of two versions of a row is the newer."""
        found = (self.data_set.column_of("version"), self.data_set.column_of("modified"))
        return [self.normalize(column.name) for column in found if column]

    @cached_property
    def key_hint(self) -> list[str]:
        """The same as dlt takes it, which normalizes names itself."""
        return [ROW_KEY] if self.data_set.has_nullable_key else [c.name for c in self.data_set.keys]

    def hints(self, *, drop_deleted: bool = False) -> dict[str, Any]:
        """The table's columns as dlt takes them.

        Args:
            drop_deleted: Whether dlt shall leave out the rows that are marked as deleted.
        """
        hints: dict[str, Any] = {LOAD_ID: {"data_type": "text", "nullable": False}}
        if self.data_set.has_nullable_key:
            hints[ROW_KEY] = {"data_type": "text", "nullable": False}
        for column in self.columns:
            nullable = column.name not in self.key_hint
            hints[column.name] = _hint(column, nullable=nullable)
            if drop_deleted and column.role == "deleted":
                hints[column.name]["hard_delete"] = True
        return hints

    def tabulate(self, arrays: Sequence[pa.Array], load_id: str) -> pa.Table:
        """Make a table of the values of `columns`.

        Raises:
            pa.ArrowInvalid: If a key is missing.
        """
        settled = [
            _settle(column, array) for column, array in zip(self.columns, arrays, strict=True)
        ]
        lead = [pa.repeat(pa.scalar(load_id), len(arrays[0]))]
        if self.with_ids:
            lead.append(pa.array(generate_dlt_ids(len(arrays[0])), pa.string()))
        if self.data_set.has_nullable_key:
            lead.append(_join([one for one, c in zip(settled, self.columns) if c.key]))  # noqa: B905
        elif any(one.null_count for one, c in zip(settled, self.columns) if c.key):  # noqa: B905
            raise pa.ArrowInvalid("a key is missing")
        return pa.Table.from_arrays([*lead, *settled], schema=self.schema)


def _settle(column: Column, array: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    if column.kind == "uuid":
        array = pc.ascii_lower(array)  # the same id comes in both cases
    if column.kind == "timestamp" and array.type.tz is None:
        array = array.cast(ARROW_TYPES["timestamp"])
    if column.key and pa.types.is_string(array.type):
        array = array.fill_null("")  # the CSV cannot tell an empty text from none
    return array


def _join(keys: list[pa.Array]) -> pa.Array:
    import pyarrow.compute as pc

    texts = [pc.fill_null(key.cast(pa.string()), "") for key in keys]
    return pc.binary_join_element_wise(*texts, "|")


def _hint(column: Column, *, nullable: bool) -> dict[str, Any]:
    hint: dict[str, Any] = {
        "data_type": "text" if column.kind == "uuid" else column.kind,
        "nullable": nullable,
    }
    if column.kind == "decimal":
        hint |= {"precision": column.precision, "scale": column.scale}
    return hint
