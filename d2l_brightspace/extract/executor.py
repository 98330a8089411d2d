"""Reading many lists side by side: courses, their quizzes, the attempts at each.

One run of the executor serves the resources of a source that are read together. A list is read
page by page; a page of a table that has children brings the lists of each of its rows, which are
read before new courses are begun. Rows leave in units: a whole course for a table that is replaced
by course, a page for a list of the whole tenant. What waits for dlt is bounded: nobody reads on
while too many rows wait.

All state is behind one lock; requests and the making of tables happen outside of it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from d2l_brightspace.client.errors import (
    SKIPPABLE,
    BrightspaceError,
    ProtocolError,
    RequestContext,
    Unreachable,
)
from d2l_brightspace.client.paging.list_reader import ListReader
from d2l_brightspace.client.paging.pages import Page
from d2l_brightspace.client.paging.time_windows import TimeWindow
from d2l_brightspace.client.routes import Route
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.endpoints.model import COURSE_OFFERINGS, ORG_UNIT_ID, Endpoint, ancestors
from d2l_brightspace.timestamps import utc_milliseconds

from .arrow import Part, Rows, Tabulator, UnexpectedValue
from .field_tree import UNDECLARED
from .list_requests import Keys, context_of, key_of, route_of
from .parents import CourseOfferings, FoundCourses
from .progress import CourseProgress, TableProgress, current_progress
from .typed_rows import TypedRows
from .units import Unit

_BATCH_ROWS = 50_000
"""Rows that leave together: each table handed to dlt costs it some milliseconds."""
_BATCH_BLOCKS = 7_500
"""The same for rows that are no table yet: they take ten times the memory."""
_MOST_WAITING_ROWS = 200_000
"""Nobody reads on while more rows than these wait for dlt."""
_ROWS_OF_A_TABLE = 500
"""A page of so many rows becomes a table at once; fewer share one with others."""


@dataclass(frozen=True)
class Demand:
    """How much of a table is wanted.

    Attributes:
        units: At most so many units; None for all.
        one_by_one: Whether the next page of a list of the whole tenant is read only when one was
            taken.
        params: Query parameters besides those of the declaration.
    """

    units: int | None = None
    one_by_one: bool = False
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_limited(self) -> bool:
        """Whether less than all may be wanted."""
        return self.one_by_one or self.units is not None


@dataclass(eq=False)
class Node:
    """One table of a run: what is known of it, and how far it is."""

    name: str
    endpoint: Endpoint | None
    """None for the courses, which are no table."""
    route: Route | None = None
    typed: TypedRows = field(default_factory=lambda: TypedRows({}))
    tabulate: Tabulator | None = None
    demand: Demand = field(default_factory=Demand)
    children: list[Node] = field(default_factory=list)
    descendants: list[Node] = field(default_factory=list)
    is_taking: bool = False
    """Whether its resource takes rows; else it is read for its children only."""
    ready: deque[Unit] = field(default_factory=deque)
    ready_rows: int = 0
    ready_blocks: int = 0
    """Those of the rows that are no table yet."""
    skipped: list[Unit] = field(default_factory=list)
    """Held back until something was answered: if nothing is, the table has failed."""
    failure: BrightspaceError | None = None
    started: int = 0
    taken: int = 0
    loaded: int = 0
    is_answered: bool = False
    """Whether a unit that was asked for is among the loaded ones."""
    open_lists: int = 0
    """Lists that may still bring rows, those of its parents included."""
    gathered_keys: list[Keys] = field(default_factory=list)
    parked: list[_List] = field(default_factory=list)
    progress: TableProgress = field(default_factory=lambda: TableProgress(""))

    @property
    def is_stream(self) -> bool:
        """Whether it is one list of the whole tenant, handed on as it comes."""
        return self.endpoint is not None and self.endpoint.parent is None

    @property
    def is_finished(self) -> bool:
        """Whether all that it will ever have is ready."""
        return not self.open_lists and not self.gathered_keys and not self.parked

    @property
    def is_by_course(self) -> bool:
        """Whether each course is one unit of it."""
        return self.endpoint is not None and (
            self.endpoint.parent == COURSE_OFFERINGS or self.endpoint.replaces == ORG_UNIT_ID
        )

    def may_start(self) -> bool:
        """Whether one more unit is wanted."""
        if not self.is_taking or self.failure is not None:
            return False
        return self.demand.units is None or self.started < self.demand.units

    def is_needed(self) -> bool:
        """Whether one more list of it is wanted, for itself or for its children."""
        return self.may_start() or any(child.is_needed() for child in self.children)

    def may_start_later(self) -> bool:
        """Whether one more unit is wanted if one of those that were begun is skipped."""
        return any(
            one.is_taking and one.failure is None and one.loaded < one.demand.units
            for one in (self, *self.descendants)
            if one.demand.units is not None
        )

    def is_read(self) -> bool:
        """Whether anybody takes what its lists bring."""
        return self.is_taking or any(child.is_read() for child in self.children)


@dataclass(eq=False)
class _List:
    """A list that is being read."""

    node: Node
    keys: Keys
    reader: ListReader
    units: Mapping[Node, Unit]
    """Where its rows go, and those of its children; empty for a list of the whole tenant."""
    context: RequestContext
    org_unit_ids: tuple[int, ...] = (0,)
    window: TimeWindow | None = None
    parts: list[Part | Rows] = field(default_factory=list)
    rows: int = 0
    spawned: set[Any] = field(default_factory=set)


@dataclass(eq=False)
class _Courses:
    """The list of courses, which are rows of no table."""

    node: Node
    pages: Iterator[FoundCourses]


@dataclass
class _Expansion:
    """Lists of the children of some rows, made as they are begun."""

    node: Node
    units: Mapping[Node, Unit]
    lists: Iterator[_List | None]


class Run:
    """One reading of some tables of a Brightspace.

    Args:
        session: Sends the requests.
        courses: The courses of the run.
        endpoints: All declarations, by name.
    """

    def __init__(
        self,
        session: BrightspaceSession,
        courses: CourseOfferings,
        endpoints: Mapping[str, Endpoint],
    ) -> None:
        self._progress = current_progress()
        self._course_progress = CourseProgress()
        self._session = session
        self._courses = courses
        self._endpoints = endpoints
        self._nodes: dict[str, Node] = {}
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._news = threading.Condition(self._lock)
        self._continued: deque[_List | _Courses] = deque()
        self._expansions: list[_Expansion] = []
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._waiting_rows = 0
        self._fatal: BaseException | None = None
        self._stopped = False
        self.has_started = False

    # -- what the resources call -----------------------------------------------------------------

    def join(self, endpoint: Endpoint, tabulate: Tabulator, demand: Demand) -> Node:
        """Take part with a table; before the run has started.

        Args:
            endpoint: Declares the table.
            tabulate: Makes tables of its rows.
            demand: How much of it is wanted.
        """
        node = self._node(endpoint)
        node.tabulate, node.demand, node.is_taking = tabulate, demand, True
        node.progress = self._progress.table(endpoint.name)
        return node

    def start(self) -> None:
        """Begin to read for all that have joined."""
        with self._lock:
            if self.has_started:
                return
            self.has_started = True
            for node in [*self._nodes.values()]:
                if node.endpoint is not None:
                    self._connect(node, node.endpoint)
            for node in self._nodes.values():
                node.descendants = [*_below(node)]
            self._count_courses()
            roots = [node for node in self._nodes.values() if node.endpoint is None]
            roots += [n for n in self._nodes.values() if n.endpoint and n.endpoint.parent is None]
            for root in filter(Node.is_needed, roots):
                task: _List | _Courses = (
                    _Courses(root, self._courses.pages())
                    if root.endpoint is None
                    else self._list(root, {}, {})
                )
                self._open(root, {})
                self._continue(task)

    def _count_courses(self) -> None:
        courses = self._nodes.get(COURSE_OFFERINGS)
        below = () if courses is None else courses.descendants
        tables = [node for node in below if node.is_taking and node.is_by_course]
        self._course_progress = self._progress.courses(
            [node.progress for node in tables],
            is_limited=any(node.demand.is_limited for node in tables),
        )

    def units(self, node: Node) -> Iterator[list[Unit]]:
        """The units of a table as they come, several at a time; an empty list: nothing yet.

        Raises:
            BrightspaceError: If nothing more can be read at all, by nobody.
        """
        self.start()
        while True:
            with self._lock:
                self._news.wait_for(self._has_news, timeout=_LONGEST_WAIT_SECONDS)
                if self._fatal is not None:
                    raise self._fatal
                if self._is_ready(node):
                    units = [*node.ready]
                    node.ready.clear()
                    self._waiting_rows -= node.ready_rows
                    node.ready_rows = node.ready_blocks = 0
                    node.taken += len(units)
                    self._unpark(node)
                    self._work.notify_all()
                    if not units:
                        return
                else:
                    units = []
            yield units

    def leave(self, node: Node) -> None:
        """Take no more of a table; the run stops when all have left."""
        with self._lock:
            node.is_taking = False
            self._waiting_rows -= node.ready_rows
            node.ready.clear()
            node.ready_rows = node.ready_blocks = 0
            self._unpark(node)
            if not any(one.is_taking for one in self._nodes.values()):
                self._stopped = True
            self._work.notify_all()
            self._news.notify_all()
            stopped = self._stopped
        if stopped:
            until = time.monotonic() + _JOIN_SECONDS
            for thread in self._threads:
                # one that waits for credits may wait for minutes, and somebody has pressed Ctrl-C
                thread.join(max(until - time.monotonic(), 0.0))
            self._session.close()

    # -- the graph of tables ---------------------------------------------------------------------

    def _node(self, endpoint: Endpoint) -> Node:
        node = self._nodes.get(endpoint.name)
        if node is None:
            types = {name: str(hint["data_type"]) for name, hint in endpoint.columns.items()}
            types.pop(ORG_UNIT_ID, None)
            typed = TypedRows(types, endpoint.dropped, single=endpoint.paging == "object")
            node = Node(endpoint.name, endpoint, route_of(endpoint, typed.parse), typed=typed)
            self._nodes[endpoint.name] = node
        return node

    def _connect(self, node: Node, endpoint: Endpoint) -> None:
        for above in ancestors(endpoint, self._endpoints):
            parent = self._node(above)
            if node not in parent.children:
                parent.children.append(node)
            node, endpoint = parent, above
        if endpoint.parent == COURSE_OFFERINGS:
            courses = self._nodes.setdefault(COURSE_OFFERINGS, Node(COURSE_OFFERINGS, None))
            if node not in courses.children:
                courses.children.append(node)

    def _list(
        self,
        node: Node,
        keys: Keys,
        units: Mapping[Node, Unit],
        org_unit_ids: tuple[int, ...] = (0,),
        params: Mapping[str, str] | None = None,
    ) -> _List:
        endpoint, route = cast("Endpoint", node.endpoint), cast("Route", node.route)
        context = context_of(endpoint, keys)
        path = endpoint.url(keys, node.demand.params if params is None else params)
        since = endpoint.since
        window = TimeWindow(since.field) if since and since.until and since.field else None
        reader = self._session.list_reader(path, route, context)
        return _List(node, keys, reader, units, context, org_unit_ids, window)

    # -- the work --------------------------------------------------------------------------------

    def _continue(self, task: _List | _Courses) -> None:
        self._continued.append(task)
        if self._idle:
            self._work.notify()
        elif len(self._threads) < self._session.limits.requests_in_flight and not self._stopped:
            thread = threading.Thread(target=self._work_on, name="d2l-brightspace", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work_on(self) -> None:
        task: _List | _Courses | None = None
        while True:
            with self._lock:
                task = self._next_task(task)
                while task is None:
                    if self._stopped or self._fatal is not None:
                        return
                    self._idle += 1
                    self._work.wait()
                    self._idle -= 1
                    task = self._next_task()
                if self._continued or self._expansions:
                    self._wake_another()
            try:
                task = self._do(task)
            except BaseException as error:  # noqa: BLE001  # handed to who waits for rows
                with self._lock:
                    self._fatal = self._fatal or error
                    self._work.notify_all()
                    self._news.notify_all()
                return

    def _wake_another(self) -> None:
        if self._idle:
            self._work.notify()
        elif len(self._threads) < self._session.limits.requests_in_flight:
            thread = threading.Thread(target=self._work_on, name="d2l-brightspace", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _next_task(self, begun: _List | _Courses | None = None) -> _List | _Courses | None:
        """What to do next: the list that was begun, then those that wait, then new ones."""
        if begun is not None:
            self._continued.appendleft(begun)
        if self._stopped or self._fatal is not None or self._waiting_rows > _MOST_WAITING_ROWS:
            return None
        while self._continued:
            task = self._continued.popleft()
            if task.node.is_read():
                return task
            self._close(task.node, task.units if isinstance(task, _List) else {})
        for expansion in self._expansions[::-1]:
            for found in expansion.lists:
                if found is not None:
                    return found
                break  # not before it is known what comes of lists that were begun
            else:
                self._expansions.remove(expansion)
                self._close_below(expansion.node, expansion.units)
        return self._next_task() if self._continued else None

    def _do(self, task: _List | _Courses) -> _List | _Courses | None:
        """Read one page; gives the list again if it goes on."""
        if isinstance(task, _Courses):
            return self._find_courses(task)
        progress = task.node.progress
        if progress.began is None:
            progress.began, progress.state = time.monotonic(), "reading"
        try:
            page = task.reader.read()
            progress.ended = time.monotonic()
            part = self._converted(task, page)
        except Unreachable:
            raise  # each table would say the same
        except SKIPPABLE as error:
            with self._lock:
                self._skip(task, error)
            return None
        with self._lock:
            return self._take(task, page, part)

    def _find_courses(self, task: _Courses) -> _Courses | None:
        try:
            found = next(task.pages, None)
        except Unreachable:
            raise
        except SKIPPABLE as error:
            with self._lock:
                for node in task.node.descendants:
                    node.failure = node.failure or error
                self._close(task.node, {})
            return None
        with self._lock:
            if found is None or not task.node.is_needed():
                self._course_progress.is_complete = True
                self._close(task.node, {})
                return None
            self._course_progress.find(len(found.ids) + len(found.unclear))
            for unclear in found.unclear:
                self._skip_course(task.node, unclear)
            self._expand(task.node, [{ORG_UNIT_ID: one} for one in found.ids], {})
            return task

    def _converted(self, task: _List, page: Page) -> Part | Rows:
        part = Part(page.rows, _own_keys(task))
        tabulate, typed = task.node.tabulate, task.node.typed
        if tabulate is None or len(page.rows) < _ROWS_OF_A_TABLE:
            return part
        try:
            rows = tabulate([part])
        except UnexpectedValue as error:
            raise ProtocolError(str(error), task.context) from None
        typed.learn(undeclared_fields(rows))
        return rows

    def _take(self, task: _List, page: Page, part: Part | Rows) -> _List | None:
        """Hand on what a page brought; gives the list if it goes on."""
        node = task.node
        if task.reader.begins_again:
            task.parts, task.rows = [], 0
        if node.children:
            self._expand(node, self._keys_of(task, page), task.units)
        if node.is_stream and node.is_taking:
            node.started += 1
            self._deliver(
                node, Unit(task.keys, [part], len(page.rows), is_stream=True, is_asked=True)
            )
        elif node in task.units:
            task.parts.append(part)
            task.rows += len(page.rows)
        if task.reader.done:
            self._end(task)
            return None
        self._split(task, page)
        if node.is_stream and node.demand.one_by_one and node.started > node.taken:
            node.parked.append(task)
        elif not node.is_stream or node.is_needed():
            return task
        else:
            self._close(node, task.units)
        return None

    def _end(self, task: _List) -> None:
        unit = task.units.get(task.node)
        if unit is not None:
            unit.parts += task.parts
            unit.rows += task.rows
            unit.is_asked = True
        self._close(task.node, task.units)

    def _split(self, task: _List, page: Page) -> None:
        """Let those who are idle read a part of a list that is filtered by time."""
        endpoint, window = task.node.endpoint, task.window
        if window is None or endpoint is None or endpoint.since is None:
            return
        window.note(page.rows)
        since = endpoint.since
        free = self._session.limits.requests_in_flight - len(self._threads) + self._idle
        if not since.until or task.node.demand.units or free < 1 or self._continued:
            return
        later = window.split()
        if later is None or window.end is None:
            return
        start, rest = later
        params = {**task.node.demand.params, since.param: start}
        if rest.end is not None:
            params[since.until] = utc_milliseconds(rest.end)
        other = self._list(task.node, task.keys, task.units, params=params)
        other.window = rest
        self._open(task.node, task.units)
        self._continue(other)
        task.reader.end_at(**{since.until: utc_milliseconds(window.end)})

    # -- children --------------------------------------------------------------------------------

    def _expand(self, node: Node, rows: Iterable[Keys], units: Mapping[Node, Unit]) -> None:
        self._open_below(node, units)
        lists = self._lists_below(node, rows, units)
        self._expansions.append(_Expansion(node, units, lists))
        self._wake_another()

    def _lists_below(
        self, node: Node, rows: Iterable[Keys], units: Mapping[Node, Unit]
    ) -> Iterator[_List | None]:
        for keys in rows:
            while not any(_is_wanted(child, units) for child in node.children):
                if not any(child.may_start_later() for child in node.children):
                    return
                yield None
            needed = [child for child in node.children if _is_wanted(child, units)]
            for child in needed:
                if child.endpoint is not None and child.endpoint.parents_per_request > 1:
                    child.gathered_keys.append(keys)
                    if len(child.gathered_keys) == child.endpoint.parents_per_request:
                        yield self._gathered(child)
                    continue
                yield self._child_list(child, keys, units)

    def _child_list(self, child: Node, keys: Keys, units: Mapping[Node, Unit]) -> _List:
        org_unit_ids = (int(keys.get(ORG_UNIT_ID, 0)),)
        mine = dict(units)
        for node in (child, *child.descendants):
            endpoint = node.endpoint
            if node in mine or endpoint is None or not node.may_start():
                continue
            if node is child or (endpoint.replaces is not None and endpoint.replaces in keys):
                mine[node] = Unit(keys, org_unit_ids=org_unit_ids)
                node.started += 1
        task = self._list(child, keys, mine, org_unit_ids)
        self._open(child, mine)
        return task

    def _gathered(self, node: Node) -> _List:
        """One list for several parents."""
        gathered, node.gathered_keys = node.gathered_keys, []
        ids = tuple(int(keys[ORG_UNIT_ID]) for keys in gathered)
        unit = Unit({}, org_unit_ids=ids)
        node.started += 1
        keys = {ORG_UNIT_ID: ",".join(map(str, ids))}
        task = self._list(node, keys, {node: unit}, ids)
        self._open(node, task.units)
        return task

    def _keys_of(self, task: _List, page: Page) -> list[Keys]:
        """Keys of a page's rows, as the children need them; none that had children before."""
        columns = {
            column
            for child in task.node.children
            if child.endpoint is not None
            for column in child.endpoint.parent_columns
            if column not in task.keys
        }
        found: list[Keys] = []
        for row in page.rows:
            keys = {column: key_of(row, column) for column in sorted(columns)}
            mark = tuple(keys.values())
            if None in mark:
                self._skip_below(task, _no_key(task, sorted(columns)))
            elif mark not in task.spawned:
                task.spawned.add(mark)
                found.append({**task.keys, **keys})
        return found

    # -- the end of lists and units --------------------------------------------------------------

    def _open(self, node: Node, units: Mapping[Node, Unit]) -> None:
        for one in (node, *node.descendants):
            one.open_lists += 1
            if one in units:
                units[one].open_lists += 1

    def _close(self, node: Node, units: Mapping[Node, Unit]) -> None:
        self._close_all((node, *node.descendants), units)

    def _open_below(self, node: Node, units: Mapping[Node, Unit]) -> None:
        for one in node.descendants:
            one.open_lists += 1
            if one in units:
                units[one].open_lists += 1

    def _close_below(self, node: Node, units: Mapping[Node, Unit]) -> None:
        self._close_all(node.descendants, units)

    def _close_all(self, nodes: Sequence[Node], units: Mapping[Node, Unit]) -> None:
        for one in nodes:
            one.open_lists -= 1
            unit = units.get(one)
            if unit is not None:
                unit.open_lists -= 1
                if not unit.open_lists:
                    self._complete(one, unit)
            if one.demand.units is not None:
                self._work.notify_all()
            if not one.open_lists:
                if one.gathered_keys and one.is_taking:
                    self._continue(self._gathered(one))
                else:
                    one.gathered_keys = []
                    self._news.notify_all()

    def _skip(self, task: _List, error: BrightspaceError) -> None:
        node = task.node
        unit = task.units.get(node)
        if unit is not None:
            unit.errors.append(error)
            unit.is_asked = True
        elif node.is_stream:
            # a list of the whole tenant is the table, and all that hangs from it
            for one in (node, *node.descendants):
                one.failure = one.failure or error
            self._close(node, task.units)
            return
        self._skip_below(task, error)
        self._close(node, task.units)

    def _skip_course(self, courses: Node, error: ProtocolError) -> None:
        org_unit_id = error.context.org_unit_id if error.context else None
        for node in courses.descendants:
            if node.is_taking:
                node.started += 1
                self._complete(node, Unit({}, errors=[error], org_unit_ids=(org_unit_id or 0,)))

    def _skip_below(self, task: _List, error: BrightspaceError) -> None:
        for node in task.node.descendants:
            unit = task.units.get(node)
            if unit is not None:
                unit.errors.append(error)
            elif node.is_taking:
                node.started += 1
                self._complete(
                    node, Unit(task.keys, errors=[error], org_unit_ids=task.org_unit_ids)
                )

    def _complete(self, node: Node, unit: Unit) -> None:
        node.progress.courses += len(unit.org_unit_ids)
        if unit.errors:
            unit.clear()
            node.started -= 1
        if not node.is_taking:
            return
        if unit.errors and not node.is_answered and (unit.is_asked or not node.loaded):
            node.skipped.append(unit)
            return
        self._deliver(node, unit)

    def _deliver(self, node: Node, unit: Unit) -> None:
        if not unit.errors:
            node.loaded += 1
            node.is_answered = node.is_answered or unit.is_asked
            # that a course has no quizzes says nothing of attempts that were refused elsewhere
            held = [] if node.is_answered else [one for one in node.skipped if one.is_asked]
            node.ready.extend(one for one in node.skipped if node.is_answered or not one.is_asked)
            node.skipped = held
        node.ready.append(unit)
        node.progress.rows += unit.rows
        node.ready_rows += unit.rows
        node.ready_blocks += sum(len(one.rows) for one in unit.parts if isinstance(one, Part))
        self._waiting_rows += unit.rows
        if self._is_ready(node):
            self._news.notify_all()

    def _is_ready(self, node: Node) -> bool:
        if node.is_finished:
            return True
        if not node.ready:
            return False
        return (
            node.ready_rows >= _BATCH_ROWS
            or node.ready_blocks >= _BATCH_BLOCKS
            or not node.taken
            or node.demand.is_limited
            or self._waiting_rows > _MOST_WAITING_ROWS
        )

    def _has_news(self) -> bool:
        return self._fatal is not None or any(
            node.is_taking and self._is_ready(node) for node in self._nodes.values()
        )

    def _unpark(self, node: Node) -> None:
        parked, node.parked = node.parked, []
        for task in parked:
            self._continue(task)


def undeclared_fields(rows: Rows) -> list[str]:
    """Names of the fields of a table that nobody declares."""
    return [
        name.removeprefix(UNDECLARED)
        for name in rows.table.schema.names
        if name.startswith(UNDECLARED)
    ]


def _is_wanted(child: Node, units: Mapping[Node, Unit]) -> bool:
    """Whether its lists are wanted: for new units, or for one that was begun."""
    return child.is_needed() or any(one in units for one in (child, *child.descendants))


def _below(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _below(child)


def _own_keys(task: _List) -> Keys:
    """The keys that are one for all rows of a list."""
    return {} if len(task.org_unit_ids) > 1 else task.keys


def _no_key(task: _List, columns: Sequence[str]) -> ProtocolError:
    return ProtocolError(
        f"A row of {task.node.name} has no {' or '.join(columns)}, so what hangs from it cannot be "
        "read",
        task.context,
    )


_LONGEST_WAIT_SECONDS = 1.0
_JOIN_SECONDS = 5.0
"""How long all threads together are waited for in the end."""
