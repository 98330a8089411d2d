"""Where commands, scripts and examples load to: one destination for all, called `warehouse`."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.destination.reference import Destination

from d2l_brightspace.client.errors import ConfigurationError

WAREHOUSE = "warehouse"


def warehouse() -> Any:
    """The destination that the settings call `warehouse`, or else the DuckDB file of that name.

    REST tables and data sets are in one database by it, so that they join:
    `dlt.pipeline("d2l_brightspace_pipeline", destination=warehouse(), …)`.

    Returns:
        What `[destination.warehouse]` of `.dlt/config.toml` names. Without that section
        `warehouse.duckdb`, in the working folder, or where a dlt workspace keeps its data.
    """
    if dlt.config.get(f"destination.{WAREHOUSE}.destination_type"):
        return Destination.from_reference(WAREHOUSE)
    return dlt.destinations.duckdb(destination_name=WAREHOUSE)


def named_destination(name: str) -> Any:
    """The destination of a name that was given on the command line.

    Args:
        name: `warehouse`, a destination of the settings, or a kind of destination: `snowflake`.

    Raises:
        ConfigurationError: If there is none of that name.
    """
    if name == WAREHOUSE:
        return warehouse()
    try:
        return Destination.from_reference(name)
    except UnknownDestinationModule:
        raise ConfigurationError(
            f"There is no destination {name!r}. Give a kind that dlt knows, such as "
            "--destination duckdb or --destination snowflake, or a name of your own with a "
            f'section [destination.{name}] and destination_type = "postgres" in .dlt/config.toml.'
        ) from None
