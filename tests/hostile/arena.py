"""A run against a misbehaving tenant, and what the tables must hold afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from d2l_brightspace import (
    BearerAuth,
    BrightspaceError,
    IdKeyAuth,
    RefreshTokenAuth,
    RunReport,
    d2l_brightspace_source,
    run,
)
from tests import ROOT
from tests.wire_server import Server

from .tenant import CLIENT, Tenant, change, tenant

RESOURCES = ("users", "courses", "classlist", "enrollments", "log_messages")
QUERIES = {
    "users": "SELECT user_id, first_name FROM users",
    "courses": "SELECT identifier, name FROM courses",
    "classlist": "SELECT org_unit_id, identifier, display_name FROM classlist",
    "enrollments": "SELECT org_unit_id, user__identifier FROM enrollments",
    "log_messages": "SELECT log_message_id, exception_message FROM log_messages",
}
LIMITS = {
    "BACKOFF_SECONDS": "0.01",
    "RESPONSE_SECONDS": "10",
    "CONNECT_SECONDS": "5",
    "REQUESTS_IN_FLIGHT": "5",
}
ID_KEY = {
    "app_id": "sandbox-app",
    "app_key": "canary-app-key",
    "user_id": "sandbox-user",
    "user_key": "canary-user-key",
}
PREFIX = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
Rows = Counter[tuple[Any, ...]]


def truth(world: Tenant) -> dict[str, Rows]:
    """The rows that the tables of a complete load hold, each with how often (once)."""
    members = [(unit, row) for unit, rows in world.classlists.items() for row in rows]
    return {
        "users": Counter((row["UserId"], row["FirstName"]) for row in world.users),
        "courses": Counter((unit, row["Name"]) for unit, row in world.courses.items()),
        "classlist": Counter(
            (unit, int(row["Identifier"]), row["DisplayName"]) for unit, row in members
        ),
        "enrollments": Counter((unit, int(row["Identifier"])) for unit, row in members),
        "log_messages": Counter(
            (row["LogMessageId"], row["ExceptionMessage"]) for row in world.log
        ),
    }


class Arena:
    """A folder with tables of a first run, a tenant that has changed since, and its server."""

    def __init__(self, folder: Path, world: Tenant) -> None:
        self.folder = folder
        self.tenant = world
        self.before = truth(tenant()) if self.database.exists() else dict.fromkeys(QUERIES, Rows())
        self.server = Server(world)
        self.fault = self.server.fault
        self.observed: str | None = None
        self._children: list[subprocess.Popen[str]] = []

    @property
    def database(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def pipeline(self, folder: str = "pipelines") -> dlt.Pipeline:
        return _pipeline(self.folder / folder, self.database)

    def credentials(self) -> Any:
        if self.tenant.refresh_token is None:
            return BearerAuth("canary-bearer")
        return _refreshing(self.server.url, self.folder / "tokens" / "refresh_token.json")

    def child(
        self, *resources: str, folder: str = "pipelines", **more: Any
    ) -> subprocess.Popen[str]:
        """Start a run in a process of its own; see `tests.hostile.child`."""
        given = {
            "host": self.server.url,
            "folder": str(self.folder / folder),
            "database": str(
                self.folder / f"{'warehouse' if folder == 'pipelines' else folder}.duckdb"
            ),
            "tokens": str(self.folder / "tokens" / "refresh_token.json"),
            "rotating": self.tenant.refresh_token is not None,
            "resources": resources,
            **more,
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.hostile.child", json.dumps(given)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._children.append(process)
        return process

    def close(self) -> None:
        """End what is still running."""
        for process in self._children:
            process.kill()
            process.communicate()

    def run(self, *resources: str, **arguments: Any) -> RunReport:
        """Run once, without looking at what comes of it."""
        return run(self.pipeline(), self.source(*resources, **arguments))

    def source(self, *resources: str, **arguments: Any) -> Any:
        source = d2l_brightspace_source(self.server.url, self.credentials(), **arguments)
        return source.with_resources(*resources, "skipped_requests")

    def exact(self, *resources: str, **arguments: Any) -> RunReport:
        """The run leaves each table with exactly the rows of the tenant."""
        report = self.run(*resources, **arguments)
        now, tables = truth(self.tenant), self.tables()
        for name in QUERIES:
            assert tables[name] == (now if name in resources else self.before)[name], name
        assert not report.skipped
        self.observed = "exact"
        return report

    def fails(
        self, error: type[BrightspaceError], match: str, *resources: str, **arguments: Any
    ) -> BrightspaceError:
        """The run ends with an error that says what happened; the tables are as before."""
        with pytest.raises(error, match=match) as caught:
            self.run(*resources, **arguments)
        assert self.tables() == self.before
        text = str(caught.value)
        assert "canary" not in text.lower(), text
        assert "?" not in text, text
        self.observed = "clear error"
        return caught.value

    def recorded(self, skips: set[tuple[str, int]], *resources: str, **arguments: Any) -> RunReport:
        """The run loads all but some org units' rows, which stay as they were, and says so."""
        report = self.run(*resources, **arguments)
        assert {(row["resource"], row["org_unit_id"]) for row in report.skipped} == skips
        assert "skipped" in str(report)
        now, tables = truth(self.tenant), self.tables()
        for name in resources:
            units = {unit for resource, unit in skips if resource == name}
            expected = [row for row in now[name].elements() if row[0] not in units]
            expected += [row for row in self.before[name].elements() if row[0] in units]
            assert tables[name] == Counter(expected), name
        self.observed = "recorded"
        return report

    def tables(self) -> dict[str, Rows]:
        """What the tables hold."""
        with self.connection() as connection:
            return {name: Counter(_rows(connection, text)) for name, text in QUERIES.items()}

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            return _rows(connection, text)

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("SET schema = 'data'")
            yield connection

    def columns(self, table: str) -> dict[str, str]:
        """Column names and types of a table."""
        return dict(
            self.query(
                "SELECT column_name, data_type FROM information_schema.columns "
                f"WHERE table_schema = 'data' AND table_name = '{table}'"
            )
        )


