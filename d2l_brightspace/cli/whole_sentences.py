"""Help of a group of commands: in the order of use, each with a whole sentence."""

from __future__ import annotations

import click

_ANY_LENGTH = 1000


class WholeSentences(click.Group):
    """A group whose list of commands breaks a long line; click cuts it, with dots at its end."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which the commands were added; click sorts them."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and the first sentence of what each says of itself."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(_ANY_LENGTH))
            for name, command in commands
            if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
