"""Units to tables: rows of many lists share one, because each costs dlt some milliseconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.endpoints.model import Endpoint

from .arrow import Part, Rows, Tabulator, UnexpectedValue, concat
from .field_tree import UNDECLARED
from .skipped import Skip
from .typed_rows import TypedRows
from .units import Unit

EMPTIED = "emptied"
"""Load id of a row that stands for an emptied list; no load has it, and no row of a table."""
WITHOUT_EMPTIED = f"_dlt_load_id <> '{EMPTIED}'"
"""SQL: which of the staged rows are inserted."""


class Batcher:
    """Makes tables of the units of one endpoint.

    Args:
        endpoint: Declares the columns.
        tabulate: Makes tables of blocks.
        typed: Learns the fields that nobody declared.
    """

    def __init__(self, endpoint: Endpoint, tabulate: Tabulator, typed: TypedRows) -> None:
        self._endpoint = endpoint
        self._tabulate = tabulate
        self._typed = typed
        self._missing: defaultdict[int, _Missing] = defaultdict(_Missing)

    def __call__(self, units: Sequence[Unit]) -> tuple[pa.Table | None, list[Skip]]:
        """The rows of units that were read whole, and what is missing.

        Rows and values that are missing of a list are summed up over all batches, since there is
        one record for each org unit: the latest has them all.

        Raises:
            ProtocolError: If a piece of a list of the whole tenant cannot be in the table.
        """
        skips = [
            Skip(org_unit_id, error)
            for unit in units
            for error in unit.errors
            for org_unit_id in unit.org_unit_ids
        ]
        whole = [unit for unit in units if not unit.errors]
        try:
            rows = self._rows(whole)
            if rows.is_whole:
                return self._distinct(rows) if whole else None, skips
        except UnexpectedValue:
            pass  # whose it is, is found out one by one
        tables = []
        for unit in whole:
            try:
                rows = self._rows([unit])
            except UnexpectedValue as error:
                if unit.is_stream:
                    raise self._error(str(error)) from None
                unit.errors.append(self._error(str(error)))
                skips += [Skip(one, unit.errors[-1]) for one in unit.org_unit_ids or (0,)]
                continue
            tables.append(rows)
            if not rows.is_whole:
                skips.append(self._count(unit, rows))
        return self._distinct(concat(tables)) if tables else None, skips

    def emptied(self, units: Sequence[Unit]) -> pa.Table | None:
        """Rows that stand for lists that are empty.

        The old rows of a unit are deleted when new ones arrive for it; without such a row an
        emptied list would keep them.
        """
        names = [str(self._endpoint.replaces), *self._tabulate.keys]
        columns = {name: [0] * len(units) for name in names}
        columns[names[0]] = [unit.keys[names[0]] for unit in units]
        schema = self._tabulate.schema
        arrays = [
            pa.array([str(one) for one in columns[name]], pa.string())
            if name in columns and schema.field(name).type == pa.string()
            else pa.array(columns.get(name, [None] * len(units)), schema.field(name).type)
            for name in schema.names
        ]
        if not units:
            return None
        return pa.table(arrays, schema=schema)

    def _rows(self, units: Sequence[Unit]) -> Rows:
        parts = [part for unit in units for part in unit.parts]
        tables: list[Rows] = []
        for is_table, group in groupby(parts, lambda part: isinstance(part, Rows)):
            some = [*group]
            tables += some if is_table else [self._tabulated(some)]  # type: ignore[arg-type]
        return concat(tables or [self._tabulate([])])

    def _tabulated(self, parts: Iterable[Part]) -> Rows:
        rows = self._tabulate([*parts])
        names = rows.table.schema.names
        self._typed.learn(
            name.removeprefix(UNDECLARED) for name in names if name.startswith(UNDECLARED)
        )
        return rows

    def _distinct(self, rows: Rows) -> pa.Table:
        # within a unit only: dlt is told that rows that replace others are distinct
        if self._endpoint.replaces is None:
            return rows.table
        return distinct(rows.table, self._tabulate.keys)

    def _count(self, unit: Unit, rows: Rows) -> Skip:
        # whose list a row was in that came for several org units, nobody can say
        org_unit_id = unit.org_unit_ids[0] if len(unit.org_unit_ids) == 1 else 0
        missing = self._missing[org_unit_id]
        missing.rows += rows.keyless
        missing.values += rows.unreadable
        words = []
        if missing.rows:
            keys = " or ".join(self._tabulate.keys)
            words.append(f"Rows without {keys} were left out ({missing.rows})")
        if missing.values:
            fields = ", ".join(f"{name} ({n})" for name, n in missing.values.most_common())
            words.append(f"Values that cannot be read became null: {fields}")
        error = self._error(". ".join(words))
        return Skip(org_unit_id, error, missing.rows, missing.values.total())

    def _error(self, message: str) -> ProtocolError:
        return ProtocolError(message, RequestContext(self._endpoint.route))


@dataclass
class _Missing:
    """What is missing of the lists of an org unit that are loaded."""

    rows: int = 0
    values: Counter[str] = field(default_factory=Counter)


def distinct(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Keep the last row of each key: rows repeat where a list moves while it is paged."""
    if table.group_by(keys).aggregate([]).num_rows == table.num_rows:
        return table
    numbered = table.select(keys).append_column("row", pa.array(range(table.num_rows)))
    last = numbered.group_by(keys).aggregate([("row", "max")])
    return table.take(last["row_max"])