def _rows(connection: duckdb.DuckDBPyConnection, text: str) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(text).fetchall()
    except duckdb.CatalogException:
        return []


@contextmanager
def settings(**more: str) -> Iterator[None]:
    """The environment that bounds a run, for tests that have no `monkeypatch`."""
    names = {f"{PREFIX}LIMITS__{name}": value for name, value in {**LIMITS, **more}.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def load_child(given: dict[str, Any]) -> tuple[dlt.Pipeline, Any]:
    """Pipeline and source of a process that `Arena.child` has started."""
    pipeline = _pipeline(Path(given["folder"]), Path(given["database"]))
    credentials: Any = BearerAuth("canary-bearer")
    if given["rotating"]:
        credentials = _refreshing(given["host"], Path(given["tokens"]))
    if given.get("id_key"):
        credentials = IdKeyAuth(**ID_KEY)
    source = d2l_brightspace_source(given["host"], credentials)
    return pipeline, source.with_resources(*given["resources"], "skipped_requests")


def _pipeline(folder: Path, database: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "d2l_brightspace_pipeline",
        pipelines_dir=str(folder),
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name="data",
    )


def _refreshing(url: str, store: Path) -> RefreshTokenAuth:
    return RefreshTokenAuth(
        *CLIENT,
        refresh_token="canary-refresh-0",
        token_url=f"{url}/core/connect/token",
        token_store=str(store),
    )


def load_baseline(folder: Path) -> None:
    """Load a tenant into a new folder."""
    world = tenant()
    arena = Arena(folder, world)
    with arena.server, settings():
        arena.exact(*RESOURCES)


def copy_of(baseline: Path, folder: Path) -> Arena:
    """An arena that goes on from a baseline: the same rows, and a tenant that moved on."""
    shutil.copytree(baseline, folder)
    world = tenant()
    change(world)
    return Arena(folder, world)
