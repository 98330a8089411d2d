"""Paths with placeholders, and what they match."""

from __future__ import annotations

import re

from .reference import TableRoute, reference


def placeholders(entry: TableRoute) -> str:
    """Return the path of an entry of the reference; placeholders that take texts are marked."""
    path = entry.path
    for parent in entry.parents:
        if not parent.param and not reference().is_number(parent.table, parent.field):
            path = path.replace(f"{{{parent.placeholder}}}", f"{{{parent.placeholder}:text}}")
    return path


def expression(path: str) -> str:
    """Return the regular expression of a path with placeholders."""
    pieces = re.split(r"\{(\w+)(:text)?\}", path)
    expression = re.escape(pieces[0])
    for name, is_text, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        expression += f"(?P<{name}>{'[^/]+' if is_text else '[0-9]{1,18}'}){re.escape(literal)}"
    return expression
