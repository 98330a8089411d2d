"""A sandbox for each test, and what the tests ask of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dlt
import pytest

from d2l_brightspace import (
    BearerAuth,
    IdKeyAuth,
    RefreshTokenAuth,
    ServiceUserAuth,
    d2l_brightspace_source,
)
from d2l_brightspace.sandbox import Sandbox, SandboxSettings

SCHEMES = ("bearer", "refresh_token", "service_user", "id_key")
RENEWED = ("refresh_token", "service_user")
"""Schemes whose access tokens end, and are renewed in mid-load."""
_CLASSES = {
    "bearer": BearerAuth,
    "refresh_token": RefreshTokenAuth,
    "service_user": ServiceUserAuth,
    "id_key": IdKeyAuth,
}


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Sandbox(SandboxSettings(**settings), port=0))


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox of five courses, one of them forbidden."""
    return start(courses=5, users=40, log_messages=250, forbidden_courses=1)


@pytest.fixture
def source_of(tmp_path: Path) -> Callable[..., Any]:
    """Make the source for a sandbox with one of its ready-made credentials."""

    def make(sandbox: Sandbox, scheme: str = "id_key", **arguments: Any) -> Any:
        return d2l_brightspace_source(
            sandbox.url, credentials_of(sandbox, scheme, tmp_path), **arguments
        )

    return make


def credentials_of(sandbox: Sandbox, scheme: str, folder: Path) -> Any:
    """The sandbox's ready-made credentials of a scheme."""
    fields = dict(sandbox.credentials[scheme])
    if scheme == "refresh_token":
        fields["token_store"] = str(folder / "refresh_token.json")
    return _CLASSES[scheme](**fields)


def row_counts(pipeline: dlt.Pipeline, sandbox: Sandbox) -> dict[str, int]:
    """How many rows the tables hold that the sandbox has a truth for."""
    return {table: count(pipeline, table) for table in counts_of_truth(sandbox)}


def count(pipeline: dlt.Pipeline, table: str, condition: str = "1 = 1") -> int:
    """How many rows of a table fulfil a condition."""
    return int(query(pipeline, f"SELECT COUNT(*) FROM {table} WHERE {condition}")[0][0])


def query(pipeline: dlt.Pipeline, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with pipeline.sql_client() as client:
        return list(client.execute_sql(sql) or [])


def counts_of_truth(sandbox: Sandbox) -> dict[str, int]:
    """How many rows each table should hold."""
    return {table: rows for table, rows in sandbox.truth().items() if isinstance(rows, int)}
