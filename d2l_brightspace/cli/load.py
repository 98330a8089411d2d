"""The main job: what the credentials may read, over REST, into tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .errors import reports_errors
from .parameter_types import NAMES, ORG_UNIT_IDS, log_format_option

if TYPE_CHECKING:
    from d2l_brightspace.pipeline.progress import LogFormat
    from d2l_brightspace.pipeline.report import RunReport

PIPELINE = "d2l_brightspace_pipeline"
DATASET = "d2l_brightspace_data"

_EXIT_CODES = """\b
Exit codes:
  0  loaded; what was skipped is in the report and in the table skipped_requests
  1  a table or the whole run failed; with --strict also: something was skipped
  2  an option or a setting is wrong; nothing was requested
"""


@click.command("load", epilog=_EXIT_CODES)
@click.option(
    "--tables",
    "--resources",
    "tables",
    type=NAMES,
    metavar="TABLES",
    help="Tables, groups or patterns to load, separated by commas, e.g. core,quiz_attempts.  "
    "[default: the setting `tables`, else core]",
)
@click.option(
    "--org-unit-ids",
    type=ORG_UNIT_IDS,
    metavar="IDS",
    help="Courses to read, separated by commas, e.g. 6606,6607.  [default: every course]",
)
@click.option("--start-date", help="First log message to load, e.g. 2026-09-01.  [default: all]")
@click.option(
    "--destination", default="warehouse", show_default=True, help="Name of a dlt destination."
)
@click.option("--full-refresh", is_flag=True, help="Read everything anew and replace the tables.")
@click.option("--strict", is_flag=True, help="Exit code 1 if anything was skipped.")
@click.option("--dry-run", is_flag=True, help="Show what would be read and what it would cost.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@log_format_option
@reports_errors
def load_command(*, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Load Brightspace into the warehouse.

    Reads what is new or changed where Brightspace can tell, and everything else anew. Running
    twice gives the same tables. Settings come from .dlt/config.toml, credentials from
    .dlt/secrets.toml, or both from the environment; what is given here wins.
    """
    if dry_run:
        from .plan import show_plan

        given = {
            name: options[name] for name in ("destination", "tables", "org_unit_ids", "start_date")
        }
        show_plan(**given, as_json=as_json)
        return
    report = load(**options)
    click.echo(json.dumps(report.as_json()) if as_json else str(report))
    sys.exit(report.exit_code)


def load(
    destination: str = "warehouse",
    tables: Sequence[str] | None = None,
    org_unit_ids: Sequence[int] | None = None,
    start_date: str | None = None,
    log_format: LogFormat = "auto",
    *,
    full_refresh: bool = False,
    strict: bool = False,
) -> RunReport:
    """Load Brightspace once; the arguments are those of the command line.

    Raises:
        BrightspaceError: As `run` does.
    """
    # here, so that --help does not wait for dlt, and this first, for it takes dlt a second
    from d2l_brightspace.pipeline.progress import command_progress

    progress = command_progress(log_format)
    from d2l_brightspace.pipeline.command_pipeline import command_pipeline
    from d2l_brightspace.pipeline.run import run

    pipeline = command_pipeline(PIPELINE, destination=destination, dataset_name=DATASET)
    source = configured_source(tables, org_unit_ids, start_date)
    return run(pipeline, source, strict=strict, full_refresh=full_refresh, progress=progress)


def configured_source(
    tables: Sequence[str] | None, org_unit_ids: Sequence[int] | None, start_date: str | None
) -> Any:
    """The source; what is not given comes from the configuration."""
    from d2l_brightspace.source import d2l_brightspace_source

    wanted = {"tables": tables, "org_unit_ids": org_unit_ids, "start_date": start_date}
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    return d2l_brightspace_source(**given)
