"""What options hold that click has no type for: what is wrong is said before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from d2l_brightspace.printable import printable

ORG_UNIT_ID = click.IntRange(1, 2**63 - 1)


class _Listed(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in new versions only
    """Values separated by commas; an empty list is a mistake and never means "all"."""

    name = "list"

    def __init__(self, one: Any, example: str) -> None:
        self._one = one
        self._example = example

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Make a list of a text."""
        if not isinstance(value, str):
            return value
        words = [word.strip() for word in value.split(",") if word.strip()]
        if not words:
            self.fail(f"names nothing. Example: {self._example}", param, ctx)
        try:
            return [self._one.convert(word, param, ctx) for word in words]
        except click.BadParameter:
            text = f"{printable(value, 60)!r} is no such list. Example: {self._example}"
            self.fail(text, param, ctx)


NAMES = _Listed(click.STRING, "core,quiz_attempts")
ORG_UNIT_IDS = _Listed(ORG_UNIT_ID, "6606,6607")


log_format_option = click.option(
    "--log-format",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="How progress is shown on stderr: for the eye, or one JSON object a line.",
)


class _File(click.Path):
    """A path with `~` filled in, which a shell leaves alone in `--manifest=~/courses.csv`."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Make a path of a value."""
        from d2l_brightspace.client.errors import ConfigurationError
        from d2l_brightspace.client.paths import checked_path

        try:
            path = checked_path(value, "The path", "packages/anatomy.zip")
        except ConfigurationError as error:
            self.fail(error.message, param, ctx)
        return super().convert(path, param, ctx)


FILE = _File(path_type=Path)


def address_and_port(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[str | None, int] | None:
    """The callback of an option `[ADDRESS:]PORT`; the address is None where only a port is given.

    Raises:
        BadParameter: If there is no port in it.
    """
    if value is None:
        return None
    address, _, port = value.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        shown = printable(value, 60)
        raise click.BadParameter(f"{shown!r} is no port. Examples: 8080, or 127.0.0.1:8080.")
    return address or None, int(port)
