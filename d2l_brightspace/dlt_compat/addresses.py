"""Where a destination keeps the data, in words that hold no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials


def file_of(client: Any) -> Path | None:
    """The file of a DuckDB database; None where there is none, as in memory.

    Relies on a client having the `credentials` that it connects by, before it does.

    Args:
        client: dlt's client of the destination, connected or not.
    """
    credentials = getattr(client, "credentials", None)
    if not isinstance(credentials, DuckDbCredentials) or credentials.external_conn():
        return None
    database = str(credentials.database or "")
    return None if not database or database.startswith(":") else Path(database).absolute()


def address(client: Any, kind: str) -> str | None:
    """A destination's file, or its host and database; without user, password and query.

    Relies on credentials naming these `host`, `port` and `database`, or as `_NAMES` has it.

    Args:
        client: As in `file_of`.
        kind: Type of the destination, such as `postgres`.

    Returns:
        None where neither host nor database is known.
    """
    file = file_of(client)
    if file is not None:
        return str(file)
    credentials = getattr(client, "credentials", None)
    host, database = (_first(credentials, names) for names in _NAMES)
    port = _first(credentials, ("port",))
    place = "/".join(filter(None, [f"{host}:{port}" if host and port else host, database]))
    return f"{kind}://{place}" if place else None


def _first(credentials: Any, names: tuple[str, ...]) -> str:
    for name in names:
        value = getattr(credentials, name, None)
        if isinstance(value, (str, int)) and value:
            # of a value that somebody gave as a whole address only what is no secret
            return str(value).rpartition("@")[2].partition("?")[0]
    return ""


_NAMES = (("host", "server_hostname"), ("database", "catalog", "project_id"))
