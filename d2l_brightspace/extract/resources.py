"""dlt resources, one for each table: what their generators do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from d2l_brightspace.client.errors import SKIPPABLE, BrightspaceError, RequestContext
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.dlt_compat import pipes
from d2l_brightspace.dlt_compat.dlt_ids import DLT_ID, new_dlt_ids
from d2l_brightspace.dlt_compat.exchange import exchange
from d2l_brightspace.endpoints.model import COURSE_OFFERINGS, Endpoint
from d2l_brightspace.timestamps import utc_milliseconds

from .arrow import Tabulator, add_constant, to_rows
from .batching import EMPTIED, WITHOUT_EMPTIED, Batcher
from .executor import Node, Run
from .field_tree import UNDECLARED
from .findings import TableFailure, report_failure, report_notes
from .handles import Handles, handles_of
from .load_runs import add_load_runs, load_runs_table
from .parents import CourseOfferings
from .progress import current_progress
from .skipped import SKIPPED_REQUESTS, Skip, skipped_request
from .undeclared import settle_undeclared
from .units import Unit
from .whole_tables import are_exchanged

logger = logging.getLogger(__name__)


class Reader:
    """What the resources of one source share: each run of the executor serves all that run.

    Args:
        session: Sends the requests.
        courses: The courses of the run.
        endpoints: All declarations, by name.
        parameters: Further query parameters of a table, by its name.
    """

    def __init__(
        self,
        session: BrightspaceSession,
        courses: CourseOfferings,
        endpoints: Mapping[str, Endpoint],
        parameters: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self._session = session
        self._courses = courses
        self._endpoints = endpoints
        self._parameters = parameters
        self._run: Run | None = None

    def resource(self, endpoint: Endpoint, since: datetime, overlap_seconds: float) -> DltResource:
        """The resource of a table.

        Args:
            endpoint: Declares it.
            since: First moment of interest, where the route can be asked for one.
            overlap_seconds: How far each run goes back before the newest row it has.
        """

        def rows() -> Iterator[Any]:
            yield from self._read(endpoint, since)

        resource: DltResource = dlt.resource(rows, name=endpoint.name)
        # this first: a variant starts from the hints that the resource has by then
        resource.apply_hints(**SKIPPED_REQUESTS, create_table_variant=True)
        add_load_runs(resource)
        hints = table_hints(endpoint)
        if endpoint.since is not None and endpoint.since.field is not None:
            hints["incremental"] = dlt.sources.incremental(
                endpoint.since.field,
                initial_value=since,
                lag=overlap_seconds,
                on_cursor_value_missing="include",
            )
        return resource.apply_hints(**hints)

    def _read(self, endpoint: Endpoint, since: datetime) -> Iterator[Any]:
        handles = handles_of(endpoint)
        state = _State(endpoint.name)
        tabulate = Tabulator(
            handles.columns,
            endpoint.keys,
            endpoint.dropped,
            strict=handles.strict,
            most_undeclared=self._session.limits.max_undeclared_fields,
        )
        run = self._run
        if run is None or run.has_started:
            run = self._run = Run(self._session, self._courses, self._endpoints)
        node = run.join(endpoint, tabulate, handles.demand(self._params(endpoint, since)))
        progress = current_progress()
        progress.watch(self._session.activity)
        progress.table(endpoint.name, handles.table)
        output = _Output(endpoint, node, tabulate, handles)
        is_new = handles.makes_table and pipes.known_table(handles.table) is None
        yield from map(pipes.past_steps, load_runs_table())
        if handles.as_rows:
            yield from _room_for_ids(handles.table)
        # the other resources join before the first request
        yield None
        try:
            failure = yield from output.items(run)
        finally:
            run.leave(node)
            report_notes([*self._session.versions.notes, *self._courses.notes])
        if failure is not None:
            state.restore()
            yield from output.record([Skip(0, failure)])
            if handles.tables_by_row:
                raise failure  # nobody can tell which tables have rows of this run
            if is_new:
                yield from output.empty_table()
            report_failure(TableFailure(endpoint.name, handles.table, failure))
        progress.finish(endpoint.name, failure)

    def _params(self, endpoint: Endpoint, since: datetime) -> dict[str, str]:
        params = {name: str(value) for name, value in self._parameters(endpoint.name).items()}
        timestamps = [n for n, hint in endpoint.columns.items() if hint["data_type"] == "timestamp"]
        incremental = pipes.incremental(timestamps)
        if endpoint.since is None:
            return params
        start = since if incremental is None else incremental.start_value or since
        params[endpoint.since.param] = utc_milliseconds(start)
        if endpoint.since.until and incremental is not None and incremental.end_value is not None:
            params[endpoint.since.until] = utc_milliseconds(incremental.end_value)
        return params


class _State:
    """The resource's state in dlt, as it was before the run."""

    def __init__(self, resource: str) -> None:
        self._state = dlt.current.resource_state() if pipes.current_load_id() else None
        self._before = deepcopy(dict(self._state)) if self._state is not None else {}

    def restore(self) -> None:
        """Forget the run: none of its rows is loaded."""
        if self._state is not None:
            self._state.clear()
            self._state.update(self._before)


