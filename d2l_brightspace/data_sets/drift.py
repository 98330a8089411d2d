"""What has changed at the tenant since the last load: `d2l-brightspace data-sets drift`.

Nothing is downloaded: columns are those that the last load met.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from d2l_brightspace.client.errors import BrightspaceError

from .catalogue import Catalogue, Offer
from .changes import DATA_SET_CHANGES
from .planning import Extract
from .source import loaded_states

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Drift:
    """One thing that is not as it was, or not as it is documented."""

    table: str
    change: str
    """`new`, `renamed`, `retired`, `version`, `new_column`, `missing_column`, `unchanged`,
    `unreadable`."""
    detail: str


def drift(catalogue: Catalogue, source_state: Mapping[str, Any]) -> Iterator[Drift]:
    """Compare what the tenant offers with what was loaded.

    Args:
        catalogue: Of the tenant.
        source_state: State of the source in the pipeline that loads it; empty for none.

    Raises:
        BrightspaceError: If the list of data sets cannot be read.
    """
    states = loaded_states(source_state)
    yield from _new_and_retired(catalogue, source_state)
    extracts: dict[str, list[Extract]] = {}
    for table, offer in sorted(catalogue.offers.items()):
        try:
            extracts[table] = sorted(catalogue.extracts(offer), key=lambda one: one.created)
        except BrightspaceError as error:
            yield Drift(table, "unreadable", error.message)
            continue
        if state := states.get(table):
            yield from _since(offer, extracts[table], state)
    yield from _unchanged(extracts)


def _new_and_retired(catalogue: Catalogue, source_state: Mapping[str, Any]) -> Iterator[Drift]:
    before = source_state.get("resources", {}).get(DATA_SET_CHANGES, {}).get("offered")
    now = {offer.identity: offer for offer in catalogue.offers.values()}
    for identity, offer in now.items():
        if before is not None and identity not in before:
            yield Drift(offer.table, "new", offer.name)
    for identity, (table, name) in (before or {}).items():
        if identity not in now:
            yield Drift(table, "retired", name)


def _since(offer: Offer, extracts: Sequence[Extract], state: Mapping[str, Any]) -> Iterator[Drift]:
    name = state.get("name", offer.name)
    if name != offer.name:
        yield Drift(offer.table, "renamed", f"{name} -> {offer.name}")
    newest = extracts[-1].version if extracts else state["version"]
    if newest != state["version"]:
        yield Drift(offer.table, "version", f"{state['version']} -> {newest}")
    for change, columns in state.get("looks", {}).items():
        if offer.documented and offer.data_set.columns:
            yield from (Drift(offer.table, change, column) for column in columns)


def _unchanged(extracts: Mapping[str, Sequence[Extract]]) -> Iterator[Drift]:
    """Data sets whose newest extract is older than their rhythm explains.

    Compared with the newest extract of any, so that a tenant whose Data Hub is idle is no news of
    each of its data sets.
    """
    newest = max((one.created for found in extracts.values() for one in found), default=None)
    for table, found in extracts.items():
        if not found or newest is None:
            yield Drift(table, "unchanged", "there is no extract of it")
            continue
        late = newest - found[-1].created
        if late > 2 * _rhythm(found):
            yield Drift(table, "unchanged", f"its newest extract is {late.days} days behind others")


def _rhythm(extracts: Sequence[Extract]) -> timedelta:
    times: list[datetime] = [one.created for one in extracts]
    usual = _DAY if any(one.kind == "differential" for one in extracts) else _WEEK
    seen = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return max(usual, timedelta(seconds=median(seen))) if seen else usual
