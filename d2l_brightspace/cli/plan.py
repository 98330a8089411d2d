"""What a load would read and what it would cost: `load --dry-run`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from d2l_brightspace.extract.estimate import Estimate, TableEstimate


def show_plan(
    destination: str,
    tables: Sequence[str] | None,
    org_unit_ids: Sequence[int] | None,
    start_date: str | None,
    *,
    as_json: bool,
) -> None:
    """Print what a load would read; its settings are checked as by the load itself.

    Raises:
        BrightspaceError: If a setting is wrong, or the list of courses cannot be read.
    """
    from d2l_brightspace.pipeline.command_pipeline import command_pipeline
    from d2l_brightspace.pipeline.destinations import check_destination

    from .load import DATASET, PIPELINE, configured_source

    pipeline = command_pipeline(PIPELINE, destination=destination, dataset_name=DATASET)
    check_destination(pipeline, configured_source(tables, org_unit_ids, start_date))
    click.echo("Looking at a few lists; nothing is loaded.", err=True)
    found = _estimate(tables, org_unit_ids)
    place = _place(pipeline)
    if as_json:
        said = {"destination": destination, "place": place, "dataset": DATASET}
        click.echo(json.dumps({"outcome": "dry_run", **said, **found.as_json()}))
        return
    click.echo(f"A load would go into {destination} ({place}), dataset {DATASET}, and ask for:\n")
    for line in _lines(found):
        click.echo(line)


def _place(pipeline: Any) -> str:
    """Where the destination is; not connected to, because that would make a DuckDB file."""
    from d2l_brightspace.dlt_compat.addresses import address
    from d2l_brightspace.dlt_compat.messages import SqlClientNotAvailable

    destination = pipeline.destination
    try:
        place = address(pipeline.sql_client(), destination.destination_type.rpartition(".")[2])
    except SqlClientNotAvailable:
        place = None
    return place or str(destination.destination_name)


def _estimate(tables: Sequence[str] | None, org_unit_ids: Sequence[int] | None) -> Estimate:
    from d2l_brightspace.connection import configured_session
    from d2l_brightspace.endpoints import ENDPOINTS
    from d2l_brightspace.extract.estimate import estimate
    from d2l_brightspace.extract.parents import CourseOfferings
    from d2l_brightspace.settings import Options, configured_selection, resolve
    from d2l_brightspace.tables import chosen_tables

    names, ids = configured_selection(tables, org_unit_ids)
    options: Options = resolve(Options())
    session = configured_session()
    try:
        courses = CourseOfferings(session, ids, options.course_offerings_from)
        return estimate(session, chosen_tables(names), ENDPOINTS, courses)
    finally:
        session.close()


def _lines(found: Estimate) -> Iterator[str]:
    yield f"  {'table':<24}{'requests':>12}"
    for one in found.tables:
        yield _line(one)
    if found.course_requests:
        yield f"  {'(courses, versions)':<24}{found.course_requests:>12,}"
    yield ""
    yield f"That is {found}. Nothing was loaded."


def _line(one: TableEstimate) -> str:
    more = " or more" if one.at_least else ""
    why = f" ({one.note})" if one.note else ""
    return f"  {one.table:<24}{one.requests:>12,}{more}{why}"
