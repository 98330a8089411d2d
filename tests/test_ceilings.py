"""Ceilings on dependencies: each test fails when its ceiling may go."""

from __future__ import annotations

import inspect

import sqlglot
from dlt.dataset import lineage
from packaging.version import Version


def test_sqlglot_is_held_back_as_long_as_dlt_needs_it() -> None:
    # dlt calls qualify(infer_schema=…), which sqlglot 30.22 took away; once dlt stops, lift
    # `sqlglot<30.22` in pyproject.toml and delete this test
    assert "infer_schema" in inspect.getsource(lineage)
    assert Version(sqlglot.__version__) < Version("30.22")
