"""What the tenant offers beside what has been loaded: `d2l-brightspace data-sets list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from typing import Any

from d2l_brightspace.client.errors import BrightspaceError

from .catalogue import Catalogue, Offer
from .load import progress_from
from .planning import Extract, ExtractKind, Progress
from .settings import SECTION
from .source import loaded_states


@dataclass(frozen=True)
class Listed:
    """One data set of the tenant."""

    name: str
    table: str
    schema_id: str | None
    documented: bool
    full: Extract | None
    differential: Extract | None
    """The newest of each kind."""
    fulls: int
    differentials: int
    progress: Progress | None
    problem: str = ""
    """Why its extracts cannot be listed."""

    def as_json(self) -> dict[str, Any]:
        """What a program may want to know of it."""
        newest = self.differential or self.full
        return {
            "table": self.table,
            "name": self.name,
            "schema_id": self.schema_id,
            "documented": self.documented,
            "full": _as_json(self.full),
            "differential": _as_json(self.differential),
            "fulls": self.fulls,
            "differentials": self.differentials,
            "version": newest.version if newest else None,
            "loaded_until": self.progress.until.isoformat() if self.progress else None,
            "problem": self.problem or None,
        }


def _as_json(extract: Extract | None) -> dict[str, Any] | None:
    if extract is None:
        return None
    return {"created": extract.created.isoformat(), "bytes": extract.size}


def listing(
    catalogue: Catalogue, state: Mapping[str, Any], patterns: Sequence[str] = ()
) -> Iterator[Listed]:
    """List what is on offer.

    Args:
        catalogue: Of the tenant.
        state: State of the pipeline that loads it; empty for none.
        patterns: Names of data sets or tables to list, `*` for any letters; none for all.

    Raises:
        BrightspaceError: If the list of data sets cannot be read.
    """
    loaded = loaded_states(state.get("sources", {}).get(SECTION, {}))
    for table, offer in sorted(catalogue.offers.items()):
        if patterns and not any(_is_meant(offer, pattern) for pattern in patterns):
            continue
        extracts: list[Extract] = []
        problem = ""
        try:
            extracts = catalogue.extracts(offer)
        except BrightspaceError as error:
            problem = error.message
        yield Listed(
            offer.name,
            table,
            offer.schema_id,
            offer.documented,
            _newest(extracts, "full"),
            _newest(extracts, "differential"),
            sum(one.kind == "full" for one in extracts),
            sum(one.kind == "differential" for one in extracts),
            progress_from(loaded.get(table, {})),
            problem,
        )


def _is_meant(offer: Offer, pattern: str) -> bool:
    return offer.answers_to(pattern) or any(
        fnmatch(name.lower(), pattern.lower()) for name in (offer.table, offer.name)
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
