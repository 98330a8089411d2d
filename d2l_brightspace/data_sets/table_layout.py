"""What a data set's table looks like: to dlt, to Arrow, and to the CSV it comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from zlib import crc32

import pyarrow as pa

from d2l_brightspace.dlt_compat.dlt_ids import DLT_ID, new_dlt_ids

from .dictionary import Column, DataSet, letters, references_of

LOAD_ID = "_dlt_load_id"
ROW_KEY = "row_key"
"""Stands in for a key that may hold nulls: its parts as one text."""
APART = "_undeclared"
"""Appended to the name of a foreign column whose table column is taken by another."""

PERSONAL = ("name", "contact", "identifier", "network", "free_text", "unclassified")
"""Privacy classes that are marked as personal; a user id alone is a pseudonym, and what a
pseudonym did names nobody. What nobody documents may name somebody."""

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
        loaded_types: dlt's data types of the columns that the table has already; one that was
            loaded as text before it was documented stays a text.
    """

    data_set: DataSet
    normalize: Callable[[str], str]
    extra: tuple[str, ...] = ()
    with_ids: bool = False
    """Whether rows carry dlt's id, as those do that once passed a user's step."""
    loaded_types: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are read from the CSV."""
        documented = (self._as_loaded(column) for column in self.data_set.columns)
        return (*documented, *(Column(name) for name in self.extra))

    def _as_loaded(self, column: Column) -> Column:
        loaded = self.loaded_types.get(self.normalize(column.name))
        return (
            replace(column, kind="text") if loaded == "text" and column.kind != "uuid" else column
        )

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What the table calls a column of the CSV; no two columns have one name."""
        names: dict[str, str] = {}
        for name in [column.name for column in self.columns]:
            names[name] = _free_name(name, self.normalize, names.values())
        return names

    @cached_property
    def schema(self) -> pa.Schema:
        """The table as Arrow has it."""
        fields = [pa.field(LOAD_ID, pa.string(), nullable=False)]
        if self.with_ids:
            fields.append(pa.field(DLT_ID, pa.string(), nullable=False))
        if self.data_set.has_nullable_key:
            fields.append(pa.field(ROW_KEY, pa.string(), nullable=False))
        for column in self.columns:
            nullable = self.names[column.name] not in self.key or column.grown
            fields.append(pa.field(self.names[column.name], arrow_type(column), nullable))
        return pa.schema(fields)

    @cached_property
    def key(self) -> list[str]:
        """The columns that name a row, as the table calls them."""
        if self.data_set.has_nullable_key:
            return [ROW_KEY]
        return [self.names[column.name] for column in self.data_set.keys]

    @cached_property
    def ours(self) -> list[str]:
        """Columns beside the key that are in no file."""
        known = {*self.names.values(), *self.key}
        return [name for name in self.schema.names if name not in known]

    @cached_property
    def order(self) -> list[str]:
        """The columns that tell which of two versions of a row is the newer."""
        found = (self.data_set.column_of("version"), self.data_set.column_of("modified"))
        return [self.names[column.name] for column in found if column]

    def hints(self, *, drop_deleted: bool = False) -> dict[str, Any]:
        """The table's columns as dlt takes them.

        Args:
            drop_deleted: Whether dlt shall leave out the rows that are marked as deleted.
        """
        hints: dict[str, Any] = {LOAD_ID: {"data_type": "text", "nullable": False}}
        if self.data_set.has_nullable_key:
            hints[ROW_KEY] = {"data_type": "text", "nullable": False}
        for column in self.columns:
            name = self.names[column.name]
            hints[name] = _hint(column, nullable=name not in self.key or column.grown)
            if drop_deleted and column.role == "deleted":
                hints[name]["hard_delete"] = True
        return hints

    @cached_property
    def references(self) -> list[dict[str, Any]]:
        """What other tables the rows belong to, as dlt takes it."""
        found = references_of(self.data_set)
        for reference in found:
            reference["columns"] = [self.names[name] for name in reference["columns"]]
            keys = reference["referenced_columns"]
            reference["referenced_columns"] = [self.normalize(name) for name in keys]
        return found

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
            lead.append(pa.array(new_dlt_ids(len(arrays[0])), pa.string()))
        if self.data_set.has_nullable_key:
            lead.append(_join([one for one, c in zip(settled, self.columns) if c.key]))  # noqa: B905
        elif any(
            one.null_count
            for one, c in zip(settled, self.columns, strict=True)
            if c.key and not c.grown
        ):
            raise pa.ArrowInvalid("a key is missing")
        return pa.Table.from_arrays([*lead, *settled], schema=self.schema)


def find_columns(header: Sequence[str], columns: Iterable[str]) -> dict[str, str]:
    """Which column of a file is which of a table.

    By the exact name, or else without regard to case, or else by letters and digits only; so a
    foreign `user_id` beside `UserId` is a column of its own.

    Args:
        header: Names in the file.
        columns: Names in the table, documented ones first.

    Returns:
        Names in the file by names in the table; without those that the file lacks.
    """
    wanted, left = list(columns), dict.fromkeys(header)
    found: dict[str, str] = {}
    for same in (str, str.casefold, letters):
        by_name: dict[str, str] = {}
        for name in left:
            by_name.setdefault(same(name), name)
        for column in wanted:
            name = by_name.get(same(column), "")
            if column not in found and name in left:
                found[column] = name
                del left[name]
    return found


def _free_name(name: str, normalize: Callable[[str], str], taken: Iterable[str]) -> str:
    taken = set(taken)
    # dlt makes one and the same name of all names without a Latin letter
    plain = (
        normalize(name) if re.search("[A-Za-z0-9]", name) else f"column_{crc32(name.encode()):x}"
    )
    if plain not in taken and not _is_reserved(plain):
        return plain
    apart = plain.lstrip("_") + APART
    candidates = (apart if n == 1 else f"{apart}_{n}" for n in range(1, len(taken) + 3))
    return next(one for one in map(normalize, candidates) if one not in taken)


def _is_reserved(name: str) -> bool:
    return name.startswith("_dlt") or name == ROW_KEY


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
        "x-privacy-class": column.privacy,
    }
    if column.privacy in PERSONAL:
        hint["x-annotation-pii"] = True
    if column.kind == "decimal":
        hint |= {"precision": column.precision, "scale": column.scale}
    return hint
