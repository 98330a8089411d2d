"""One run of a pipeline done right: alone, after what is pending, with a report at the end."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import pyarrow
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.exceptions import DltException
from dlt.common.runtime.collector import NULL_COLLECTOR, TqdmCollector
from dlt.extract import DltSource
from dlt.load.exceptions import LoadClientJobException
from filelock import FileLock, Timeout

from d2l_brightspace.client.errors import BrightspaceError, ConfigurationError
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.settings import resolve

from .pending import causes, finish_pending

SKIPPED_REQUESTS = "skipped_requests"


class RunInProgress(BrightspaceError):
    """Another run works in the same folder: wait for its end."""


class DestinationInUse(BrightspaceError):
    """Another process writes to the database file: wait for its end; no row is lost."""


class DestinationRefused(BrightspaceError):
    """The destination does not take the rows of a table: look at what became of the table."""


@dataclass(frozen=True)
class TableCount:
    """How much of a table a run has written."""

    table: str
    from_this_run: int
    in_all: int


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

    @property
    def exit_code(self) -> int:
        """0; with `strict` 1 if something was skipped."""
        return 1 if self.strict and self.skipped else 0

    def __str__(self) -> str:
        loads = ", ".join(self.load_ids) or "none"
        lines = [
            f"Loaded into dataset {self.dataset_name} at {self.destination} (load {loads})",
            "",
            f"  {'table':<24}{'rows of this run':>18}{'rows in all':>14}",
            *(f"  {t.table:<24}{t.from_this_run:>18,}{t.in_all:>14,}" for t in self.tables),
        ]
        return "\n".join([*lines, *self._about_skipped(), *self.notes])

    def _about_skipped(self) -> list[str]:
        if not self.skipped:
            return ["", "Nothing was skipped."]
        shown = [
            f"  {row['resource']}, org unit {row['org_unit_id']}: {row['reason']}"
            f"{' ' + str(row['status']) if row['status'] else ''}: {row['detail']}"
            for row in self.skipped[:_SHOWN_SKIPS]
        ]
        hidden = len(self.skipped) - len(shown)
        if hidden:
            shown.append(f"  … and {hidden} more")
        heading = (
            f"{len(self.skipped)} requests were skipped; earlier rows of these org units are kept "
            f"(table {SKIPPED_REQUESTS}):"
        )
        return ["", heading, *shown]


def run(pipeline: dlt.Pipeline, source: DltSource, *, strict: bool = False) -> RunReport:
    """Load a source once.

    Takes a lock on the pipeline's working folder, finishes what an earlier run left pending, puts
    aside what can never be finished, and then extracts and loads, in the same run.

    Args:
        pipeline: Where to load to; its `refresh` setting is honoured.
        source: What to load.
        strict: Whether a gap makes the exit code 1.

    Raises:
        ConfigurationError: If the destination cannot replace rows.
        BrightspaceError: If Brightspace could not be read; the tables hold what they held before.
        RunInProgress: If another run uses the working folder.
        DestinationInUse: If another process has the DuckDB file open.
        DestinationRefused: If the destination does not take the rows of a table.
    """
    with _alone(pipeline), _plain_errors(), _no_rows_in_the_log(), _older_objects_uncollected():
        _check_destination(pipeline)
        _merge_in_transactions(pipeline)
        notes = finish_pending(pipeline)
        in_flight = resolve(Limits()).requests_in_flight
        pipeline.extract(
            source,
            workers=in_flight,
            max_parallel_items=2 * in_flight,
            refresh=pipeline.refresh,
        )
        # what Arrow keeps for later pages is better in the hands of the destination
        pyarrow.default_memory_pool().release_unused()
        pipeline.normalize()
        info = pipeline.load()
        return _report(pipeline, info.loads_ids, notes, strict=strict)


def progress_display() -> Any:
    """Bars for a person who watches, nothing for a log file: `dlt.pipeline(progress=…)`."""
    return TqdmCollector() if sys.stderr.isatty() else NULL_COLLECTOR


@contextmanager
def _alone(pipeline: dlt.Pipeline) -> Iterator[None]:
    # beside the working folder, which dlt may wipe
    path = Path(pipeline.pipelines_dir) / f"{pipeline.pipeline_name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunInProgress(
            f"Another run of the pipeline {pipeline.pipeline_name!r} is under way in "
            f"{pipeline.pipelines_dir}. Start this one when it has ended, or give it a "
            "pipelines_dir of its own."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _older_objects_uncollected() -> Iterator[None]:
    """Keep the collector of cycles from what was there before the run.

    Rows are millions of new objects; they set off full collections, each of which would walk
    through all that dlt and its libraries hold: 5 % of the time of 2 000 class lists.
    """
    if gc.get_freeze_count():  # by the caller, or by a run in another thread
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise what went wrong itself, without dlt's wrapping of several pages."""
    try:
        yield
    except DltException as failure:
        chain = list(causes(failure))
        for cause in chain:
            if isinstance(cause, (BrightspaceError, ConfigFieldMissingException)):
                raise cause from None
            if _DUCKDB_IS_LOCKED in str(cause):
                raise DestinationInUse(
                    "Another process has the DuckDB file open, and DuckDB lets one write at a "
                    "time. Run again when it has ended; what was extracted is loaded then."
                ) from None
            if isinstance(cause, LoadClientJobException):
                raise _refused(cause, chain[-1]) from None
        raise


