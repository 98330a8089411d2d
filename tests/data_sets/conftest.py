"""A tenant with Data Hub, a loader for it, and the tables as the tests read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
import requests
import responses

from d2l_brightspace import BearerAuth, brightspace_data_sets_source, run
from d2l_brightspace.client.http.messages import Headers, HttpRequest, HttpResponse
from d2l_brightspace.client.http.transport import Transport
from d2l_brightspace.sandbox import Sandbox, SandboxSettings

HOST = "https://lms.example.edu"
LP = f"{HOST}/d2l/api/lp/1.49"

Rows = Counter[tuple[Any, ...]]
"""Rows, each with how often it is there: a set would hide a doubled one."""


def data_hub(*names: str, **settings: Any) -> Sandbox:
    """A sandbox with little else than the named data sets."""
    return Sandbox(
        SandboxSettings(
            courses=1, users=2, class_size=1, log_messages=0, data_sets=names, **settings
        )
    )


@pytest.fixture
def tenant() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes that offer the named data sets."""
    with ExitStack() as stack:

        def start(*names: str, **settings: Any) -> Sandbox:
            return stack.enter_context(data_hub(*names, **settings))

        yield start


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """What a mocked tenant at `HOST` answers; it speaks lp 1.49."""
    monkeypatch.setattr(Transport, "exchange", _exchange_by_requests)
    monkeypatch.setattr(Transport, "streamed", _stream_by_requests)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        supported = {"ProductCode": "lp", "LatestVersion": "1.49", "SupportedVersions": ["1.49"]}
        mock.get(f"{HOST}/d2l/api/versions/", json=[supported])
        yield mock


def _exchange_by_requests(_: Transport, request: HttpRequest) -> HttpResponse:
    """One exchange over requests, which is what the mock sees."""
    response = requests.request(
        request.method,
        request.url,
        data=request.body,
        headers=request.headers,
        allow_redirects=False,
        timeout=10,
    )
    headers = Headers(response.headers.items())
    return HttpResponse(response.status_code, headers, response.content, request.url, request)


@contextmanager
def _stream_by_requests(
    transport: Transport, request: HttpRequest
) -> Iterator[tuple[HttpResponse, Iterator[bytes]]]:
    response = _exchange_by_requests(transport, request)
    yield response, iter([response.content])


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Loader]:
    """Make loaders into one DuckDB file."""
    limits = "SOURCES__D2L_BRIGHTSPACE_SOURCE__LIMITS__"
    monkeypatch.setenv(f"{limits}BACKOFF_SECONDS", "0")

    def make(sandbox: Sandbox, **arguments: Any) -> Loader:
        return Loader(sandbox, tmp_path, arguments)

    return make


_OURS = ("_dlt_load_id", "_dlt_id", "row_key")


class Loader:
    """Loads a sandbox's data sets, and reads the tables back."""

    def __init__(self, sandbox: Sandbox, folder: Path, arguments: dict[str, Any]) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.arguments = arguments
        self._connection: duckdb.DuckDBPyConnection | None = None

    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            "d2l_brightspace_data_sets",
            pipelines_dir=str(self.folder / "pipelines"),
            destination=dlt.destinations.duckdb(str(self.folder / "bds.duckdb")),
            dataset_name="d2l_brightspace_bds",
        )

    def source(self, **more: Any) -> Any:
        token = self.sandbox.credentials["bearer"]["token"]
        names = [*self.sandbox.settings.data_sets] or None
        arguments = {"data_sets": names, **self.arguments, **more}
        return brightspace_data_sets_source(self.sandbox.url, BearerAuth(token=token), **arguments)

    def run(self, **more: Any) -> None:
        self.run_source(self.source(**more))

    def run_source(self, source: Any) -> None:
        run(self.pipeline(), source)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.reading():
            assert self._connection
            return self._connection.execute(sql).fetchall()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the database open for several queries; nothing can be loaded meanwhile."""
        if self._connection:
            yield
            return
        with duckdb.connect(str(self.folder / "bds.duckdb")) as self._connection:
            self._connection.execute("USE d2l_brightspace_bds")
            yield
        self._connection = None

    def extracts(self, columns: str = "kind, reason", where: str = "1 = 1") -> list[Any]:
        return self.query(f"SELECT {columns} FROM extracts_loaded WHERE {where} ORDER BY created")

    def table(self, name: str) -> Rows:
        """All rows of a data set's table, without the columns that are not in the files."""
        columns = self.query(
            "SELECT column_name FROM information_schema.columns WHERE table_name = "
            f"'{name}' AND table_schema = 'd2l_brightspace_bds' ORDER BY ordinal_position"
        )
        ours = [f'"{one}"' for (one,) in columns if one not in _OURS]
        return Counter(self.query(f"SELECT {', '.join(ours)} FROM {name}"))

    def truth(self, name: str, *, without: str = "") -> Rows:
        """The rows the table should hold, by the sandbox's own account."""
        rows = self.sandbox.hub.truth(name)
        return Counter(tuple(row.values()) for row in rows if not (without and row[without]))
