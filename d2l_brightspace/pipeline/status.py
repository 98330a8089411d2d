"""What a destination tells of the runs before: of `load_runs` and `skipped_requests`, read only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dlt

from d2l_brightspace.dlt_compat import addresses, destinations
from d2l_brightspace.dlt_compat.messages import DatabaseUndefinedRelation
from d2l_brightspace.extract.load_runs import LOAD_RUNS_TABLE
from d2l_brightspace.timestamps import in_utc

from .errors import plain_errors

SKIPPED_REQUESTS = "skipped_requests"


@dataclass(frozen=True)
class RunStatus:
    """A row of `load_runs`, with the column names as attributes."""

    run_id: str
    started_at: datetime
    ended_at: datetime
    seconds: float | None
    outcome: str
    requests: int | None
    credits: int | None
    skipped_requests: int | None
    error: str | None
    tables_read: Sequence[str]
    failed_tables: Sequence[str]


@dataclass(frozen=True)
class TableStatus:
    """When a table was read last.

    Attributes:
        table: Its name.
        last_good_run: When the newest run ended that read it; None where none did.
        has_failed: Whether it failed in the newest run that was about it.
    """

    table: str
    last_good_run: datetime | None
    has_failed: bool

    def age(self, now: datetime) -> timedelta | None:
        """How long ago that was."""
        return None if self.last_good_run is None else now - self.last_good_run

    def is_stale(self, now: datetime, max_age: timedelta | None) -> bool:
        """Whether that is too long ago, or never was."""
        age = self.age(now)
        return max_age is not None and (age is None or age > max_age)


@dataclass(frozen=True)
class SkipStatus:
    """What was skipped in the newest run of a resource, for one reason.

    Attributes:
        resource: The resource.
        reason: Class of the error.
        org_units: How many org units it is about.
        requests: How many requests were skipped.
        first_seen: When it was skipped for the first time for this reason.
        last_seen: When it was skipped for the last time.
    """

    resource: str
    reason: str
    org_units: int
    requests: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True)
class DatasetStatus:
    """What is known of the runs into one dataset."""

    pipeline: str
    dataset: str
    place: str | None
    last_run: RunStatus
    tables: Sequence[TableStatus]
    skipped: Sequence[SkipStatus]


def dataset_status(pipeline: dlt.Pipeline) -> DatasetStatus | None:
    """What the destination of a pipeline tells of the runs into its dataset; changes nothing there.

    Returns:
        None where no run was recorded.

    Raises:
        DestinationInUse: If another process has the DuckDB file open.
    """
    client = destinations.read_only_client(pipeline)
    file = addresses.file_of(client)
    if file is not None and not file.exists():
        return None  # opening it would make an empty one
    with plain_errors(), client:
        runs = _runs(client)
        if not runs:
            return None
        return DatasetStatus(
            pipeline.pipeline_name,
            pipeline.dataset_name,
            addresses.address(client, destinations.kind(pipeline)),
            runs[-1],
            _tables(runs),
            _skipped(client, _last_runs(runs)),
        )


def _runs(client: Any) -> list[RunStatus]:
    """All runs, the newest one last."""
    rows = _select(client, LOAD_RUNS_TABLE, _RUN_COLUMNS)
    runs = [
        RunStatus(
            **{
                **dict(zip(_RUN_COLUMNS, row, strict=True)),
                "started_at": in_utc(row[_RUN_COLUMNS.index("started_at")]),
                "ended_at": in_utc(row[_RUN_COLUMNS.index("ended_at")]),
                "tables_read": _names(row[_RUN_COLUMNS.index("tables_read")]),
                "failed_tables": _names(row[_RUN_COLUMNS.index("failed_tables")]),
            }
        )
        for row in rows
    ]
    return sorted(runs, key=lambda run: run.ended_at)


def _tables(runs: Sequence[RunStatus]) -> list[TableStatus]:
    good: dict[str, datetime | None] = {}
    failed: dict[str, bool] = {}
    for run in runs:
        for table in run.failed_tables:
            good.setdefault(table, None)
            failed[table] = True
        for table in run.tables_read:
            good[table], failed[table] = run.ended_at, False
    return [TableStatus(table, good[table], failed[table]) for table in sorted(good)]


def _last_runs(runs: Sequence[RunStatus]) -> dict[str, str]:
    """The id of the newest run of each table."""
    found: dict[str, str] = {}
    for run in runs:
        found.update(dict.fromkeys((*run.tables_read, *run.failed_tables), run.run_id))
    return found


def _skipped(client: Any, last_runs: Mapping[str, str]) -> list[SkipStatus]:
    by_run = sorted(_select_skipped(client, by_run=True), key=lambda row: in_utc(row[5]))
    seen = {(row[0], row[1]): row[4:] for row in _select_skipped(client, by_run=False)}
    # a resource whose table has another name counts by its newest skip
    newest = {row[0]: row[6] for row in by_run}
    return [
        SkipStatus(resource, reason, org_units, requests, *map(in_utc, seen[resource, reason]))
        for resource, reason, org_units, requests, _, _, run_id in sorted(by_run)
        if run_id == last_runs.get(resource, newest[resource])
    ]


def _select_skipped(client: Any, *, by_run: bool) -> list[tuple[Any, ...]]:
    def quoted(name: str) -> str:
        return destinations.quoted(client, name)

    group = [quoted("resource"), quoted("reason")]
    at = quoted("recorded_at")
    columns = [*group, f"COUNT(DISTINCT {quoted('org_unit_id')})", "COUNT(*)"]
    columns += [f"MIN({at})", f"MAX({at})"]
    if by_run:
        group.append(quoted("run_id"))
        columns.append(quoted("run_id"))
    return _rows(
        client,
        f"SELECT {', '.join(columns)} FROM "  # noqa: S608  # our own names
        f"{destinations.qualified(client, SKIPPED_REQUESTS)} GROUP BY {', '.join(group)}",
    )


def _select(client: Any, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    names = ", ".join(destinations.quoted(client, name) for name in columns)
    return _rows(
        client,
        f"SELECT {names} FROM {destinations.qualified(client, table)}",  # noqa: S608  # our own
    )


def _rows(client: Any, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query; none where there is no such table."""
    try:
        return [tuple(row) for row in client.execute_sql(query) or ()]
    except DatabaseUndefinedRelation:
        return []


def _names(text: Any) -> list[str]:
    return [str(name) for name in json.loads(text or "[]")]


_RUN_COLUMNS = (
    "run_id",
    "started_at",
    "ended_at",
    "seconds",
    "outcome",
    "requests",
    "credits",
    "skipped_requests",
    "error",
    "tables_read",
    "failed_tables",
)
