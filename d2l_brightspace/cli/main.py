"""The console script: parses, calls, prints."""

from __future__ import annotations

import sys

import click

from .check import check
from .course_jobs import copy_course, import_course
from .data_sets import data_sets
from .errors import reports_errors
from .init import init
from .keys import keys
from .load import load_command
from .login import login
from .scopes import scopes
from .status import status
from .usage_errors import UsageErrorsAsJson

_EXAMPLES = """\b
Examples:
  d2l-brightspace demo                 load a made-up Brightspace, to see what it is like
  d2l-brightspace init                 set up a load of your own, step by step
  d2l-brightspace check                what stands in its way?
  d2l-brightspace load                 load all that is in the group `core` into the warehouse
  d2l-brightspace status --max-age 26  is anything older than 26 hours? (for a scheduler)
"""


@click.group(
    cls=UsageErrorsAsJson,
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="d2l-brightspace")
def main() -> None:
    """Load D2L Brightspace into a database.

    Settings come from .dlt/config.toml, credentials from .dlt/secrets.toml, both in the working
    folder, or from the environment.
    """


@main.command()
@click.option("--courses", default=5, show_default=True, help="Course offerings to make up.")
@click.option("--users", default=40, show_default=True, help="Users to make up.")
@click.option("--log-messages", default=300, show_default=True, help="Log messages to make up.")
@click.option(
    "--database",
    default="brightspace_demo.duckdb",
    show_default=True,
    help="DuckDB file to load into.",
)
@reports_errors
def demo(courses: int, users: int, log_messages: int, database: str) -> None:
    """Load a made-up Brightspace into a DuckDB file.

    Starts the sandbox, loads all tables over HTTP, prints what was loaded and compares it with
    what the sandbox holds. One course answers 403, to show how what is skipped is reported.
    """
    from .demo import run_demo

    sys.exit(run_demo(courses, users, log_messages, database))


@main.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@reports_errors
def sandbox(arguments: tuple[str, ...]) -> None:
    """Start a local Brightspace (see `d2l-brightspace sandbox --help`)."""
    from .extras import check_installed

    check_installed("sandbox")
    from d2l_brightspace.sandbox.__main__ import main as start

    sys.exit(start(list(arguments)))


for one in (
    init,
    login,
    keys,
    scopes,
    check,
    load_command,
    status,
    data_sets,
    import_course,
    copy_course,
):
    main.add_command(one)
