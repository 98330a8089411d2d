"""The console script: parses, calls, prints."""

from __future__ import annotations

import sys

import click

from d2l_brightspace.printable import printable

from .course_jobs import copy_course, import_course
from .data_sets import data_sets
from .errors import reports_errors
from .parameter_types import ORG_UNIT_ID
from .whole_sentences import WholeSentences

_EXAMPLES = """\b
Examples:
  d2l-brightspace demo                 load a local sandbox into DuckDB, to see what it is like
  d2l-brightspace check                what may the credentials of .dlt/secrets.toml read?
  d2l-brightspace sandbox --port 8080  a local Brightspace to try against
"""


_SHOWN_DETAIL = 600


@click.group(
    cls=WholeSentences, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
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
def sandbox(arguments: tuple[str, ...]) -> None:
    """Start a local Brightspace (see `d2l-brightspace sandbox --help`)."""
    from d2l_brightspace.sandbox.__main__ import main as start

    sys.exit(start(list(arguments)))


main.add_command(import_course)
main.add_command(copy_course)


@main.command()
@click.option(
    "--org-unit-id", type=ORG_UNIT_ID, help="Course to ask about; default: the first one found."
)
@reports_errors
def check(org_unit_id: int | None) -> None:
    """Ask Brightspace who the credentials are and what they may read.

    Sends one small request for each resource and loads nothing. Ends with exit code 1 if a
    resource cannot be loaded.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from d2l_brightspace.connection import configured_session

    from .check import find_course, probe_resources, who_am_i

    # what Brightspace says is shown as it is: never read as markup, nor coloured as if it were ours
    console = Console(markup=False, emoji=False, highlight=False)
    session = configured_session()
    console.print(f"{session.base_url} answers to user {printable(who_am_i(session))}")
    versions = {product: session.versions.spoken(product) for product in ("lp", "le")}
    console.print("API versions: " + ", ".join(f"{name} {v}" for name, v in versions.items()))
    course = org_unit_id or find_course(session)
    console.print(f"Asking about course {course}" if course else "No course found to ask about")

    table = Table("resource", "outcome", "scope", "what to do")
    complete = True
    for probe in probe_resources(session, course):
        complete = complete and probe.ok
        colour = "green" if probe.ok else "red"
        table.add_row(
            probe.resource,
            Text(probe.outcome, colour),
            probe.scope or "none",
            Text(printable(probe.detail, _SHOWN_DETAIL)),
        )
    console.print(table)
    sys.exit(0 if complete else 1)


main.add_command(data_sets)
