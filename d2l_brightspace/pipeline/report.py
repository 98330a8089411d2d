"""What a run did: rows of each table, what was skipped, which tables failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import dlt

from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    ConfigurationError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    ServiceUnavailable,
)
from d2l_brightspace.dlt_compat import destinations
from d2l_brightspace.dlt_compat.messages import SqlClientNotAvailable
from d2l_brightspace.extract.findings import TableFailure
from d2l_brightspace.printable import printable

SKIPPED_REQUESTS = "skipped_requests"


@dataclass(frozen=True)
class TableCount:
    """How much of a table a run has written."""

    table: str
    from_this_run: int
    in_all: int | None
    """None where the destination cannot be asked."""


@dataclass(frozen=True)
class RunReport:
    """What a run did."""

    pipeline_name: str
    dataset_name: str
    destination: str
    load_ids: Sequence[str]
    tables: Sequence[TableCount]
    skipped: Sequence[dict[str, Any]]
    """Rows of `skipped_requests` that this run wrote."""
    notes: Sequence[str] = field(default=())
    """What was found pending and what became of it."""
    strict: bool = False
    failures: Sequence[TableFailure] = field(default=())
    """Tables that could not be read and keep their old rows."""

    @property
    def exit_code(self) -> int:
        """0; 1 if a table failed, and with `strict` if something was skipped."""
        return 1 if self.failures or (self.strict and self.skipped) else 0

    def __str__(self) -> str:
        loads = ", ".join(self.load_ids) or "none"
        lines = [
            f"Loaded into dataset {self.dataset_name} at {self.destination} (load {loads})",
            "",
            f"  {'table':<24}{'rows of this run':>18}{'rows in all':>14}",
            *(_line(table) for table in self.tables),
            *self._about_skipped(),
            *self._about_failures(),
            *self.notes,
        ]
        return "\n".join(lines)

    def _about_skipped(self) -> list[str]:
        if not self.skipped:
            return ["", "Nothing was skipped."]
        whole = [row for row in self.skipped if row.get("rows_missing") is None]
        in_part = [row for row in self.skipped if row.get("rows_missing") is not None]
        return [
            *_skips(
                whole,
                f"{_number(whole, 'request was', 'requests were')} skipped; earlier rows of these "
                f"org units are kept (table {SKIPPED_REQUESTS}):",
            ),
            *_skips(
                in_part,
                f"Of {_number(in_part, 'list', 'lists')} not all is loaded (table "
                f"{SKIPPED_REQUESTS}):",
            ),
        ]

    def _about_failures(self) -> list[str]:
        if not self.failures:
            return []
        lines = ["", f"{_tables(len(self.failures))} failed and hold what they held before:"]
        for failure in self.failures:
            lines.append(f"  {failure.table}: {type(failure.error).__name__}: {failure.error}")
            lines.append(f"    {_what_to_do(failure.error)}")
        return lines


def _line(count: TableCount) -> str:
    in_all = "?" if count.in_all is None else f"{count.in_all:,}"
    return f"  {printable(count.table):<24}{count.from_this_run:>18,}{in_all:>14}"


def _skips(rows: Sequence[dict[str, Any]], heading: str) -> list[str]:
    if not rows:
        return []
    shown = [
        f"  {printable(row['resource'])}, {_place(row)}: {row['reason']}"
        f"{' ' + str(row['status']) if row['status'] else ''}: "
        f"{printable(row['detail'], _SHOWN_DETAIL)}"
        for row in rows[:_SHOWN_SKIPS]
    ]
    hidden = len(rows) - len(shown)
    return ["", heading, *shown, *([f"  … and {hidden} more"] if hidden else [])]


def _number(rows: Sequence[Any], one: str, many: str) -> str:
    return f"{len(rows)} {one if len(rows) == 1 else many}"


def _place(row: dict[str, Any]) -> str:
    key = row.get("parent_key")
    return f"org unit {row['org_unit_id']}{', ' + printable(key) if key else ''}"


def _tables(number: int) -> str:
    return "1 table" if number == 1 else f"{number} tables"


def _what_to_do(error: BrightspaceError) -> str:
    found = (advice for kind, advice in _ADVICE.items() if isinstance(error, kind))
    return next(found, _ADVICE[BrightspaceError])


_ADVICE: dict[type[BrightspaceError], str] = {
    AuthenticationError: "Log in again or replace the credentials, then run again.",
    ConfigurationError: "Correct the setting, then run again.",
    PermissionDenied: "Grant the permission or the scope, or leave the table out, then run again.",
    NotFound: "Switch the tool on in Brightspace or leave the table out, then run again.",
    RateLimited: "Run again later.",
    ServiceUnavailable: "Run again later.",
    ProtocolError: "Run again; if it stays, report it with this message.",
    BrightspaceError: "Run again.",
}


def failure_of(report: RunReport) -> BrightspaceError:
    """The error that ends a run in which tables failed; of the class of the first one."""
    first = report.failures[0].error
    reasons = "\n".join(f"  {failure.table}: {failure.error}" for failure in report.failures)
    error = type(first)(
        f"{_tables(len(report.failures))} could not be read; they hold what they held before, and "
        f"the others were loaded:\n{reasons}"
    )
    error.report = report
    return error


def report_on(
    pipeline: dlt.Pipeline,
    load_ids: Sequence[str],
    notes: Sequence[str],
    failures: Sequence[TableFailure],
    *,
    strict: bool,
) -> RunReport:
    """Ask the destination what a run has written."""
    names = sorted(pipeline.default_schema.data_table_names(seen_data_only=True))
    try:
        tables, skipped = _ask(pipeline, names, load_ids)
    except SqlClientNotAvailable:
        counted = _rows_of_trace(pipeline)
        tables, skipped = [TableCount(name, counted.get(name, 0), None) for name in names], []
    return RunReport(
        pipeline.pipeline_name,
        pipeline.dataset_name,
        str(pipeline.destination.destination_name),
        load_ids,
        tables,
        skipped,
        notes,
        strict,
        failures,
    )


def _ask(
    pipeline: dlt.Pipeline, names: Sequence[str], load_ids: Sequence[str]
) -> tuple[list[TableCount], list[dict[str, Any]]]:
    if not names:
        return [], []
    known = pipeline.default_schema.tables
    columns = {name: known[name]["columns"] for name in names}
    # `pipeline.dataset()` would parse and rewrite what is asked: 60 ms a run
    with pipeline.sql_client() as client:
        queries = [_count_rows(client, n, load_ids, _LOAD_ID in columns[n]) for n in names]
        counted = client.execute_sql(" UNION ALL ".join(queries)) or []
        on_the_way = _rows_of_trace(pipeline)
        tables = [
            TableCount(name, on_the_way.get(name, 0) if rows is None else int(rows), int(in_all))
            for name, in_all, rows in sorted(counted, key=lambda row: str(row[0]))
        ]
        if SKIPPED_REQUESTS not in names:
            return tables, []
        asked = [name for name in _SKIPPED_COLUMNS if name in columns[SKIPPED_REQUESTS]]
        skipped = client.execute_sql(_select_skipped(client, asked, load_ids)) or []
        return tables, [dict(zip(asked, row, strict=True)) for row in skipped]


def _count_rows(client: Any, name: str, load_ids: Sequence[str], knows_its_load: bool) -> str:
    of_this_run = "NULL"
    if knows_its_load:
        load_id = destinations.quoted(client, _LOAD_ID)
        of_this_run = f"COUNT(CASE WHEN {load_id} IN ({_listed(load_ids)}) THEN 1 END)"
    return (
        f"SELECT '{name}' AS name, COUNT(*) AS in_all, "  # noqa: S608  # names of the schema
        f"{of_this_run} AS of_this_run FROM {destinations.qualified(client, name)}"
    )


def _select_skipped(client: Any, columns: Sequence[str], load_ids: Sequence[str]) -> str:
    def quoted(name: str) -> str:
        return destinations.quoted(client, name)

    return (
        f"SELECT {', '.join(map(quoted, columns))} "  # noqa: S608  # our own names and ids
        f"FROM {destinations.qualified(client, SKIPPED_REQUESTS)} "
        f"WHERE {quoted('run_id')} IN ({_listed(load_ids)}) "
        f"ORDER BY {quoted('resource')}, {quoted('org_unit_id')}"
    )


def _listed(load_ids: Sequence[str]) -> str:
    return ", ".join(f"'{load_id}'" for load_id in load_ids) or "''"


def _rows_of_trace(pipeline: dlt.Pipeline) -> dict[str, int]:
    """What dlt counted on the way: the only figures of tables that do not name their loads."""
    trace = pipeline.last_trace
    info = trace.last_normalize_info if trace else None
    return dict(info.row_counts) if info else {}


_LOAD_ID = "_dlt_load_id"
_SHOWN_SKIPS = 20
_SHOWN_DETAIL = 600
"""Our own words, and then Brightspace's."""
_SKIPPED_COLUMNS = (
    "resource",
    "org_unit_id",
    "parent_key",
    "route",
    "status",
    "reason",
    "detail",
    "rows_missing",
    "values_missing",
)
