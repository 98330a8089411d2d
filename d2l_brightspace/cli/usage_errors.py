"""With `--json`, a command that was mistyped answers a program as any other failure does."""

from __future__ import annotations

from typing import Any

import click

from .errors import WRONG_SETTINGS, echo_failure
from .whole_sentences import WholeSentences

_TYPED = "d2l_brightspace.typed"


class UsageErrorsAsJson(WholeSentences):
    """The group of all commands: where `--json` was typed, wrong usage is an object on stdout."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what was typed: click takes it apart, and stops where it is wrong."""
        ctx.meta[_TYPED] = [*args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if "--json" in ctx.meta[_TYPED]:
                echo_failure(type(error).__name__, error.format_message(), WRONG_SETTINGS)
            raise
