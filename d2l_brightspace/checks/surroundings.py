"""What a load needs besides its tables, and the permissions that other jobs need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlt.common.configuration.exceptions import ConfigurationException

from d2l_brightspace.client.errors import BrightspaceError, ConfigurationError
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.data_sets.catalogue import SCOPE, Catalogue, Offer
from d2l_brightspace.dlt_compat import destination_probe
from d2l_brightspace.dlt_compat.folders import default_pipelines_dir
from d2l_brightspace.pipeline.command_pipeline import command_pipeline
from d2l_brightspace.pipeline.warehouse import named_destination
from d2l_brightspace.pipeline.working_folder import check_default_folders
from d2l_brightspace.scopes import OTHER_JOBS, is_covered

from .findings import Finding, problem

_LITTLE_ROOM = 1e9


def check_working_folder() -> Finding:
    """Whether dlt can keep its files where it wants to."""
    try:
        check_default_folders()
    except ConfigurationError as error:
        return Finding("destination", "working folder", "failed", error.message)
    return Finding("destination", "working folder", "OK")


def _check_begun_here(destination: Any, pipeline_name: str) -> None:
    if Path(default_pipelines_dir(), pipeline_name).exists():  # else the check would make it
        command_pipeline(pipeline_name, destination=destination, dataset_name=None)


def check_destination(name: str, pipeline_name: str) -> Finding:
    """Whether rows can be written to a destination; leaves nothing behind.

    Args:
        name: Of the destination, as for `load`.
        pipeline_name: Of the pipeline that loads.
    """
    try:
        destination = named_destination(name)
    except (ConfigurationError, ConfigurationException) as error:
        text = error.message if isinstance(error, ConfigurationError) else "see settings"
        return Finding("destination", name, "failed", text)
    try:
        _check_begun_here(destination, pipeline_name)
    except ConfigurationError as error:
        return Finding("destination", name, "failed", error.message)
    probe = destination_probe.probe(destination, pipeline_name)
    place = f"{probe.kind} {probe.place}".strip()
    if not probe.is_configured:
        advice = (
            f"{probe.problem}. Set them in [destination.{name}] of .dlt/config.toml (a password in "
            ".dlt/secrets.toml), or name another destination with --destination"
        )
        return Finding("destination", name, "failed", advice)
    if probe.problem:
        return Finding("destination", name, "failed", f"{place}: {probe.problem}")
    if probe.free_bytes is None:
        return Finding("destination", name, "OK", place)
    room = f"{place}, {probe.free_bytes / 1e9:,.1f} GB free"
    return Finding(
        "destination", name, "warning" if probe.free_bytes < _LITTLE_ROOM else "OK", room
    )


def check_data_sets(session: BrightspaceSession) -> Finding:
    """Which Brightspace Data Sets the tenant offers.

    Raises:
        BrightspaceError: If nothing more can be asked at all.
    """
    section, name = "other jobs", "data sets"
    catalogue = Catalogue(session)
    try:
        offers = list(catalogue.offers.values())
        newest = _newest(catalogue, offers)
    except BrightspaceError as error:
        return problem(section, name, error, SCOPE, is_needed=False)
    return Finding(section, name, "OK", f"{len(offers)} on offer{newest}", SCOPE, is_needed=False)


def _newest(catalogue: Catalogue, offers: Sequence[Offer]) -> str:
    """The age of one of them: all are made in the same night."""
    known = next((one for one in offers if one.documented and not one.problem), None)
    extracts = catalogue.extracts(known) if known else []
    if known is None or not extracts:
        return ""
    created = max(one.created for one in extracts)
    return f"; newest extract of {known.table}: {created:%Y-%m-%d %H:%M} UTC"


def check_course_packages(scopes: Sequence[str] | None) -> Finding:
    """Whether packages may be imported, by the scopes alone: to try it would change a course."""
    needed = list(OTHER_JOBS["course-packages"])
    if scopes is None:
        why = f"the access token does not name its scopes; needed: {' '.join(needed)}"
        return Finding("other jobs", "course packages", "not checked", why, is_needed=False)
    missing = [one for one in needed if not is_covered(one, scopes)]
    return Finding(
        "other jobs",
        "course packages",
        "scope missing" if missing else "OK",
        "the role's permissions are not checked: that would change a course",
        " ".join(missing) or None,
        is_needed=False,
    )
