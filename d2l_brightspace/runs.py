"""One run of a pipeline done right: alone, after what is pending, with a report at the end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.common.runtime.collector import NULL_COLLECTOR, TqdmCollector
from dlt.extract import DltSource
from dlt.normalize.exceptions import NormalizeException
from dlt.pipeline.exceptions import PipelineStepFailed
from filelock import FileLock, Timeout

from .client.errors import BrightspaceError
from .client.limits import Limits
from .settings import resolve

logger = logging.getLogger(__name__)

SKIPPED_REQUESTS = "skipped_requests"


class RunInProgress(BrightspaceError):
    """Another run works in the same folder: wait for its end."""


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
        BrightspaceError: If Brightspace could not be read; the tables hold what they held before.
        RunInProgress: If another run uses the working folder.
        PipelineStepFailed: If the destination did not take the rows.
    """
    with _alone(pipeline), _plain_errors():
        notes = _finish_pending(pipeline)
        in_flight = resolve(Limits()).requests_in_flight
        pipeline.extract(
            source,
            workers=in_flight,
            max_parallel_items=2 * in_flight,
            refresh=pipeline.refresh,
        )
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
def _plain_errors() -> Iterator[None]:
    """Raise what went wrong with Brightspace itself, without dlt's wrapping of several pages."""
    try:
        yield
    except PipelineStepFailed as failure:
        for cause in _causes(failure):
            if isinstance(cause, BrightspaceError):
                raise cause from None
        raise


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _finish_pending(pipeline: dlt.Pipeline) -> list[str]:
    if not pipeline.has_pending_data:
        pipeline.sync_destination()
        return []
    logger.warning("Finishing what an earlier run left pending")
    try:
        pipeline.run()
    except PipelineStepFailed as failure:
        hopeless = (NormalizeException, DestinationTerminalException)
        if not any(isinstance(cause, hopeless) for cause in _causes(failure)):
            raise
        pipeline.abort_packages()
        note = (
            "An earlier run left a load package that cannot be finished; it was put aside and its "
            "period is read again."
        )
        logger.warning(note)
        return [note]
    return ["A load package that an earlier run left pending was finished first."]


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
