"""What is known of each data set: its columns, their types, its key, what they say of a person.

Read from `data_sets.csv`, `columns.csv` and `codes.csv`, which
`scripts/build_data_set_dictionary.py` makes; D2L publishes this only as prose (KB 4518 and its
children). State: BDS 11.x, 2026.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import groupby
from typing import Any, Literal

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
    privacy: str = "unclassified"
    """What it says of a person: `none`, `person_key`, `name`, `contact`, `identifier`, `network`,
    `free_text`, `behaviour`; `unclassified` where nobody documents it."""
    grown: bool = False
    """Whether files show that it belongs to the key, which nobody documents; the column of a table
    that has rows already stays nullable."""
    references: str = ""
    """`Users.UserId`, the data set and column that its values are of."""


@dataclass(frozen=True)
class DataSet:
    """One data set, known or not."""

    name: str
    """Display name, as the tenant's list has it."""
    columns: tuple[Column, ...] = ()
    schema_id: str = ""
    """What names it in every tenant, whatever it is called; empty where nobody published it."""
    aliases: tuple[str, ...] = ()
    """Other names: former ones, other spellings."""
    description: str = ""
    """What a row is."""
    table_name: str = ""
    """Name of its table, where that does not follow from its name."""

    @property
    def table(self) -> str:
        """Name of its table."""
        return self.table_name or table_name(self.name)

    @property
    def keys(self) -> tuple[Column, ...]:
        """The columns that name a row; none where D2L documents none."""
        return tuple(column for column in self.columns if column.key)

    @property
    def has_nullable_key(self) -> bool:
        """Whether the key may hold nulls, which no database takes for equal to each other."""
        return any(column.nullable and not column.grown for column in self.keys)

    def column_of(self, role: Role) -> Column | None:
        """The first column of a role."""
        return next((column for column in self.columns if column.role == role), None)


@dataclass(frozen=True)
class Code:
    """What a code in a column means."""

    data_set: str
    column: str
    code: str
    meaning: str
    """Empty where the code speaks for itself."""


def table_name(name: str) -> str:
    """`User Enrollments` -> `user_enrollments`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def letters(name: str) -> str:
    """A name by its letters and digits only; one of another alphabet as it is."""
    return re.sub(r"[^a-z0-9]", "", name.lower()) if name.isascii() else name


@lru_cache(maxsize=1)
def dictionary() -> Mapping[str, DataSet]:
    """All documented data sets by table name."""
    columns = {
        name: tuple(map(_column, rows))
        for name, rows in groupby(_read("columns.csv"), lambda row: row["data_set"])
    }
    known = (_data_set(row, columns.get(row["data_set"], ())) for row in _read("data_sets.csv"))
    return {data_set.table: data_set for data_set in known}


@lru_cache(maxsize=1)
def _by_schema_id() -> Mapping[str, DataSet]:
    return {one.schema_id: one for one in dictionary().values() if one.schema_id}


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, DataSet]:
    found: dict[str, DataSet] = {}
    for one in dictionary().values():
        for name in (one.name, *one.aliases):
            found[letters(name)] = one
    return found


def by_schema_id(schema_id: str) -> DataSet | None:
    """The data set that has this id in every tenant."""
    return _by_schema_id().get(schema_id.lower())


def by_name(name: str) -> DataSet | None:
    """The data set of this name, a former name, or the name of a table."""
    return _by_name().get(letters(name))


@lru_cache(maxsize=1)
def codes() -> tuple[Code, ...]:
    """The meanings of all codes that D2L documents."""
    return tuple(
        Code(row["data_set"], row["column"], row["code"], row["meaning"])
        for row in _read("codes.csv")
    )


def references_of(data_set: DataSet) -> list[dict[str, Any]]:
    """Dlt's `references` of a data set, by the names of D2L.

    Several columns that refer to parts of one key are one reference (question and version);
    several that refer to the same column are one each (who created, who changed).
    """
    by_target: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for column in data_set.columns:
        target, _, key = column.references.partition(".")
        if key and target != data_set.name:
            by_target[target].append((column.name, key))
    found = []
    for target, pairs in by_target.items():
        # dlt keeps the last one to each table: that of the column with the same name
        pairs.sort(key=lambda pair: pair[0] == pair[1])
        is_one = len({key for _, key in pairs}) == len(pairs)
        for group in [pairs] if is_one else [[pair] for pair in pairs]:
            names, keys = zip(*group, strict=True)
            found.append(
                {
                    "referenced_table": table_name(target),
                    "columns": list(names),
                    "referenced_columns": list(keys),
                }
            )
    return found


def _read(file: str) -> Iterator[dict[str, str]]:
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _data_set(row: dict[str, str], columns: tuple[Column, ...]) -> DataSet:
    return DataSet(
        name=row["data_set"],
        columns=columns,
        schema_id=row["schema_id"],
        aliases=(row["alias"],) if row["alias"] else (),
        description=row["description"],
    )


def _column(row: dict[str, str]) -> Column:
    return Column(
        name=row["column"],
        kind=row["type"],  # type: ignore[arg-type]
        precision=int(row["precision"]) if row["precision"] else None,
        scale=int(row["scale"]) if row["scale"] else None,
        key=bool(row["key"]),
        nullable=bool(row["nullable"]),
        role=row["role"],  # type: ignore[arg-type]
        privacy=row["privacy"] or "none",
        references=row["references"],
    )
