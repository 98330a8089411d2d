"""Pages to tables: the last step of each resource before dlt writes its rows.

What could not be read goes beside the rows into the table `skipped_requests`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchema
from dlt.common.schema.utils import has_table_seen_data
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract.items import DataItemWithMeta

from d2l_brightspace.client.errors import BrightspaceError, ProtocolError, RequestContext
from d2l_brightspace.client.paging.pages import Page
from d2l_brightspace.endpoints import Endpoint
from d2l_brightspace.endpoints.columns import count, identifier, text, timestamp

from .arrow import (
    ORG_UNIT_ID,
    UNDECLARED,
    Rows,
    Tabulator,
    UnexpectedValue,
    add_constant,
    concat,
    settle_undeclared,
    to_rows,
)

COURSE_OFFERINGS = "course_offerings"
COURSE_OFFERING_BATCHES = "course_offering_batches"
ORG_UNIT_IDS_CSV = "org_unit_ids_csv"
CHUNK = "chunk"
DELETED = "_deleted"
"""Marks the row that stands for an emptied list; dlt's `hard_delete`, never true in a table."""

SKIPPED_REQUESTS: dict[str, Any] = {
    "table_name": "skipped_requests",
    "write_disposition": "merge",
    "primary_key": ["run_id", "resource", ORG_UNIT_ID, "route"],
    "columns": {
        "run_id": text("Run that met the gap; the `load_id` in `_dlt_loads`.", required=True),
        "resource": text("Resource whose rows are missing.", required=True),
        ORG_UNIT_ID: identifier(
            "Org unit whose rows are missing; 0 where the gap is not about one.", required=True
        ),
        "route": text("Route template that was asked.", required=True),
        "status": count("HTTP status of the answer; null if there was none."),
        "reason": text("Kind of error, such as PermissionDenied."),
        "detail": text("What happened, with Brightspace's own words."),
        "rows_missing": count("How many rows were left out; null where a whole list is missing."),
        "recorded_at": timestamp("When the gap was met (UTC)."),
    },
}


@dataclass(frozen=True)
class Chunk:
    """A group of org units that becomes one table: small tables are costly to hand to dlt."""

    run: str
    number: int
    size: int
    """Requests that the chunk takes."""
    last: bool


@dataclass
class _Gathered:
    """What has come of one chunk."""

    requests: int = 0
    pages: list[Page] = field(default_factory=list)
    """Those that are no table yet."""
    parts: list[Rows] = field(default_factory=list)
    gaps: list[DataItemWithMeta] = field(default_factory=list)


@dataclass
class _Coverage:
    """How far one run of one resource got over its org units."""

    chunks_begun: dict[int, _Gathered] = field(default_factory=dict)
    complete: int = 0
    chunks: int | None = None
    loaded: int = 0
    skipped: list[BrightspaceError] = field(default_factory=list)


