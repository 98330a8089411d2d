"""The modules of declarations hold nothing but data, and lean on nothing else of ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from d2l_brightspace import endpoints

MODULES = sorted(Path(endpoints.__file__).parent.glob("*.py"))
TOPICS = [path for path in MODULES if path.stem not in {"columns", "model", "__init__"}]


@pytest.mark.parametrize("path", TOPICS, ids=lambda path: path.stem)
def test_a_topic_holds_data_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    others = [
        type(node).__name__
        for position, node in enumerate(tree.body)
        if not isinstance(node, allowed)
        and not (position == 0 and isinstance(node, ast.Expr))  # the docstring
    ]
    assert others == []
    logic = (ast.Lambda, ast.FunctionDef, ast.comprehension, ast.IfExp, ast.JoinedStr, ast.BinOp)
    assert not [node for node in ast.walk(tree) if isinstance(node, logic)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_package_imports_nothing_of_ours_but_itself(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [module for module in modules if module.split(".")[0] == "d2l_brightspace"]
    assert all(module.startswith("d2l_brightspace.endpoints.") for module in ours)
