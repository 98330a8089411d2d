"""What is known of each data set: its columns, their types, its key.

Read from `dictionary.csv`, which `scripts/build_data_set_dictionary.py` makes; D2L publishes this
only as prose (KB 4518 and its children).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import groupby
from typing import Literal

Kind = Literal["bigint", "bool", "timestamp", "decimal", "double", "text", "uuid"]
Role = Literal["", "deleted", "version", "modified"]


@dataclass(frozen=True)
class Column:
    """One documented column."""

    name: str
    """As the header of the CSV has it."""
    kind: Kind = "text"
    precision: int | None = None
    scale: int | None = None
    key: bool = False
    nullable: bool = True
    role: Role = ""


@dataclass(frozen=True)
class DataSet:
    """One data set, known or not."""

    name: str
    """Display name, as the tenant's list has it."""
    columns: tuple[Column, ...] = ()

    @property
    def table(self) -> str:
        """Name of its table and of its resource."""
        return table_name(self.name)

    @property
    def keys(self) -> tuple[Column, ...]:
        """The columns that name a row; none where D2L documents none."""
        return tuple(column for column in self.columns if column.key)

    @property
    def has_nullable_key(self) -> bool:
        """Whether the key may hold nulls, which no database takes for equal to each other."""
        return any(column.nullable for column in self.keys)

    def column_of(self, role: Role) -> Column | None:
        """The first column of a role."""
        return next((column for column in self.columns if column.role == role), None)


def table_name(name: str) -> str:
    """`User Enrollments` -> `user_enrollments`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@lru_cache(maxsize=1)
def dictionary() -> Mapping[str, DataSet]:
    """All documented data sets by table name."""
    text = resources.files(__package__).joinpath("dictionary.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    known = (
        DataSet(name, tuple(_column(row) for row in columns))
        for name, columns in groupby(rows, lambda row: row["data_set"])
    )
    return {data_set.table: data_set for data_set in known}


def _column(row: dict[str, str]) -> Column:
    return Column(
        name=row["column"],
        kind=row["type"],  # type: ignore[arg-type]
        precision=int(row["precision"]) if row["precision"] else None,
        scale=int(row["scale"]) if row["scale"] else None,
        key=bool(row["key"]),
        nullable=bool(row["nullable"]),
        role=row["role"],  # type: ignore[arg-type]
    )