class PagesToTables:
    """A step of dlt's pipe: takes pages of one endpoint, gives tables.

    Args:
        endpoint: Declares the columns.
        tabulate: Made the tables that the pages hold.
    """

    def __init__(self, endpoint: Endpoint, tabulate: Tabulator) -> None:
        self._endpoint = endpoint
        self._tabulate = tabulate
        self._coverage: dict[str, _Coverage] = {}
        self._lists = "merge_key" in endpoint.resource

    def __call__(self, pages: list[Page], meta: Any = None) -> Iterator[Any]:
        """Turn pages into tables and records of gaps.

        Raises:
            BrightspaceError: If not one org unit of the run could be read.
        """
        for page in pages:
            chunk = page.get(f"_{COURSE_OFFERINGS}_{CHUNK}") or page.get(
                f"_{COURSE_OFFERING_BATCHES}_{CHUNK}"
            )
            if chunk is None:
                parts: list[Rows] = []
                yield from self._collect([page], parts)
                yield from self._emit(parts)
            else:
                yield from self._gather(page, chunk)

    def _gather(self, page: Page, chunk: Chunk) -> Iterator[Any]:
        coverage = self._coverage.setdefault(chunk.run, _Coverage())
        gathered = coverage.chunks_begun.setdefault(chunk.number, _Gathered())
        gathered.requests += 1
        gathered.pages.append(page)
        if page.skipped is None:
            coverage.loaded += 1
        else:
            coverage.skipped.append(page.skipped)
        whole = gathered.requests == chunk.size
        if whole or len(gathered.pages) == _PAGES_AT_ONCE:
            gathered.gaps += self._collect(gathered.pages, gathered.parts)
            gathered.pages = []
        if not whole:
            return
        coverage.complete += 1
        if chunk.last:
            coverage.chunks = chunk.number + 1
        # before the first `yield`: dlt goes on with other chunks in between
        if coverage.complete == coverage.chunks:
            del self._coverage[chunk.run]
            self._check(coverage)
        del coverage.chunks_begun[chunk.number]
        yield from gathered.gaps
        yield from self._emit(gathered.parts)

    def _check(self, coverage: _Coverage) -> None:
        if coverage.loaded or not coverage.skipped:
            return
        first = coverage.skipped[0]
        scope = self._endpoint.scope
        hint = f" The route asks for the OAuth scope {scope}." if scope else ""
        raise type(first)(
            f"{self._endpoint.name}: not one of {len(coverage.skipped)} requests was answered. "
            f"{first.message}.{hint} Leave the resource out, or run `d2l-brightspace check`",
            first.context,
        )

    def _collect(self, pages: list[Page], parts: list[Rows]) -> Iterator[DataItemWithMeta]:
        """Add the rows of pages to the parts of a table; gives the records of gaps."""
        few: list[Page] = []
        for page in pages:
            if page.skipped is not None:
                yield from self._record(page, page.skipped)
            elif page.table is None:
                few.append(page)
            else:
                yield from self._add(page, page.table, parts)
        yield from self._add_few(few, parts)

    def _emit(self, parts: list[Rows]) -> Iterator[Any]:
        if parts:
            table = concat(parts).table
            yield from self._table(distinct(table, self._tabulate.keys) if self._lists else table)

    def _add(self, page: Page, rows: Rows, parts: list[Rows]) -> Iterator[DataItemWithMeta]:
        if rows.keyless:
            yield from self._record(page, self._without_key(), rows.keyless)
        parts.append(rows)

    def _add_few(self, pages: list[Page], parts: list[Rows]) -> Iterator[DataItemWithMeta]:
        """Add pages of a few rows as one table; one by one if there is anything wrong with it."""
        if not pages:
            return
        if self._lists:
            parts += [self._tombstone(page) for page in pages if not page.rows]
        try:
            together = self._tabulate([row for page in pages for row in self._stamped(page)])
        except UnexpectedValue:
            together = None
        if together is not None and not together.keyless:
            parts.append(together)
            for page in pages:
                page.rows = []  # dlt may keep the page for a while
            return
        for page in pages:
            try:
                yield from self._add(page, self._tabulate(self._stamped(page)), parts)
            except UnexpectedValue as error:
                yield from self._record(page, self._error(str(error)))

    def _stamped(self, page: Page) -> list[dict[str, Any]]:
        if self._lists:
            for row in page.rows:
                row[ORG_UNIT_ID] = page[f"_{COURSE_OFFERINGS}_{ORG_UNIT_ID}"]
        return page.rows

    def _tombstone(self, page: Page) -> Rows:
        """A row that stands for an empty list.

        The old rows of an org unit are deleted when new ones arrive for it; without the
        tombstone an emptied list would keep them.
        """
        schema = self._tabulate.schema
        keys = dict.fromkeys(self._tabulate.keys, 0)
        keys[ORG_UNIT_ID] = page[f"_{COURSE_OFFERINGS}_{ORG_UNIT_ID}"]
        values = [pa.array([keys.get(name)], schema.field(name).type) for name in schema.names]
        return Rows(pa.table(values, schema=schema).append_column(DELETED, pa.array([True])))

    def _table(self, table: pa.Table) -> Iterator[pa.Table | list[dict[str, Any]]]:
        table = _settled(table, self._endpoint.name)
        if self._tabulate.json_columns:
            # dlt takes an Arrow string column for text and says so on every table
            yield to_rows(table, self._tabulate.json_columns)
            return
        if not table.num_rows and _was_loaded(self._endpoint.name):
            # dlt's `Incremental` with a lag stumbles over an empty table before others
            return
        load_id = current_load_id()
        if load_id is not None:
            table = add_constant(table, "_dlt_load_id", load_id, pa.string())
        for start in range(0, max(table.num_rows, 1), _ROWS_AT_ONCE):
            yield table.slice(start, _ROWS_AT_ONCE)

    def _without_key(self) -> ProtocolError:
        return self._error(f"Rows without {' or '.join(self._tabulate.keys)} were left out")

    def _error(self, message: str) -> ProtocolError:
        return ProtocolError(message, RequestContext(self._endpoint.route))

    def _record(
        self, page: Page, error: BrightspaceError, rows_missing: int | None = None
    ) -> Iterator[DataItemWithMeta]:
        for org_unit_id in _org_unit_ids(page):
            yield dlt.mark.with_table_name(
                skipped_request(self._endpoint.name, org_unit_id, error, rows_missing),
                str(SKIPPED_REQUESTS["table_name"]),
            )


