"""Tables that one load exchanges as a whole: all old rows go, and the new ones come, in one step.

What to exchange is kept in the state of the load package, so that it holds for this package alone,
whoever finishes it, and never gets into a schema, where a later load would find it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.schema.typing import MERGE_DISPOSITION_HINTS
from dlt.common.storages.load_package import LoadPackageStateInjectableContext

_EXCHANGED = "d2l_brightspace_exchanged"
_SCOPE = MERGE_DISPOSITION_HINTS["destination_scope"]
_EVERY_ROW = "1 = 1"


def exchange(table_name: str, column: str | None = None, kept: Collection[int] = ()) -> None:
    """Say of the table of the running generator that its load exchanges all of it.

    Relies on `destination_state` being kept with the package when its extraction ends.

    Args:
        table_name: As the hints have it.
        column: By which rows are kept; None where all go.
        kept: Values of that column whose rows stay.
    """
    naming = dlt.current.source_schema().naming
    exchanged = dlt.current.destination_state().setdefault(_EXCHANGED, {})
    exchanged[naming.normalize_table_identifier(table_name)] = {
        "column": column and naming.normalize_path(column),
        "kept": sorted(kept),
    }


def honour_exchanges(destination: Any) -> None:
    """Let the clients of a destination do what the package they load says about whole tables.

    Their tables get a scope that holds every row, and are made again, with all columns, where
    somebody has dropped them. Relies on the load getting its clients from `client` of the
    destination while the package is the current one, on a merge asking `prepare_load_table` for
    the hints of its table, and on `update_stored_schema` comparing with what there is when forced.
    """
    make = destination.client

    def client(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        exchanged = _exchanged()
        if exchanged:
            _widen_scopes(made, exchanged)
            _force_migration(made)
        return made

    destination.client = client


def _exchanged() -> dict[str, Any]:
    container = Container()
    if LoadPackageStateInjectableContext not in container:
        return {}
    state: Any = container[LoadPackageStateInjectableContext].state
    return state.get("destination_state", {}).get(_EXCHANGED, {})  # type: ignore[no-any-return]


def _widen_scopes(client: Any, exchanged: dict[str, Any]) -> None:
    prepare = client.prepare_load_table

    def prepare_load_table(table_name: str) -> Any:
        table = prepare(table_name)
        if table_name in exchanged and table["write_disposition"] == "merge":
            table[_SCOPE] = _scope(client, table, **exchanged[table_name])
        return table

    client.prepare_load_table = prepare_load_table


def _scope(client: Any, table: Any, *, column: str | None, kept: list[int]) -> str:
    if column is None or not kept:
        return _EVERY_ROW
    is_text = table["columns"][column]["data_type"] == "text"
    values = ", ".join(f"'{one}'" if is_text else str(one) for one in kept)
    return f"{client.sql_client.escape_column_name(column)} NOT IN ({values})"


def _force_migration(client: Any) -> None:
    update = client.update_stored_schema

    def update_stored_schema(*arguments: Any, **options: Any) -> Any:
        return update(*arguments, **{**options, "force": True})

    client.update_stored_schema = update_stored_schema


def forget_cursors(pipeline: dlt.Pipeline, source: str, resources: Collection[str]) -> None:
    """Let resources read from their initial values again; what else they remember stays.

    Relies on the cursors of a resource being `incremental` in its state.
    """
    with pipeline.managed_state() as state:
        of_source: Any = state.get("sources", {}).get(source, {})
        for name in resources:
            of_source.get("resources", {}).get(name, {}).pop("incremental", None)
