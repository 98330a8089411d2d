"""The commands below `d2l-brightspace data-sets`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .errors import reports_errors

if TYPE_CHECKING:
    from d2l_brightspace.pipeline.report import RunReport

PIPELINE = "d2l_brightspace_data_sets"
DATASET = "d2l_brightspace_bds"


@click.group("data-sets")
def data_sets() -> None:
    """Brightspace Data Sets: list what the tenant offers, load it."""


@data_sets.command("list")
@click.option("--pipeline", default=PIPELINE, show_default=True, help="Pipeline that loads them.")
@reports_errors
def list_data_sets(pipeline: str) -> None:
    """Show what the tenant offers and how far it has been loaded.

    Times are UTC, sizes are of the newest extract in MB; * marks data sets nobody documents, whose
    columns are loaded as text.
    """
    import dlt
    from rich.console import Console
    from rich.table import Table

    from d2l_brightspace.data_sets.catalogue import Catalogue
    from d2l_brightspace.data_sets.listing import listing, megabytes, moment
    from d2l_brightspace.data_sets.settings import SECTION
    from d2l_brightspace.data_sets.source import configured_data_sets_session, loaded_tables

    state = dlt.pipeline(pipeline).state
    of_source = state.get("sources", {}).get(SECTION, {})
    catalogue = Catalogue(configured_data_sets_session(), lambda: loaded_tables(of_source))
    found = listing(catalogue, state)
    table = Table("table", "full", "MB", "differential", "MB", "kept", "version", "loaded up to")
    for one in found:
        newest = one.differential or one.full
        table.add_row(
            one.table + ("" if one.documented else " *"),
            moment(one.full.created if one.full else None),
            megabytes(one.full),
            moment(one.differential.created if one.differential else None),
            megabytes(one.differential),
            f"{one.fulls} + {one.differentials}",
            newest.version if newest else "-",
            moment(one.progress.until if one.progress else None),
        )
    Console(width=None if sys.stdout.isatty() else 140).print(table)


@data_sets.command("load")
@click.argument("names", nargs=-1)
@click.option(
    "--destination", default="warehouse", show_default=True, help="Name of a destination."
)
@click.option("--deletes", type=click.Choice(["keep", "drop"]), help="Rows marked as deleted.")
@click.option("--bad-rows", type=click.Choice(["stop", "quarantine"]), help="Rows that do not fit.")
@click.option("--full-every-days", type=int, help="Age from which a table is built anew.")
@click.option("--strict", is_flag=True, help="Exit code 1 if anything was skipped.")
@reports_errors
def load_data_sets(
    names: tuple[str, ...],
    destination: str,
    deletes: str | None,
    bad_rows: str | None,
    full_every_days: int | None,
    strict: bool,
) -> None:
    """Load data sets: those named, or all that the tenant offers."""
    report = load(
        destination,
        strict=strict,
        data_sets=list(names) or None,
        deletes=deletes,
        bad_rows=bad_rows,
        full_every_days=full_every_days,
    )
    click.echo(str(report))
    sys.exit(report.exit_code)


def load(destination: str, *, strict: bool = False, **settings: object) -> RunReport:
    """Load once.

    Args:
        destination: Name of a dlt destination.
        strict: As in `run`.
        settings: Arguments of `brightspace_data_sets_source`; what is None is left to the
            configuration.
    """
    import dlt

    from d2l_brightspace.data_sets.source import brightspace_data_sets_source
    from d2l_brightspace.pipeline.run import progress_display, run

    given = {name: value for name, value in settings.items() if value is not None}
    pipeline = dlt.pipeline(
        PIPELINE, destination=destination, dataset_name=DATASET, progress=progress_display()
    )
    return run(pipeline, brightspace_data_sets_source(**given), strict=strict)  # type: ignore[arg-type]
