"""One run of a pipeline done right: alone, after what is pending, with a report at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import dlt
import pyarrow
from dlt.sources import DltSource

from d2l_brightspace.client.http.private_logs import private_logs
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.dlt_compat.destinations import kept_open
from d2l_brightspace.dlt_compat.messages import forget_frames
from d2l_brightspace.extract.findings import Findings, collect_findings
from d2l_brightspace.settings import resolve

from .destinations import check_destination, merge_in_transactions
from .errors import plain_errors
from .failed_tables import FailedTables
from .full_refresh import full_refresh as exchange_tables
from .leftovers import delete_ended_packages, no_interrupted_extraction
from .lock import lock_working_folder
from .pending import finish_pending
from .report import RunReport, failure_of, report_on
from .surroundings import older_objects_uncollected, quiet_log
from .working_folder import check_folders, make_private, private_folder

_FEW_ROWS = 20_000
"""Loads of fewer rows keep the destination open."""


def run(
    pipeline: dlt.Pipeline, source: DltSource, *, strict: bool = False, full_refresh: bool = False
) -> RunReport:
    """Load a source once.

    Takes a lock on the pipeline's working folder, finishes what an earlier run left pending, puts
    aside what can never be finished, and then extracts and loads, in the same run.

    A table that cannot be read does not keep the others from being loaded: it holds what it held
    before, and the error is raised when the others are there, with the report as its `report`.

    Nothing of this outlasts the run: loggers, current folder, environment and destination are left
    as they were. No rows do, except in the tables: the working folder is for its owner only, and
    finished packages and what is in the staging dataset are deleted.

    Args:
        pipeline: Where to load to; its `refresh` setting is honoured.
        source: What to load.
        strict: Whether something skipped makes the exit code 1.
        full_refresh: Whether to read everything anew and exchange each table as a whole, so that
            rows which are in no list any more go as well. Until its exchange a table holds its
            old rows.

    Raises:
        ConfigurationError: If the destination cannot replace rows, or the working folder cannot be
            written.
        BrightspaceError: If something could not be read; without a report, the tables hold what
            they held before.
        RunInProgress: If another run uses the working folder.
        DestinationInUse: If another process has the DuckDB file open.
        DestinationRefused: If the destination does not take the rows of a table.
    """
    check_folders(pipeline)
    with (
        lock_working_folder(pipeline),
        private_folder(pipeline),
        plain_errors(),
        _surroundings(source),
    ):
        check_destination(pipeline, source)
        with merge_in_transactions(pipeline):
            report = _load(pipeline, source, strict=strict, anew=full_refresh)
    if report.failures:
        raise failure_of(report)
    return report


@contextmanager
def _surroundings(source: DltSource) -> Iterator[None]:
    """All that a run changes in its process, for as long as it lasts."""
    with ExitStack() as stack:
        stack.enter_context(quiet_log(source))
        stack.enter_context(private_logs())
        stack.callback(forget_frames)
        stack.enter_context(older_objects_uncollected())
        yield


def _load(pipeline: dlt.Pipeline, source: DltSource, *, strict: bool, anew: bool) -> RunReport:
    notes = finish_pending(pipeline)
    make_private(pipeline)  # dlt makes it anew where the dataset is gone
    with exchange_tables(pipeline, source) if anew else nullcontext():
        findings = _extract(pipeline, source)
    # what Arrow keeps for later pages is better in the hands of the destination
    pyarrow.default_memory_pool().release_unused()
    rows = sum(pipeline.normalize().row_counts.values())
    # closing is what makes DuckDB write a large load into its file, and let go of the memory
    with kept_open(pipeline) if rows < _FEW_ROWS else nullcontext():
        info = pipeline.load()
        delete_ended_packages(pipeline, info.loads_ids)
        return report_on(
            pipeline, info.loads_ids, [*notes, *findings.notes], findings.failures, strict=strict
        )


def _extract(pipeline: dlt.Pipeline, source: DltSource) -> Findings:
    in_flight = resolve(Limits()).requests_in_flight
    failed = FailedTables(pipeline)
    with no_interrupted_extraction(pipeline), collect_findings(failed.note) as findings:
        pipeline.extract(
            source,
            workers=in_flight,
            max_parallel_items=2 * in_flight,
            refresh=pipeline.refresh,
        )
    failed.discard()
    return findings


def progress_display() -> Any:
    """Bars for a person who watches, nothing for a log file: `dlt.pipeline(progress=…)`."""
    return "tqdm" if sys.stderr.isatty() else None
