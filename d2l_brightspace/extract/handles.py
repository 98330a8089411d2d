"""What a user has made of a resource: steps, limit, hints; asked while the resource runs.

A resource with a filter, a map or a validator gives dict rows; one without gives Arrow tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.dlt_compat import pipes
from d2l_brightspace.endpoints.model import Endpoint

from .arrow import ARROW_TYPES
from .batching import WITHOUT_EMPTIED
from .executor import Demand


@dataclass(frozen=True)
class Handles:
    """How the rows of a resource are wanted."""

    as_rows: bool
    """As dictionaries; else as Arrow tables."""
    table: str
    """Name of the table, as the hints have it."""
    tables_by_row: bool
    """Whether a row's table depends on the row."""
    makes_table: bool
    """Whether the rows go to one table of a database."""
    columns: Mapping[str, Any]
    """Declared columns, with the data types that a user gave them."""
    strict: frozenset[str]
    """Columns in which an unreadable value is an error: a cursor, and what a user gave a type."""
    units: int | None
    one_by_one: bool
    is_limited: bool
    replaces_units: bool
    """Whether dlt deletes the old rows of each unit that new ones came for."""
    merges_by_key: bool
    """Whether dlt deletes the old row of each key that a new one came for."""
    has_steps: bool
    """Whether rows pass steps of the user, which may leave none of a unit."""
    retires: bool
    """Whether dlt retires the rows that are not among those of a run."""

    def demand(self, params: Mapping[str, str]) -> Demand:
        """What the executor needs to know of them."""
        return Demand(self.units, self.one_by_one, params)


def handles_of(endpoint: Endpoint) -> Handles:
    """The handles of the resource that is running.

    Raises:
        ConfigurationError: If one of them cannot be honoured.
    """
    schema = pipes.running_table_schema()
    limit = pipes.limit()
    tables_by_row = bool(schema) and "name" not in schema
    disposition = schema.get("write_disposition", "merge")
    strategy = schema.get("x-merge-strategy", "delete-insert")
    _check(endpoint, strategy, tables_by_row=tables_by_row)
    columns = _columns(endpoint, schema.get("columns", {}))
    is_loaded = pipes.current_load_id() is not None
    makes_table = is_loaded and "name" in schema and not pipes.is_row_destination()
    return Handles(
        as_rows=(
            not is_loaded  # somebody iterates over the resource
            or pipes.has_row_steps()
            or tables_by_row
            or strategy == "scd2"
            or pipes.is_row_destination()
        ),
        tables_by_row=tables_by_row,
        makes_table=makes_table,
        table=str(schema.get("name", endpoint.name)),
        columns=columns,
        strict=_strict(endpoint, columns),
        units=None if limit is None else limit[0],
        one_by_one=limit is not None and limit[0] is None and limit[1],
        is_limited=limit is not None,
        replaces_units=(
            endpoint.replaces is not None
            and disposition == "merge"
            and strategy == "delete-insert"
            # else the rows that stand for empty lists would be rows of the table
            and schema.get("x-merge-source-filter") == WITHOUT_EMPTIED
            # nobody deletes by them, or they have no table
            and makes_table
        ),
        merges_by_key=(
            endpoint.replaces is None and disposition == "merge" and strategy == "delete-insert"
        ),
        has_steps=pipes.has_row_steps(),
        retires=disposition == "merge" and strategy == "scd2",
    )


def _check(endpoint: Endpoint, strategy: str, *, tables_by_row: bool) -> None:
    if pipes.is_parallelized():
        raise ConfigurationError(
            f"{endpoint.name}: parallelize() is not needed and not supported: the source reads "
            "side by side as it is. Take it away; `limits.requests_in_flight` says how many."
        )
    if tables_by_row and endpoint.replaces is not None:
        raise ConfigurationError(
            f"{endpoint.name}: the name of the table cannot depend on the row, because the rows of "
            "a course are replaced as a whole in one table. Give it a fixed name, such as "
            f'apply_hints(table_name="our_{endpoint.name}"), and split the table afterwards.'
        )
    if strategy == "scd2" and endpoint.since is not None:
        raise ConfigurationError(
            f"{endpoint.name}: the merge strategy scd2 would retire all rows that a run does not "
            'read anew, and each run reads only the newest. Use "upsert", or leave the hint out.'
        )


def _strict(endpoint: Endpoint, columns: Mapping[str, Any]) -> frozenset[str]:
    cursor = {endpoint.since.field} if endpoint.since and endpoint.since.field else set()
    declared = endpoint.columns
    changed = {n for n in declared if columns[n]["data_type"] != declared[n].get("data_type")}
    return frozenset(cursor | changed)


def _columns(endpoint: Endpoint, given: Mapping[str, Any]) -> Mapping[str, Any]:
    columns: dict[str, dict[str, Any]] = {n: {**hint} for n, hint in endpoint.columns.items()}
    for name, hint in given.items():
        data_type = hint.get("data_type")
        if name in columns and data_type is not None:
            if data_type not in ARROW_TYPES:
                raise ConfigurationError(
                    f"{endpoint.name}: the column {name} cannot be of the data type "
                    f"{data_type!r}; it can be {', '.join(ARROW_TYPES)}. Example: "
                    f'columns={{"{name}": {{"data_type": "text"}}}}.'
                )
            columns[name]["data_type"] = data_type
    return columns
