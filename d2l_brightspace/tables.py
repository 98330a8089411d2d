"""Which tables a user has chosen: by name, by group, by pattern."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from .client.errors import ConfigurationError
from .endpoints import ENDPOINTS
from .endpoints.model import Endpoint

DEFAULT = ("core",)
GROUPS = tuple(dict.fromkeys(endpoint.group for endpoint in ENDPOINTS.values()))


def chosen_tables(tables: Sequence[str] | None) -> list[Endpoint]:
    """The declarations of the chosen tables, in the order of loading.

    Args:
        tables: Names of tables (`quiz_attempts`) or groups (`quizzes`), or patterns of tables
            (`quiz*`), within a group too (`discussions.*`); None for the group `core`.

    Raises:
        ConfigurationError: If one of them names no table.
    """
    if tables is None:
        tables = DEFAULT
    if isinstance(tables, str) or not tables:
        raise ConfigurationError(
            'Setting `tables` must be a list of names. Example: tables = ["core", "quiz_attempts"].'
        )
    if not all(isinstance(name, str) and name.strip() for name in tables):
        raise ConfigurationError(
            "Setting `tables` holds an empty name. Leave it out for the group core, or name "
            'tables. Example: tables = ["core", "quiz_attempts"].'
        )
    chosen: set[str] = set()
    for name in tables:
        found = {e.name for e in ENDPOINTS.values() if _is_named(e, str(name))}
        if not found:
            raise ConfigurationError(_unknown(str(name)))
        chosen |= found
    return [endpoint for endpoint in ENDPOINTS.values() if endpoint.name in chosen]


def _is_named(endpoint: Endpoint, name: str) -> bool:
    return (
        endpoint.group == name
        or fnmatchcase(endpoint.name, name)
        or fnmatchcase(f"{endpoint.group}.{endpoint.name}", name)
    )


def _unknown(name: str) -> str:
    near = get_close_matches(name, [*ENDPOINTS, *GROUPS], n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"Setting `tables` names {name!r}, which is no table, group or pattern of one.{hint} "
        f"Groups: {', '.join(GROUPS)}."
    )
