"""What a run did: rows of each table, what was skipped, which tables failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

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
from d2l_brightspace.dlt_compat import addresses, destinations
from d2l_brightspace.dlt_compat.columns import columns_of_tables
from d2l_brightspace.dlt_compat.messages import DatabaseUndefinedRelation
from d2l_brightspace.extract.findings import TableFailure
from d2l_brightspace.extract.load_runs import LOAD_RUNS_TABLE
from d2l_brightspace.extract.progress import RunProgress
from d2l_brightspace.printable import printable

from .load_runs import last_run
from .progress.words import duration, number_of

Outcome = Literal["complete", "skipped", "failed_tables"]
"""As in the column `outcome` of `load_runs`, which has `failed` besides."""
SKIPPED_REQUESTS = "skipped_requests"


@dataclass(frozen=True)
class TableCount:
    """How much of a table a run has written."""

    table: str
    from_this_run: int
    in_all: int | None
    """None where the destination cannot be asked."""
    change: int | None = None
    """How many rows more it has than before the run: new ones less those that are gone."""
    skipped: int = 0
    """Requests for it that were skipped."""
    seconds: float | None = None
    """From the first request for it to the last answer; None where it was not asked for alone."""

    @property
    def is_unchanged(self) -> bool:
        """Whether the run has nothing to say of it."""
        return not (self.from_this_run or self.change or self.skipped)


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
    place: str | None = None
    """The file of the database, or its host and name; None where neither is known."""
    started_at: datetime | None = None
    seconds: float | None = None
    """From its start until the rows were in the tables."""
    requests: int | None = None
    """Requests sent to Brightspace, repeated ones included."""
    credits_spent: float | None = None
    """Credits of the rate limit; None where Brightspace reports none."""
    last_run_at: datetime | None = None
    """When the run before it ended that loaded something."""

    @property
    def exit_code(self) -> int:
        """0; 1 if a table failed, and with `strict` if something was skipped."""
        return 1 if self.failures or (self.strict and self.skipped) else 0

    @property
    def outcome(self) -> Outcome:
        """`failed_tables` where a table keeps its old rows, `skipped` where a part of one does."""
        if self.failures:
            return "failed_tables"
        return "skipped" if self.skipped else "complete"

    def as_json(self) -> dict[str, Any]:
        """The report as plain values; nothing in it is of a person.

        Of what was skipped it has numbers; who wants more looks into `skipped_requests`.
        """
        started, seconds = self.started_at, self.seconds
        ended = None if started is None or seconds is None else started + timedelta(seconds=seconds)
        return {
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "pipeline": self.pipeline_name,
            "run_ids": list(self.load_ids),
            "started_at": None if started is None else started.isoformat(),
            "ended_at": None if ended is None else ended.isoformat(),
            "seconds": None if seconds is None else round(seconds, 3),
            "requests": self.requests,
            "credits": self.credits_spent,
            "destination": self.destination,
            "place": self.place,
            "dataset": self.dataset_name,
            "tables": [_count_as_json(count) for count in self.tables],
            "skipped": [
                {"table": table, "reason": reason, "requests": number}
                for (table, reason), number in _by_reason(self.skipped).items()
            ],
            "failures": [
                {
                    "table": failure.table,
                    "error": type(failure.error).__name__,
                    "message": printable(failure.error.message, _SHOWN_DETAIL),
                }
                for failure in self.failures
            ],
            "notes": [printable(note, _SHOWN_DETAIL) for note in self.notes],
        }

    def __str__(self) -> str:
        loads = ", ".join(self.load_ids) or "none"
        lines = [
            f"Loaded into dataset {self.dataset_name} at {self.destination} (load {loads})",
            *self._about_place(),
            *self._about_costs(),
            "",
            *_table(self.tables, self.last_run_at),
            *self._about_skipped(),
            *self._about_failures(),
            *self.notes,
        ]
        return "\n".join(lines)

    def _about_place(self) -> list[str]:
        return [] if self.place is None else [f"The data is in {printable(self.place)}"]

    def _about_costs(self) -> list[str]:
        if self.seconds is None or self.requests is None:
            return []
        parts = [duration(self.seconds), number_of(self.requests, "request")]
        if self.credits_spent is not None:
            parts.append(number_of(round(self.credits_spent), "credit"))
        return [f"It took {', '.join(parts)}"]

    def _about_skipped(self) -> list[str]:
        if not self.skipped:
            return [] if self.failures else ["", "Nothing was skipped."]
        failed = {failure.resource for failure in self.failures}
        whole = [
            row
            for row in self.skipped
            # a table that failed as a whole is named below, with what to do
            if row.get("rows_missing") is None
            and not (row["resource"] in failed and not row["org_unit_id"])
        ]
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


def _count_as_json(count: TableCount) -> dict[str, Any]:
    return {
        "table": count.table,
        "rows": count.from_this_run,
        "change": count.change,
        "rows_in_all": count.in_all,
        "skipped": count.skipped,
        "seconds": None if count.seconds is None else round(count.seconds, 3),
    }


def _by_reason(skipped: Sequence[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((str(row["resource"]), str(row["reason"])) for row in skipped)


def _table(counts: Sequence[TableCount], last_run_at: datetime | None) -> Iterator[str]:
    """A line for each table; where many have nothing new, one for all of these."""
    unchanged = [count for count in counts if count.is_unchanged]
    if len(unchanged) <= _SHOWN_UNCHANGED:
        unchanged = []
    shown = [count for count in counts if count not in unchanged]
    if shown:
        columns = [column for column in _COLUMNS if column.is_needed(shown)]
        width = max(24, *(len(printable(count.table)) for count in shown))
        yield f"  {'table':<{width}}" + "".join(f"{one.head:>{one.width}}" for one in columns)
        for count in shown:
            cells = (f"{one.cell(count):>{one.width}}" for one in columns)
            yield f"  {printable(count.table):<{width}}" + "".join(cells)
    if unchanged:
        since = f" since {last_run_at:%Y-%m-%d %H:%M} UTC" if last_run_at else ""
        yield f"  {number_of(len(unchanged), 'table')}: nothing new{since}"


@dataclass(frozen=True)
class _Column:
    head: str
    width: int
    cell: Callable[[TableCount], str]
    is_needed: Callable[[Sequence[TableCount]], bool] = lambda _counts: True


_COLUMNS = (
    _Column("rows of this run", 18, lambda count: f"{count.from_this_run:,}"),
    _Column(
        "change",
        12,
        lambda count: (
            "?" if count.change is None else f"{count.change:+,}" if count.change else "0"
        ),
        lambda counts: any(count.change is not None for count in counts),
    ),
    _Column("rows in all", 14, lambda count: "?" if count.in_all is None else f"{count.in_all:,}"),
    _Column(
        "skipped",
        10,
        lambda count: f"{count.skipped:,}" if count.skipped else "",
        lambda counts: any(count.skipped for count in counts),
    ),
    _Column(
        "time",
        14,
        lambda count: "" if count.seconds is None else duration(count.seconds),
        lambda counts: any(count.seconds is not None for count in counts),
    ),
)


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


@dataclass(frozen=True)
class Loaded:
    """What a run knows of itself when all is loaded."""

    load_ids: Sequence[str]
    notes: Sequence[str]
    failures: Sequence[TableFailure]
    before: Mapping[str, int] | None
    """Rows of each table before the run; None where nobody counted."""


def report_on(
    pipeline: dlt.Pipeline,
    client: Any,
    loaded: Loaded,
    progress: RunProgress,
    *,
    strict: bool,
) -> RunReport:
    """Ask the destination what a run has written.

    Args:
        pipeline: The one that ran.
        client: dlt's client of the destination, connected; None where it has no SQL.
        loaded: What the run knows of itself.
        progress: What it counted.
        strict: As in `run`.
    """
    names = data_tables(pipeline)
    counted = _rows_of_trace(pipeline)
    tables = [TableCount(name, counted.get(name, 0), None) for name in names]
    skipped: list[dict[str, Any]] = []
    if client is not None and names:
        tables = _count(pipeline, client, names, loaded.load_ids)
        skipped = _skipped(pipeline, client, loaded.load_ids) if SKIPPED_REQUESTS in names else []
    activity = progress.activity()
    return RunReport(
        pipeline.pipeline_name,
        pipeline.dataset_name,
        str(pipeline.destination.destination_name),
        loaded.load_ids,
        [_complete(count, loaded.before, skipped, progress) for count in tables],
        skipped,
        loaded.notes,
        strict,
        loaded.failures,
        None if client is None else addresses.address(client, destinations.kind(pipeline)),
        progress.started_at,
        progress.snapshot().seconds,
        activity.requests,
        activity.credits_spent,
        None if client is None else last_run(pipeline, client),
    )


def data_tables(pipeline: dlt.Pipeline) -> list[str]:
    """The tables that rows of Brightspace were loaded into."""
    return sorted(columns_of_tables(pipeline).keys() - {LOAD_RUNS_TABLE})


def count_rows(client: Any, names: Sequence[str]) -> dict[str, int]:
    """How many rows tables hold, of those that are there."""
    queries = [_count_rows(client, name, (), knows_its_load=False) for name in names]
    return {str(name): int(in_all) for name, in_all, _ in _ask(client, queries)}


def _ask(client: Any, queries: Sequence[str]) -> Sequence[Any]:
    """The rows of several queries; of a table that somebody has dropped there are none."""
    try:
        return client.execute_sql(" UNION ALL ".join(queries)) or [] if queries else []
    except DatabaseUndefinedRelation:
        if len(queries) == 1:
            return []
    return [row for query in queries for row in _ask(client, [query])]


def _complete(
    count: TableCount,
    before: Mapping[str, int] | None,
    skipped: Sequence[dict[str, Any]],
    progress: RunProgress,
) -> TableCount:
    """A count with what the run knows of the table besides."""
    resources = [one for one in progress.tables.values() if one.table == count.table]
    known = {one.resource for one in resources} or {count.table}
    change = None
    if before is not None and count.in_all is not None:
        change = count.in_all - before.get(count.table, 0)
    return replace(
        count,
        change=change,
        skipped=sum(row["resource"] in known for row in skipped),
        seconds=next((one.seconds for one in resources), None),
    )


def _count(
    pipeline: dlt.Pipeline, client: Any, names: Sequence[str], load_ids: Sequence[str]
) -> list[TableCount]:
    known = columns_of_tables(pipeline)
    # `pipeline.dataset()` would parse and rewrite what is asked: 60 ms a run
    queries = [
        _count_rows(client, name, load_ids, knows_its_load=_LOAD_ID in known[name])
        for name in names
    ]
    counted = _ask(client, queries)
    on_the_way = _rows_of_trace(pipeline)
    return [
        TableCount(name, on_the_way.get(name, 0) if rows is None else int(rows), int(in_all))
        for name, in_all, rows in sorted(counted, key=lambda row: str(row[0]))
    ]


def _skipped(pipeline: dlt.Pipeline, client: Any, load_ids: Sequence[str]) -> list[dict[str, Any]]:
    known = columns_of_tables(pipeline)[SKIPPED_REQUESTS]
    asked = [name for name in _SKIPPED_COLUMNS if name in known]
    rows = client.execute_sql(_select_skipped(client, asked, load_ids)) or []
    return [dict(zip(asked, row, strict=True)) for row in rows]


def _count_rows(client: Any, name: str, load_ids: Sequence[str], *, knows_its_load: bool) -> str:
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
_SHOWN_UNCHANGED = 8
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
