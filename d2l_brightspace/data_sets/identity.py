"""Which table a data set has: that of its SchemaId, whatever it is called today.

D2L renames data sets, spells one name in several ways, and may offer two that would have one table.
A SchemaId is the same for as long as a data set lives, and in every tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from zlib import crc32

from d2l_brightspace.extract.load_runs import BOOKKEEPING

from .dictionary import DataSet, by_name, by_schema_id, letters, table_name

RESERVED = BOOKKEEPING | {"other_data_sets"}
"""Tables and resources of ours."""
LONGEST = 50
"""Letters of a table's name that are taken from the name of a data set."""
_BY_NAME = "name:"


@dataclass(frozen=True)
class Loaded:
    """What the working folder knows of tables."""

    tables: Mapping[str, str] = field(default_factory=dict)
    """Names of tables by the identity of the data set that fills them."""
    unclaimed: frozenset[str] = frozenset()
    """Tables that were loaded before identities were kept."""


def identity_of(schema_id: str | None, name: str) -> str:
    """What names a data set for good; by its name where the older routes tell no id."""
    if schema_id:
        return schema_id.lower()
    known = by_name(name)
    return (known.schema_id if known else "") or _BY_NAME + letters(name)


def assign(offered: Iterable[tuple[str, str]], loaded: Loaded) -> dict[str, tuple[DataSet, bool]]:
    """Give each data set a table of its own.

    Args:
        offered: Identity and name of each data set.
        loaded: Tables that there are.

    Returns:
        By identity: the data set with its table, and whether the dictionary knows it.
    """
    names = dict(offered)
    known = _documented(names)
    assigned: dict[str, tuple[DataSet, bool]] = {}
    taken = set(RESERVED)
    # who has a table keeps it; the documented come next, and then the others in a lasting order
    for identity in sorted(
        names, key=lambda one: (one not in loaded.tables, one not in known, one)
    ):
        data_set = known.get(identity)
        table = next(
            one
            for one in _candidates(identity, names[identity], data_set, loaded)
            if one not in taken
        )
        taken.add(table)
        documented = data_set is not None
        data_set = data_set or DataSet(names[identity], schema_id=identity)
        assigned[identity] = (_with_table(data_set, table), documented)
    return assigned


def _documented(names: Mapping[str, str]) -> dict[str, DataSet]:
    """What the dictionary knows, by identity; each entry belongs to one data set."""
    found = {identity: known for identity in names if (known := by_schema_id(identity))}
    taken = {known.name for known in found.values()}
    for identity in sorted(names):
        known = None if identity in found else by_name(names[identity])
        if known and known.name not in taken:
            found[identity] = known
            taken.add(known.name)
    return found


def _candidates(
    identity: str, name: str, data_set: DataSet | None, loaded: Loaded
) -> Iterator[str]:
    if identity in loaded.tables:
        yield loaded.tables[identity]
    names = [name] if data_set is None else [name, data_set.name, *data_set.aliases]
    by_route = {table for one, table in loaded.tables.items() if one.startswith(_BY_NAME)}
    for table in map(table_name, names):
        if table in loaded.unclaimed | by_route:
            yield table
    owned = set(loaded.tables.values()) - by_route
    plain = data_set.table if data_set else table_name(name)
    if plain and len(plain) <= LONGEST and (plain not in owned or identity.startswith(_BY_NAME)):
        yield plain
    mark = f"{crc32(identity.encode()):08x}" if identity.startswith(_BY_NAME) else identity[:8]
    base = plain[:LONGEST].strip("_") or "data_set"
    yield f"{base}_{table_name(mark)}"
    yield f"{base}_{crc32(identity.encode()):08x}"


def _with_table(data_set: DataSet, table: str) -> DataSet:
    return data_set if data_set.table == table else replace(data_set, table_name=table)
