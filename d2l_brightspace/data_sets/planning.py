"""Which extracts to apply, and in which order. Pure functions: no clock, no network, no state.

D2L makes a full extract each week and a differential each day, and keeps differentials for 14 days
(KB 1130, 1224). Rows that were deleted for good are in no differential; only the next full shows
it, by their absence (KB 1322).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

RETENTION = timedelta(days=14)
"""How long differentials can be downloaded (KB 1130)."""

ExtractKind = Literal["full", "differential"]
Reason = Literal["first", "no differentials", "gap", "version", "schedule", "key", "newer"]


@dataclass(frozen=True)
class Extract:
    """One file that Data Hub made."""

    kind: ExtractKind
    created: datetime
    link: str | None
    """Where to download it; None while it is not ready, and when it has expired."""
    size: int = 0
    version: str = ""
    """Version of the data sets' schema, `9.8`; a new first number is a breaking change."""


@dataclass(frozen=True)
class Progress:
    """How far a data set has been loaded."""

    full: datetime
    """Creation of the full extract that the table is built on."""
    until: datetime
    """Creation of the newest extract applied."""
    version: str = ""
    gap: bool = False
    """Whether a differential was lost since the full, so that the next full must be taken."""


@dataclass(frozen=True)
class Plan:
    """The extracts to apply, oldest first; a full can only be the first."""

    extracts: tuple[Extract, ...] = ()
    reason: Reason = "newer"
    """Why the full is taken; `newer` where there is none."""
    gap: bool = False
    """Whether rows may be missing that only a later full can bring."""

    @property
    def replaces(self) -> bool:
        """Whether the table is built anew."""
        return bool(self.extracts) and self.extracts[0].kind == "full"


def plan(
    offered: Sequence[Extract],
    progress: Progress | None,
    full_every: timedelta | None,
    *,
    mergeable: bool = True,
    rebuild_after: datetime | None = None,
) -> Plan:
    """Decide what to apply to one data set.

    Args:
        offered: All extracts the tenant lists, in any order.
        progress: What was applied before; None for nothing.
        full_every: Age of the table's full from which a newer one is taken; None for never.
        mergeable: Whether the data set has a key; without one only fulls can be applied.
        rebuild_after: Where the key changed: the time after which a full must have been made for
            the table to be built on it; nothing is applied before.
    """
    fulls = [one for one in _sorted(offered, "full") if one.link]
    differentials = _available(_sorted(offered, "differential")) if mergeable else []
    newest = fulls[-1] if fulls else None
    if progress is None:
        return _from(newest, differentials, "first") if newest else Plan()
    if rebuild_after is not None:
        return _rebuild(newest, differentials, progress, rebuild_after)
    if newest and newest.created > progress.full:
        reason = _reason_for_full(newest, differentials, progress, full_every)
        if reason:
            return _from(newest, differentials, reason)
    newer = _ready(differentials, progress.until)
    at_full = progress.until == progress.full
    gap = progress.gap or (bool(newer) and _is_gap(differentials, progress.until, at_full=at_full))
    return Plan(tuple(newer), gap=gap)


def _rebuild(
    full: Extract | None,
    differentials: list[Extract],
    progress: Progress,
    rebuild_after: datetime,
) -> Plan:
    if full is None or full.created <= rebuild_after:
        return Plan(gap=True)
    if full.created < progress.until and _is_gap(differentials, full.created, at_full=True):
        return Plan(gap=True)  # the way from that full to what is loaded is not on offer
    return _from(full, differentials, "key")


def after(plan: Plan, progress: Progress | None) -> Progress | None:
    """The progress once a plan has been carried out."""
    if not plan.extracts:
        return progress
    first, last = plan.extracts[0], plan.extracts[-1]
    full = first.created if plan.replaces else progress.full if progress else first.created
    return Progress(full, last.created, last.version, plan.gap)


def _reason_for_full(
    full: Extract,
    differentials: list[Extract],
    progress: Progress,
    full_every: timedelta | None,
) -> Reason | None:
    if not differentials:
        return "no differentials"
    if full.created < progress.until and _is_gap(differentials, full.created, at_full=True):
        return None  # older than what is loaded, and the way from there to now is not on offer
    at_full = progress.until == progress.full
    if progress.gap or _is_gap(differentials, progress.until, at_full=at_full):
        return "gap"
    if _major(full.version) != _major(progress.version):
        return "version"
    due = full_every is not None and full.created - progress.full >= full_every
    return "schedule" if due else None


def _from(full: Extract, differentials: list[Extract], reason: Reason) -> Plan:
    newer = _ready(differentials, full.created)
    gap = bool(newer) and _is_gap(differentials, full.created, at_full=True)
    return Plan((full, *newer), reason, gap)


def _is_gap(differentials: list[Extract], loaded_until: datetime, *, at_full: bool) -> bool:
    """Whether a differential that was not applied may have vanished."""
    if not differentials or differentials[0].created <= loaded_until:
        return False
    # the first differentials of all come after a full, with none before them to tell
    return not (at_full and differentials[-1].created - loaded_until <= RETENTION)


def _available(differentials: list[Extract]) -> list[Extract]:
    """Without those that have expired: the oldest, whose links are gone."""
    for place, one in enumerate(differentials):
        if one.link or differentials[-1].created - one.created < RETENTION:
            return differentials[place:]
    return []


def _ready(differentials: list[Extract], since: datetime) -> list[Extract]:
    """Those to apply now; one that is not ready yet holds up all after it."""
    ready: list[Extract] = []
    for one in differentials:
        if one.created <= since:
            continue
        if not one.link:
            break
        ready.append(one)
    return ready


def _sorted(offered: Sequence[Extract], kind: ExtractKind) -> list[Extract]:
    # the list has no documented order, and a page may repeat an entry
    by_time = {one.created: one for one in offered if one.kind == kind}
    return [by_time[created] for created in sorted(by_time)]


def _major(version: str) -> str:
    return version.partition(".")[0]
