"""`d2l-brightspace check`: what stands in the way of a load, before it is started."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

import click

from d2l_brightspace.printable import printable

from .errors import print_error, reports_errors
from .parameter_types import NAMES, ORG_UNIT_ID

if TYPE_CHECKING:
    from d2l_brightspace.checks.findings import Finding, Findings

_EXIT_CODES = """\b
Exit codes:
  0  all is well
  1  something that was chosen cannot be loaded
  2  settings are missing or wrong, or the command was mistyped
  3  the host cannot be reached
"""
_SHOWN_DETAIL = 1200
_COLOURS = {"OK": "green", "warning": "yellow", "not checked": "yellow"}


@click.command(epilog=_EXIT_CODES)
@click.option(
    "--org-unit-id", type=ORG_UNIT_ID, help="Course to ask about; default: the first ones found."
)
@click.option(
    "--tables",
    type=NAMES,
    metavar="TABLES",
    help="Tables, groups or patterns, separated by commas; default: as configured, else core.",
)
@click.option(
    "--destination", default="warehouse", show_default=True, help="Name of a destination."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@reports_errors
def check(
    org_unit_id: int | None, tables: list[str] | None, destination: str, *, as_json: bool
) -> None:
    """Find out what stands in the way of a load: host, clock, credentials, scopes, tables, room.

    Sends a few small requests for each table and loads nothing; then estimates what a load takes.
    Every check is in the result: one that cannot be done says why. What other jobs need (data
    sets, course packages) is shown, and does not count for the exit code.
    """
    from d2l_brightspace.checks.everything import Wanted, check_everything

    wanted = Wanted(tables, org_unit_id, destination)
    with _progress() as say:
        found = check_everything(wanted, say)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        _print(found)
    if found.settings_error is not None:
        # missing settings take more lines than a table has room for
        print_error(found.settings_error)
    sys.exit(found.exit_code)


@contextmanager
def _progress() -> Iterator[Callable[[str], object]]:
    """Say what is done now: a line that changes on a terminal, else one line for all."""
    if sys.stderr is None or not sys.stderr.isatty():
        click.echo("Checking; this may take a minute.", err=True)
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    with console.status("") as status:
        yield lambda text: status.update(printable(text, 100))


def _print(found: Findings) -> None:
    if sys.stdout.isatty():
        _print_table(found)
    else:
        _print_lines(found)
    click.echo(_summary(found))


def _print_lines(found: Findings) -> None:
    """One line for each check, whatever the width."""
    names = max(len(printable(one.name)) for one in found.found)
    outcomes = max(len(one.outcome) for one in found.found)
    for section, findings in groupby(found.found, lambda one: one.section):
        click.echo(f"{section}:")
        for one in findings:
            name = printable(one.name)
            text = f"  {name:<{names}}  {one.outcome:<{outcomes}}  {'  '.join(_texts(one))}"
            click.echo(text.rstrip())


def _print_table(found: Findings) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # what Brightspace says is shown as it is: never read as markup, nor coloured as if it were ours
    console = Console(markup=False, emoji=False, highlight=False)
    table = Table()
    for head in ("", "check", "outcome", "what was found, or what to do"):
        table.add_column(head, overflow="fold")
    shown = ""
    for one in found.found:
        if shown and one.section != shown:
            table.add_section()
        table.add_row(
            Text("" if one.section == shown else one.section),
            Text(printable(one.name)),
            Text(one.outcome, _COLOURS.get(one.outcome, "red" if one.is_needed else "yellow")),
            Text("\n".join(_texts(one))),
        )
        shown = one.section
    console.print(table)


def _texts(finding: Finding) -> list[str]:
    scope = f"[scope {printable(finding.scope)}]" if finding.scope else ""
    return [text for text in (printable(finding.detail, _SHOWN_DETAIL), scope) if text]


def _summary(found: Findings) -> str:
    bad = [printable(one.name) for one in found.found if not one.ok]
    if found.exit_code == 0:
        return "All that was chosen can be loaded."
    return f"In the way of a load: {', '.join(bad)}."
