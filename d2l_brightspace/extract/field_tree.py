"""The fields of a block as a tree: nested blocks are branches, columns are leaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

NESTING = "__"
"""Between the names of a declared block and its field, in the name of their column."""
BELOW = "\x1f"
"""The same for fields that nobody declares; no field name holds it."""
UNDECLARED = "undeclared:"
"""Prefix of columns whose fields nobody declares; their values are JSON text."""

Tree = dict[str, Union["Tree", str]]
"""Field name → name of its column, or the tree of the nested block."""


def tree_of(declared: Iterable[str], undeclared: Iterable[str] = ()) -> Tree:
    """The tree of declared columns and of fields that were met besides.

    Args:
        declared: Names of columns; nested fields as `Parent__Field`.
        undeclared: Names of fields, nested ones with `BELOW` in between.
    """
    tree: Tree = {}
    for name in declared:
        _plant(tree, name.split(NESTING), name)
    for name in undeclared:
        _plant(tree, name.split(BELOW), UNDECLARED + name)
    return tree


def _plant(tree: Tree, path: list[str], column: str) -> None:
    *parents, leaf = path
    for parent in parents:
        branch = tree.setdefault(parent, {})
        if not isinstance(branch, dict):
            return
        tree = branch
    tree.setdefault(leaf, column)