def _refused(job: LoadClientJobException, cause: BaseException) -> DestinationRefused:
    reason = type(cause).__name__
    if reason in _QUOTES_NO_VALUE:
        reason = str(cause).partition("\n")[0]
    table = str(job.job_id).partition(".")[0]
    return DestinationRefused(
        f"The destination does not take the rows of the table {table} ({reason}). Make room if "
        "a disk is full; if somebody changed the table by hand, give it its columns back, or load "
        "it anew with `--full-refresh`. Nothing is lost: the next run loads these rows again."
    )


@contextmanager
def _no_rows_in_the_log() -> Iterator[None]:
    """Cut dlt's error lines before the destination's own words, which quote values of rows."""

    def first_line(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            record.msg, record.args = record.getMessage().partition("\n")[0], ()
            record.exc_info = record.exc_text = None
        return True

    log = logging.getLogger("dlt")
    log.addFilter(first_line)
    try:
        yield
    finally:
        log.removeFilter(first_line)


def _check_destination(pipeline: dlt.Pipeline) -> None:
    """Refuse a destination where dlt would append and so keep every row of every run."""
    if pipeline.destination is None:
        return  # dlt says so itself
    capabilities = pipeline.destination.capabilities()
    if "delete-insert" not in (capabilities.supported_merge_strategies or ()):
        raise ConfigurationError(
            f"The destination {pipeline.destination.destination_name!r} cannot replace rows (dlt's "
            "merge strategy delete-insert), so each run would add all rows again. Load into a "
            'SQL database, for example destination = "duckdb", "postgres" or "snowflake".'
        )


def _merge_in_transactions(pipeline: dlt.Pipeline) -> None:
    """Let a merge delete old rows and insert new ones in one step, or neither.

    dlt does so only where a destination says `supports_transactions`, which those for DuckDB,
    Postgres, Snowflake and others leave open: a failed insert would leave the table without rows.
    """
    if pipeline.destination is not None:
        capabilities = pipeline.destination.capabilities()
        if capabilities.supports_ddl_transactions and capabilities.supports_transactions is None:
            pipeline.destination.caps_params["supports_transactions"] = True


def _report(
    pipeline: dlt.Pipeline, load_ids: Sequence[str], notes: Sequence[str], *, strict: bool
) -> RunReport:
    loads = ", ".join(f"'{load_id}'" for load_id in load_ids) or "''"
    dataset = pipeline.dataset()
    names = sorted(pipeline.default_schema.data_table_names(seen_data_only=True))
    tables = _counts(dataset, names, loads)
    skipped = []
    if SKIPPED_REQUESTS in names:
        columns = ("resource", "org_unit_id", "route", "status", "reason", "detail")
        query = (
            f"SELECT {', '.join(columns)} FROM {SKIPPED_REQUESTS} "  # noqa: S608  # our own ids
            f"WHERE run_id IN ({loads}) ORDER BY resource, org_unit_id"
        )
        skipped = [dict(zip(columns, row, strict=True)) for row in dataset(query).fetchall()]
    return RunReport(
        pipeline.pipeline_name,
        pipeline.dataset_name,
        str(pipeline.destination.destination_name),
        load_ids,
        tables,
        skipped,
        notes,
        strict,
    )


def _counts(dataset: dlt.Dataset, names: Sequence[str], loads: str) -> list[TableCount]:
    if not names:
        return []
    # one query: each opens a connection of its own
    query = " UNION ALL ".join(
        f"SELECT '{name}' AS name, COUNT(*) AS in_all, "  # noqa: S608  # names of the schema
        f"SUM(CASE WHEN _dlt_load_id IN ({loads}) THEN 1 ELSE 0 END) AS of_this_run FROM {name}"
        for name in names
    )
    counted = {
        name: (of_this_run, in_all) for name, in_all, of_this_run in dataset(query).fetchall()
    }
    return [TableCount(name, int(counted[name][0] or 0), int(counted[name][1])) for name in names]


_SHOWN_SKIPS = 20
_QUOTES_NO_VALUE = ("BinderException", "CatalogException", "IOException", "TransactionException")
"""Errors of DuckDB whose words name tables, columns and files, and no value of a row."""
_DUCKDB_IS_LOCKED = "Could not set lock on file"
