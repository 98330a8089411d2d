"""A table as lines of text, whose width depends on nothing but what is in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click

from d2l_brightspace.printable import printable


def print_table(
    heads: Sequence[str], rows: Sequence[Sequence[object]], numbers: Collection[str] = ()
) -> None:
    """Print columns that line up; the last one is as long as it is.

    Args:
        heads: Names of the columns.
        rows: Their cells.
        numbers: Names of the columns that are set to the right.
    """
    lines = [list(heads), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    for line in lines:
        cells = [
            cell.rjust(width) if head in numbers else cell.ljust(width)
            for head, cell, width in zip(heads, line, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())
