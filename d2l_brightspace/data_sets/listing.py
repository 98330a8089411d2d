"""What the tenant offers beside what has been loaded: `d2l-brightspace data-sets list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .catalogue import Catalogue
from .load import progress_from
from .planning import Extract, ExtractKind, Progress
from .settings import SECTION
from .source import loaded_states


@dataclass(frozen=True)
class Listed:
    """One data set of the tenant."""

    name: str
    table: str
    documented: bool
    full: Extract | None
    differential: Extract | None
    """The newest of each kind."""
    fulls: int
    differentials: int
    progress: Progress | None


def listing(catalogue: Catalogue, state: Mapping[str, Any]) -> Iterator[Listed]:
    """List what is on offer.

    Args:
        catalogue: Of the tenant.
        state: State of the pipeline that loads it; empty for none.

    Raises:
        BrightspaceError: If a list cannot be read.
    """
    loaded = loaded_states(state.get("sources", {}).get(SECTION, {}))
    for table, offer in sorted(catalogue.offers.items()):
        extracts = catalogue.extracts(offer)
        yield Listed(
            offer.name,
            table,
            offer.documented,
            _newest(extracts, "full"),
            _newest(extracts, "differential"),
            sum(one.kind == "full" for one in extracts),
            sum(one.kind == "differential" for one in extracts),
            progress_from(loaded.get(table, {})),
        )


def _newest(extracts: list[Extract], kind: ExtractKind) -> Extract | None:
    of_kind = [one for one in extracts if one.kind == kind and one.link]
    return max(of_kind, key=lambda one: one.created, default=None)


def moment(time: datetime | None) -> str:
    """A time as the list shows it."""
    return f"{time:%Y-%m-%d %H:%M}" if time else "-"


def megabytes(extract: Extract | None) -> str:
    """A size as the list shows it."""
    return f"{extract.size / 1e6:,.1f}" if extract else "-"
