"""The commands below `d2l-brightspace data-sets`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .errors import reports_errors
from .parameter_types import NAMES, log_format_option
from .text_table import print_table
from .whole_sentences import WholeSentences

if TYPE_CHECKING:
    from d2l_brightspace.data_sets.catalogue import Catalogue
    from d2l_brightspace.pipeline.progress import LogFormat
    from d2l_brightspace.pipeline.report import RunReport

PIPELINE = "d2l_brightspace_data_sets"
DATASET = "d2l_brightspace_bds"


@click.group("data-sets", cls=WholeSentences)
def data_sets() -> None:
    """Brightspace Data Sets: list what the tenant offers, load it."""


_of_pipeline = click.option(
    "--pipeline", default=PIPELINE, show_default=True, help="Pipeline that loads them."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


@data_sets.command("list")
@click.argument("patterns", nargs=-1)
@_of_pipeline
@_as_json
@reports_errors
def list_data_sets(patterns: tuple[str, ...], pipeline: str, *, as_json: bool) -> None:
    """Show what the tenant offers and how far it has been loaded.

    PATTERNS are names of data sets or tables, such as "quiz_*"; without them everything is listed.
    Times are UTC, sizes are of the newest extract in MB; * marks data sets nobody documents, whose
    columns are loaded as text.
    """
    from d2l_brightspace.data_sets.listing import listing, megabytes, moment

    catalogue, state = _tenant_and_state(pipeline)
    found = list(listing(catalogue, state, patterns))
    if as_json:
        click.echo(json.dumps([one.as_json() for one in found], indent=2))
        return
    heads = ("table", "full", "MB", "differential", "MB", "kept", "version", "loaded up to")
    print_table(
        heads,
        [
            (
                one.table + ("" if one.documented else " *"),
                moment(one.full.created if one.full else None),
                megabytes(one.full),
                moment(one.differential.created if one.differential else None),
                megabytes(one.differential),
                f"{one.fulls} + {one.differentials}",
                str(one.as_json()["version"] or "-"),
                one.problem or moment(one.progress.until if one.progress else None),
            )
            for one in found
        ],
        numbers=("MB",),
    )


@data_sets.command("drift")
@_of_pipeline
@_as_json
@click.option("--strict", is_flag=True, help="Exit code 1 if anything has changed.")
@reports_errors
def show_drift(pipeline: str, *, as_json: bool, strict: bool) -> None:
    """Show what has changed at the tenant since the last load; downloads nothing.

    New, renamed and retired data sets, jumps of versions, data sets that are not made anew any
    more; and the columns in which the files of the last load differ from what is documented.
    """
    from d2l_brightspace.data_sets.drift import drift
    from d2l_brightspace.data_sets.settings import SECTION

    catalogue, state = _tenant_and_state(pipeline)
    found = list(drift(catalogue, state.get("sources", {}).get(SECTION, {})))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    elif found:
        heads = ("table", "change", "what")
        print_table(heads, [(one.table, one.change, one.detail) for one in found])
    else:
        click.echo("Nothing has changed.")
    sys.exit(1 if strict and found else 0)


def _tenant_and_state(pipeline: str) -> tuple[Catalogue, Mapping[str, Any]]:
    import dlt

    from d2l_brightspace.data_sets.catalogue import Catalogue
    from d2l_brightspace.data_sets.settings import SECTION
    from d2l_brightspace.data_sets.source import configured_data_sets_session, loaded_tables

    state = dlt.pipeline(pipeline).state
    of_source = state.get("sources", {}).get(SECTION, {})
    return Catalogue(configured_data_sets_session(), lambda: loaded_tables(of_source)), state


@data_sets.command("load")
@click.argument("names", nargs=-1)
@click.option(
    "--data-sets",
    "more_names",
    type=NAMES,
    metavar="NAMES",
    help="The same as NAMES, separated by commas.",
)
@click.option(
    "--destination", default="warehouse", show_default=True, help="Name of a dlt destination."
)
@click.option("--deletes", type=click.Choice(["keep", "drop"]), help="Rows marked as deleted.")
@click.option("--bad-rows", type=click.Choice(["stop", "quarantine"]), help="Rows that do not fit.")
@click.option(
    "--full-every-days", type=click.IntRange(0), help="Age from which a table is built anew."
)
@click.option("--deleted-rows", is_flag=True, help="Note the keys of rows that are gone for good.")
@click.option("--strict", is_flag=True, help="Exit code 1 if anything was skipped.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@log_format_option
@reports_errors
def load_data_sets(
    names: tuple[str, ...],
    more_names: Sequence[str] | None,
    destination: str,
    *,
    deleted_rows: bool,
    strict: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Load data sets: those named, or all that the tenant offers."""
    report = load(
        destination,
        strict=strict,
        data_sets=[*names, *(more_names or ())] or None,
        deleted_rows=deleted_rows or None,
        **settings,
    )
    click.echo(json.dumps(report.as_json()) if as_json else str(report))
    sys.exit(report.exit_code)


def load(
    destination: str, *, strict: bool = False, log_format: LogFormat = "auto", **settings: object
) -> RunReport:
    """Load once.

    Args:
        destination: Name of a dlt destination.
        strict: As in `run`.
        log_format: How progress is shown.
        settings: Arguments of `brightspace_data_sets_source`; what is None is left to the
            configuration.
    """
    from d2l_brightspace.pipeline.progress import command_progress

    progress = command_progress(log_format)
    from d2l_brightspace.data_sets.source import brightspace_data_sets_source
    from d2l_brightspace.pipeline.command_pipeline import command_pipeline
    from d2l_brightspace.pipeline.run import run

    given = {name: value for name, value in settings.items() if value is not None}
    pipeline = command_pipeline(PIPELINE, destination=destination, dataset_name=DATASET)
    source = brightspace_data_sets_source(**given)  # type: ignore[arg-type]
    return run(pipeline, source, strict=strict, progress=progress)