class _Output:
    """What one resource hands to dlt."""

    def __init__(
        self, endpoint: Endpoint, node: Node, tabulate: Tabulator, handles: Handles
    ) -> None:
        self._endpoint = endpoint
        self._node = node
        self._tabulate = tabulate
        self._handles = handles
        self._batch = Batcher(endpoint, tabulate, node.typed)
        self._is_empty = True
        self._keys: list[pa.Table] = []
        self._kept: set[int] = set()

    def items(self, run: Run) -> Generator[Any, None, BrightspaceError | None]:
        """Tables or rows as they come, None where there is nothing yet.

        Returns:
            Why the table failed as a whole, or None.

        Raises:
            BrightspaceError: If nothing more can be read at all.
        """
        for units in run.units(self._node):
            if not units:
                yield None
                continue
            groups = [[unit] for unit in units] if self._handles.is_limited else [units]
            for group in groups:
                try:
                    yield from self._group(group)
                except SKIPPABLE as error:
                    return error
        failure = self._failure()
        if failure is None and self._is_empty:
            yield from self._table(self._tabulate([]).table)
        # a limit leaves lists unread, whose rows are to stay
        if failure is None and are_exchanged() and not self._handles.is_limited:
            yield from self._exchange()
        if self._handles.merges_by_key:
            pipes.declare_distinct(self._handles.table, distinct=self._are_distinct())
        return failure

    def _exchange(self) -> Iterator[Any]:
        """Have all old rows go, but for those of lists that were skipped."""
        if self._is_empty:
            # without any rows of a table dlt would leave it as it is
            yield from self.empty_table()
        exchange(self._handles.table, _column_of_courses(self._endpoint), self._kept)

    def empty_table(self) -> Iterator[Any]:
        """No rows, for a table that exists all the same."""
        if self._handles.as_rows:
            yield pipes.past_steps(dlt.mark.materialize_table_schema())
        else:
            table = with_lineage(self._tabulate([]).table, self._handles.table)
            yield pipes.past_steps(table)

    def record(self, skips: list[Skip]) -> Iterator[Any]:
        """Rows of `skipped_requests`."""
        if skips and pipes.current_load_id() is None:
            for skip in skips:
                logger.warning("%s was skipped: %s", self._endpoint.name, skip.error)
        elif skips:
            for skip in skips:
                self._node.progress.skip(skip.error)
            rows = [skipped_request(self._endpoint.name, skip) for skip in skips]
            yield pipes.past_steps(rows, str(SKIPPED_REQUESTS["table_name"]))

    def _are_distinct(self) -> bool:
        """Whether no key came twice, so that the destination need not look for duplicates."""
        if not self._keys:
            return False
        keys = pa.concat_tables(self._keys)
        return bool(keys.group_by(keys.column_names).aggregate([]).num_rows == keys.num_rows)

    def _group(self, units: list[Unit]) -> Iterator[Any]:
        table, skips = self._batch(units)
        self._kept.update(one for unit in units if unit.errors for one in unit.org_unit_ids)
        if self._handles.retires:
            for skip in skips:
                if skip.rows_missing != 0:  # the rows that are missing would be retired
                    raise skip.error
        yield from self.record(skips)
        if table is not None and (table.num_rows or self._handles.is_limited):
            yield from self._table(table)
        if self._handles.replaces_units:
            # what a filter leaves nothing of was read all the same
            marked = [
                unit
                for unit in units
                if not unit.errors and (self._handles.has_steps or not unit.rows)
            ]
            emptied = self._batch.emptied(marked)
            if emptied is not None:
                self._is_empty = False
                ids = self._handles.as_rows
                marked_rows = with_lineage(emptied, self._handles.table, ids=ids, load_id=EMPTIED)
                yield pipes.past_steps(marked_rows)

    def _failure(self) -> BrightspaceError | None:
        node = self._node
        if node.failure is not None or node.is_answered or not node.skipped:
            return node.failure
        errors = [error for unit in node.skipped for error in unit.errors]
        first, scope = errors[0], self._endpoint.scope
        hint = f" The route asks for the OAuth scope {scope}." if scope else ""
        return type(first)(
            f"Not one of {len(errors)} requests for {self._endpoint.name} was answered. "
            f"{first.message}.{hint} Leave the resource out, or run `d2l-brightspace check`",
            first.context or RequestContext(self._endpoint.route),
        )

    def _table(self, table: pa.Table) -> Iterator[Any]:
        declared = {name for name in table.schema.names if not name.startswith(UNDECLARED)}
        table = _settled(table, self._handles.table)
        self._is_empty = self._is_empty and not table.num_rows
        if self._handles.as_rows:
            undeclared = set(table.schema.names) - declared
            rows = to_rows(table, self._json_columns(table), undeclared)
            yield rows or dlt.mark.materialize_table_schema()
            return
        if not table.num_rows and pipes.known_table(self._handles.table):
            # dlt's `Incremental` with a lag stumbles over an empty table before others
            return
        if self._handles.merges_by_key:
            self._keys.append(table.select(self._tabulate.keys))
        yield with_lineage(table, self._handles.table)

    def _json_columns(self, table: pa.Table) -> list[str]:
        return [name for name in self._tabulate.json_columns if name in table.schema.names]


