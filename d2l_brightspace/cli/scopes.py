"""`d2l-brightspace scopes`: what to register an app with."""

from __future__ import annotations

import click

from .errors import reports_errors
from .parameter_types import NAMES

_EXAMPLES = """\b
Examples:
  d2l-brightspace scopes
  d2l-brightspace scopes core quizzes data-sets
  d2l-brightspace scopes --explain "discussion_*"
"""


@click.command(epilog=_EXAMPLES)
@click.argument("names", metavar="[TABLE|GROUP|PATTERN]...", nargs=-1)
@click.option("--explain", is_flag=True, help="One line for each scope: what needs it.")
@reports_errors
def scopes(names: tuple[str, ...], *, explain: bool) -> None:
    """Print the OAuth2 scopes to register an app with, as one line.

    For the tables, groups or patterns named, such as "core" or "quiz*"; without any for the group
    that is loaded by default. "data-sets" and "course-packages" name those jobs. Reads no settings
    and sends nothing.
    """
    from d2l_brightspace.scopes import needed_scopes

    # separated by commas as well, which is how --tables has them
    wanted = [name for some in names for name in NAMES.convert(some, None, None)]
    needs = needed_scopes(wanted or None)
    if not explain:
        click.echo(" ".join(needs))
        return
    width = max(map(len, needs))
    for scope, users in needs.items():
        click.echo(f"{scope:<{width}}  {', '.join(users)}")
