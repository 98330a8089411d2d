"""Everything loaded anew: each table is read whole and exchanged in one step when it is there.

Until then it holds its old rows; a run that is killed leaves each table old or new. What cannot be
read keeps its old rows, as in any run: a table that fails, a course that is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.sources import DltSource

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.dlt_compat.exchange import forget_cursors
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.extract.whole_tables import exchange_whole_tables
from d2l_brightspace.setting_names import SECTIONS, Section
from d2l_brightspace.settings import SECTION


@contextmanager
def full_refresh(pipeline: dlt.Pipeline, source: DltSource) -> Iterator[None]:
    """Let the extraction inside read everything anew, and its load exchange whole tables.

    Args:
        pipeline: Where to load to; what an earlier run left pending is finished by now.
        source: Made by `d2l_brightspace_source`.

    Raises:
        ConfigurationError: If a table cannot be exchanged.
    """
    check_full_refresh(source)
    forget_cursors(pipeline, source.name, list(_ours(source)))
    with exchange_whole_tables():
        yield


def check_full_refresh(source: DltSource) -> None:
    """Refuse what cannot be exchanged as a whole.

    Raises:
        ConfigurationError: If it is another source, or a table that nobody replaces rows in.
    """
    if not _is_ours(source.section) or not _ours(source):
        raise ConfigurationError(
            f"A full refresh is for the tables of d2l_brightspace_source; {source.name!r} has "
            "none of them. Data sets are built anew with full_every_days = 0."
        )
    for name, resource in _ours(source).items():
        disposition, strategy = _disposition(resource)
        if disposition == "replace" or (disposition, strategy) == ("merge", "delete-insert"):
            continue
        raise ConfigurationError(
            f"The table of {name} cannot be exchanged as a whole, because its write disposition is "
            f"{strategy or disposition}. Leave it out, as in "
            f'source.with_resources("users"), or drop the table by hand.'
        )


def _is_ours(section: str) -> bool:
    """Whether it is the section of our source, or of a copy for another tenant."""
    ours, theirs = (SECTIONS.get(one, Section()).of_sources for one in (SECTION, section))
    # a copy reads what the source reads
    return any(one in ours.get("", ()) for one in theirs.get("", ()))


def _ours(source: DltSource) -> dict[str, Any]:
    return {name: one for name, one in source.selected_resources.items() if name in ENDPOINTS}


def _disposition(resource: Any) -> tuple[str, str | None]:
    given = resource.write_disposition
    if callable(given):
        return "different for each row", None
    if not isinstance(given, dict):
        return str(given), "delete-insert" if given == "merge" else None
    return given["disposition"], given.get("strategy", "delete-insert")
