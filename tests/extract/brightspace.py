"""A Brightspace inside the process: lists by their paths, and what was asked of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from d2l_brightspace.client.errors import BrightspaceError, RequestContext
from d2l_brightspace.client.paging.pages import Page
from d2l_brightspace.client.routes import Route
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.model import Endpoint
from d2l_brightspace.extract.arrow import Rows, Tabulator
from d2l_brightspace.extract.executor import Demand, Node, Run
from d2l_brightspace.extract.parents import FoundCourses
from d2l_brightspace.extract.units import Unit

AGAIN = "again"
"""Before a page: the list begins again with it."""


@dataclass
class Brightspace:
    """Answers from a table of paths; a path that is not there is an empty list.

    Attributes:
        lists: Path to pages; a page is its rows, or an error (without context: it gets the one of
            the request). `AGAIN` in front of a page starts the list anew.
        asked: Paths of the requests, in the order in which they were sent.
        before: Called with each path before it is answered.
    """

    lists: dict[str, list[Any]]
    in_flight: int = 1
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _path: None
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.limits = SimpleNamespace(requests_in_flight=self.in_flight)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing is open."""

    def list_reader(self, path: str, route: Route, context: RequestContext) -> Reader:
        assert route.template == context.route
        return Reader(self, path.replace("(version)/", ""), context)

    def enter(self, path: str) -> None:
        with self._lock:
            self.asked.append(path)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.before(path)

    def leave(self) -> None:
        with self._lock:
            self.at_once -= 1


class Reader:
    """One list."""

    def __init__(self, owner: Brightspace, path: str, context: RequestContext) -> None:
        self._owner = owner
        self._path = path
        self._context = context
        self._pages = list(owner.lists.get(path.partition("?")[0], [[]]))
        self.done = False
        self.begins_again = False
        self.ends: list[dict[str, str]] = []

    def read(self) -> Page:
        self._owner.enter(self._path)
        try:
            page = self._pages.pop(0)
            self.begins_again = page == AGAIN
            if self.begins_again:
                page = self._pages.pop(0)
            if isinstance(page, type) and issubclass(page, BrightspaceError):
                raise page("as the test says", self._context)
            if isinstance(page, Exception):
                raise page
            self.done = not self._pages
            return Page([dict(row) for row in page])
        finally:
            self._owner.leave()

    def end_at(self, **parameters: str) -> None:
        self.ends.append(parameters)


class Courses:
    """The courses of a run, page by page."""

    def __init__(self, *pages: Any) -> None:
        self._pages = pages

    def pages(self) -> Iterator[FoundCourses]:
        for page in self._pages:
            if isinstance(page, Exception):
                raise page
            yield page if isinstance(page, FoundCourses) else FoundCourses(page)


@dataclass
class Result:
    """What became of a table."""

    node: Node
    units: list[Unit] = field(default_factory=list)
    error: BrightspaceError | None = None

    @property
    def whole(self) -> list[Unit]:
        return [unit for unit in self.units if not unit.errors]

    @property
    def skipped(self) -> list[Unit]:
        return [unit for unit in self.units if unit.errors]

    def column(self, name: str) -> list[Any]:
        """A column of all rows, in the order in which they came."""
        endpoint = ENDPOINTS[self.node.name]
        found: list[Any] = []
        for unit in self.whole:
            for part in unit.parts:
                rows = part if isinstance(part, Rows) else tabulator(endpoint)([part])
                found += rows.table[name].to_pylist()
        return found


def tabulator(endpoint: Endpoint) -> Tabulator:
    """What makes tables of an endpoint's blocks."""
    return Tabulator(endpoint.columns, endpoint.keys, endpoint.dropped)


def start(brightspace: Brightspace, courses: Courses, *tables: str, **demand: Demand) -> list[Any]:
    """A run that some tables have joined."""
    run = Run(brightspace, courses, ENDPOINTS)  # type: ignore[arg-type]
    nodes = [
        run.join(ENDPOINTS[name], tabulator(ENDPOINTS[name]), demand.get(name, Demand()))
        for name in tables
    ]
    return [run, *nodes]


def read(
    brightspace: Brightspace, courses: Courses, *tables: str, **demand: Demand
) -> Mapping[str, Result]:
    """Read some tables to their ends, one after the other in turn, as dlt does."""
    run, *nodes = start(brightspace, courses, *tables, **demand)
    results = {node.name: Result(node) for node in nodes}
    waiting = {node.name: run.units(node) for node in nodes}
    try:
        while waiting:
            for name in list(waiting):
                try:
                    units = next(waiting[name], None)
                except BrightspaceError as error:
                    results[name].error = error
                    units = None
                if units is None:
                    del waiting[name]
                    run.leave(results[name].node)
                else:
                    results[name].units += units
    finally:
        for node in nodes:
            run.leave(node)
    assert not [thread for thread in run._threads if thread.is_alive()]
    return results
