"""The row of a run in `load_runs`, written when the run is over.

dlt writes its own `_dlt_loads` in the same way: by one statement, after everything was loaded.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import dlt

from d2l_brightspace.dlt_compat import addresses, destinations, messages
from d2l_brightspace.dlt_compat.columns import columns_of_tables
from d2l_brightspace.dlt_compat.dlt_ids import new_dlt_ids
from d2l_brightspace.extract.load_runs import LOAD_RUNS_TABLE
from d2l_brightspace.extract.progress import RunProgress

if TYPE_CHECKING:
    from .report import RunReport

logger = logging.getLogger(__name__)


def last_run(pipeline: dlt.Pipeline, client: Any) -> datetime | None:
    """When the newest run ended that loaded something; None where that is not known."""
    if not _is_there(pipeline):
        return None
    ended, outcome = (destinations.quoted(client, name) for name in ("ended_at", "outcome"))
    table = destinations.qualified(client, LOAD_RUNS_TABLE)
    with suppress(messages.DltException):
        rows = client.execute_sql(
            f"SELECT MAX({ended}) FROM {table} WHERE {outcome} <> 'failed'"  # noqa: S608  # our own
        )
        newest = rows[0][0] if rows else None
        return newest if isinstance(newest, datetime) else None
    return None


def record_run(
    pipeline: dlt.Pipeline, client: Any, source: str, report: RunReport, progress: RunProgress
) -> None:
    """Write the row of a run that has loaded.

    Args:
        pipeline: The one that ran.
        client: dlt's client of the destination, connected.
        source: Name of the source.
        report: What the run did.
        progress: What it counted.
    """
    tables = progress.tables.values()
    failed = {failure.table for failure in report.failures}
    failed |= {one.table for one in tables if one.state == "failed"}
    read = {one.table for one in tables if one.state == "read"} - failed
    values = {
        "outcome": report.outcome,
        "skipped_requests": len(report.skipped),
        "rows_by_table": json.dumps(
            {one.table: one.from_this_run for one in report.tables if one.from_this_run}
        ),
        "tables_read": json.dumps(sorted(read)),
        "failed_tables": json.dumps(sorted(failed)),
    }
    if report.load_ids:
        values["run_id"] = report.load_ids[0]
    try:
        _write(pipeline, client, {**_of_every_run(pipeline, source, progress), **values})
    except messages.DltException as error:
        logger.warning(
            "The run is not recorded in %s (%s); all else is loaded",
            LOAD_RUNS_TABLE,
            type(error).__name__,
        )


def record_failure(
    pipeline: dlt.Pipeline, source: str, error: BaseException, progress: RunProgress
) -> None:
    """Write the row of a run that was ended by an error, if that can be done."""
    with suppress(Exception):
        if not _is_there(pipeline):
            return
        client = pipeline.sql_client()
        file = addresses.file_of(client)
        if file is not None and not file.exists():
            return  # opening it would make an empty one
        values = {
            "outcome": "failed",
            "skipped_requests": sum(one.skipped.total() for one in progress.tables.values()),
            "rows_by_table": "{}",
            "tables_read": "[]",
            "failed_tables": "[]",
            "error": type(messages.unwrapped(error)).__name__,
        }
        with client:
            _write(pipeline, client, {**_of_every_run(pipeline, source, progress), **values})


def _of_every_run(pipeline: dlt.Pipeline, source: str, progress: RunProgress) -> dict[str, Any]:
    activity = progress.activity()
    started, seconds = progress.started_at, progress.snapshot().seconds
    spent = activity.credits_spent
    return {
        "run_id": str(started.timestamp()),
        "pipeline_name": pipeline.pipeline_name,
        "source": source,
        "started_at": started,
        "ended_at": started + timedelta(seconds=seconds),
        "seconds": round(seconds, 3),
        "requests": activity.requests,
        "credits": None if spent is None else round(spent),
        "package_version": _package_version(),
        "dlt_version": dlt.__version__,
    }


def _package_version() -> str | None:
    try:
        return version("d2l-brightspace")
    except PackageNotFoundError:  # run from its sources
        return None


def _is_there(pipeline: dlt.Pipeline) -> bool:
    return LOAD_RUNS_TABLE in columns_of_tables(pipeline)


def _write(pipeline: dlt.Pipeline, client: Any, values: dict[str, Any]) -> None:
    if not _is_there(pipeline):
        return
    of_dlt = {"_dlt_load_id": values["run_id"], "_dlt_id": new_dlt_ids(1)[0]}
    known = columns_of_tables(pipeline)[LOAD_RUNS_TABLE]
    row = {name: value for name, value in {**values, **of_dlt}.items() if name in known}
    names = ", ".join(destinations.quoted(client, name) for name in row)
    marks = ", ".join(["%s"] * len(row))
    table = destinations.qualified(client, LOAD_RUNS_TABLE)
    client.execute_sql(
        f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  # our own names
        *row.values(),
    )