_ROWS_AT_ONCE = 100_000
_PAGES_AT_ONCE = 25
"""Pages of a few rows that share a table: one for each costs more than its rows do, and rows that
wait for others take less memory as a table."""


def skipped_request(
    resource: str, org_unit_id: int, error: BrightspaceError, rows_missing: int | None = None
) -> dict[str, Any]:
    """One row of `skipped_requests`."""
    context = error.context or RequestContext("")
    words = f"Brightspace says: {context.detail}" if context.detail else ""
    return {
        "run_id": current_load_id() or "none",
        "resource": resource,
        ORG_UNIT_ID: org_unit_id,
        "route": context.route,
        "status": context.status,
        "reason": type(error).__name__,
        "detail": ". ".join(filter(None, [error.message, words])),
        "rows_missing": rows_missing,
        "recorded_at": datetime.now(timezone.utc),
    }


def current_load_id() -> str | None:
    """Id of the load package that is being extracted; None outside a pipeline."""
    try:
        return dlt.current.load_package_state()["load_id"]
    except CurrentLoadPackageStateNotAvailable:
        return None


def distinct(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Keep the last row of each key: rows repeat where a list moves while it is paged."""
    if table.group_by(keys).aggregate([]).num_rows == table.num_rows:
        return table
    numbered = table.select(keys).append_column("row", pa.array(range(table.num_rows)))
    last = numbered.group_by(keys).aggregate([("row", "max")])
    return table.take(last["row_max"])


def _settled(table: pa.Table, table_name: str) -> pa.Table:
    if not any(name.startswith(UNDECLARED) for name in table.schema.names):
        return table
    known, normalize = _known_columns(table_name)
    # in the state, because two fields that want one column must not change places between runs
    names = dlt.current.resource_state().setdefault("undeclared_fields", {})
    return settle_undeclared(table, known, normalize, names)


def _known_columns(table_name: str) -> tuple[dict[str, str], Callable[[str], str]]:
    table = _known_table(table_name)
    columns = table["columns"] if table else {}
    types = {name: str(hint["data_type"]) for name, hint in columns.items() if "data_type" in hint}
    return types, dlt.current.source_schema().naming.normalize_path


def _was_loaded(table_name: str) -> bool:
    table = _known_table(table_name)
    return table is not None and has_table_seen_data(table)


def _known_table(table_name: str) -> TTableSchema | None:
    schema = dlt.current.source_schema()
    return schema.tables.get(schema.naming.normalize_table_identifier(table_name))


def _org_unit_ids(page: Page) -> list[int]:
    batch = page.get(f"_{COURSE_OFFERING_BATCHES}_{ORG_UNIT_IDS_CSV}")
    if batch:
        return [int(one) for one in batch.split(",")]
    return [page.get(f"_{COURSE_OFFERINGS}_{ORG_UNIT_ID}", 0)]
