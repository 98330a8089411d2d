"""Key-value data sets as one row for each key, by a view.

`user_attribute_values` holds a row for each attribute of a user; a report wants a column for each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import dlt

from d2l_brightspace.client.errors import ConfigurationError

from .dictionary import table_name


@dataclass(frozen=True)
class KeyValues:
    """A table of values under names.

    Attributes:
        table: Its name.
        rows: The columns that name a row of the view.
        name: The column with the name of a value.
        value: The column with the value.
        where: Which rows count, as a condition of SQL.
    """

    table: str
    rows: tuple[str, ...]
    name: str
    value: str
    where: str = "1 = 1"


USER_ATTRIBUTES = KeyValues(
    "user_attribute_values",
    ("user_id",),
    "attribute_id",
    "value",
    "COALESCE(is_deleted, FALSE) = FALSE",
)
"""The attributes that a tenant has defined for its users."""
_MOST_COLUMNS = 500


def create_pivot_view(
    pipeline: dlt.Pipeline, view: str = "user_attributes", of: KeyValues = USER_ATTRIBUTES
) -> list[str]:
    """Create a view with a column for each name that a table of values holds.

    Run it after a load; a name that is new then gets its column. Where several rows have one name
    for one key, the view has the greatest of their values.

    Args:
        pipeline: That has loaded the table.
        view: Name of the view; one that is there is replaced.
        of: The table.

    Returns:
        The columns made of names.

    Raises:
        ConfigurationError: If there are no names, or so many that they are no columns.
    """
    with pipeline.sql_client() as client:
        quoted = client.escape_column_name
        table = client.make_qualified_table_name(of.table)
        names = client.execute_sql(
            f"SELECT DISTINCT {quoted(of.name)} FROM {table} WHERE {of.where} ORDER BY 1"
        )
        columns = _columns([str(name) for (name,) in names or ()], of)
        chosen = [quoted(column) for column in of.rows]
        values = [
            f"MAX(CASE WHEN {quoted(of.name)} = {_literal(name)} THEN {quoted(of.value)} END) "
            f"AS {quoted(column)}"
            for column, name in columns.items()
        ]
        target = client.make_qualified_table_name(view)
        client.execute_sql(f"DROP VIEW IF EXISTS {target}")
        client.execute_sql(
            f"CREATE VIEW {target} AS SELECT {', '.join([*chosen, *values])} FROM {table} "
            f"WHERE {of.where} GROUP BY {', '.join(chosen)}"
        )
    return list(columns)


def _columns(names: list[str], of: KeyValues) -> dict[str, str]:
    """Names of values by columns; no two share one."""
    if not 0 < len(names) <= _MOST_COLUMNS:
        raise ConfigurationError(
            f"The table {of.table} holds {len(names)} different names, where a view has from 1 to "
            f"{_MOST_COLUMNS} columns; is {of.name} the column with the names?"
        )
    columns: dict[str, str] = {}
    for name in names:
        plain = re.sub("^(?=[0-9])", "_", table_name(name)[:_LONGEST]) or "value"
        free = (plain if n == 1 else f"{plain}_{n}" for n in range(1, len(names) + 2))
        columns[next(one for one in free if one not in columns and one not in of.rows)] = name
    return columns


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_LONGEST = 50