def table_hints(endpoint: Endpoint) -> dict[str, Any]:
    """The hints of an endpoint's table, as declared and as its merge needs them."""
    hints: dict[str, Any] = {
        "primary_key": list(endpoint.keys),
        "write_disposition": "merge",
        "columns": {name: dict(hint) for name, hint in endpoint.columns.items()},
        "references": [dict(reference) for reference in endpoint.references],
    }
    if endpoint.replaces is not None:
        hints["write_disposition"] = {
            "disposition": "merge",
            "strategy": "delete-insert",
            # the rows of a unit are made distinct before they leave
            "deduplicated": True,
            # dlt's own condition on key and merge key joins every row of an org unit with every
            # other: 160 s for 20 lists of 10 000 in DuckDB, where this takes 0.02 s
            "destination_scope": _SAME_UNIT.format(column=endpoint.replaces),
            # the scope sees those that stand for emptied lists as well
            "source_filter": WITHOUT_EMPTIED,
        }
    return hints


def with_lineage(
    table: pa.Table, table_name: str, *, ids: bool = False, load_id: str | None = None
) -> pa.Table:
    """A table with dlt's own columns, which dlt adds to rows and not to Arrow tables.

    Args:
        table: Goes to dlt as it is.
        table_name: Of the table in the destination.
        ids: Whether dict rows go to it in this run, for which dlt makes a column of ids.
        load_id: Goes into dlt's column for it; None for that of this load.
    """
    current = pipes.current_load_id()
    if current is None:
        return table
    known = pipes.known_table(table_name)
    if ids or (known is not None and DLT_ID in known["columns"]):
        # this run or an earlier one has dict rows, for which dlt makes this column
        table = _with_ids(table)
    return add_constant(table, "_dlt_load_id", load_id or current, pa.string())


def _settled(table: pa.Table, table_name: str) -> pa.Table:
    if not any(name.startswith(UNDECLARED) for name in table.schema.names):
        return table
    known = pipes.known_table(table_name)
    columns = known["columns"] if known else {}
    types = {name: str(hint["data_type"]) for name, hint in columns.items() if "data_type" in hint}
    normalize = dlt.current.source_schema().naming.normalize_path
    # in the state, because two fields that want one column must not change places between runs
    names = dlt.current.resource_state().setdefault("undeclared_fields", {})
    return settle_undeclared(table, types, normalize, names)


def _room_for_ids(table_name: str) -> Iterator[Any]:
    """Let dlt add its column of ids for dict rows to a table that has rows without."""
    known = pipes.known_table(table_name) if pipes.current_load_id() else None
    if known is not None and DLT_ID not in known["columns"]:
        hints = dlt.mark.make_hints(columns={DLT_ID: {"data_type": "text", "nullable": True}})
        yield pipes.past_steps(dlt.mark.with_hints([], hints))


def _with_ids(table: pa.Table) -> pa.Table:
    ids = pa.array(new_dlt_ids(table.num_rows), pa.string())
    return table.append_column(pa.field(DLT_ID, pa.string(), nullable=False), ids)


def _column_of_courses(endpoint: Endpoint) -> str | None:
    """The column that says which course a row is about; None in tables of the whole tenant."""
    if endpoint.parent == COURSE_OFFERINGS and len(endpoint.keys) == 1:
        return endpoint.keys[0]  # one row a course
    return endpoint.replaces


_SAME_UNIT = "{column} IN (SELECT {column} FROM {{staging_table}})"
