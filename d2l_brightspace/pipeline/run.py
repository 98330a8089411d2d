"""One run of a pipeline done right: alone, after what is pending, with a report at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import dlt
import pyarrow
from dlt.sources import DltSource

from d2l_brightspace.client.http.private_logs import private_logs
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.dlt_compat.collectors import shows_progress
from d2l_brightspace.dlt_compat.destinations import kept_open
from d2l_brightspace.dlt_compat.messages import DltException, SqlClientNotAvailable, forget_frames
from d2l_brightspace.extract.findings import Findings, collect_findings
from d2l_brightspace.extract.load_runs import BOOKKEEPING
from d2l_brightspace.extract.progress import count_progress
from d2l_brightspace.settings import resolve

from .destinations import can_replace_rows, check_destination, merge_in_transactions
from .errors import plain_errors
from .failed_tables import FailedTables
from .full_refresh import full_refresh as exchange_tables
from .leftovers import delete_ended_packages, no_interrupted_extraction
from .load_runs import record_failure, record_run
from .lock import lock_working_folder
from .migration import drop_obsolete_columns, forget_obsolete_columns
from .pending import finish_pending
from .progress.display import ProgressDisplay, RunPlan
from .progress.watch import Watch, watch
from .report import Loaded, RunReport, count_rows, data_tables, failure_of, report_on
from .surroundings import older_objects_uncollected, quiet_log
from .working_folder import check_folders, make_private, private_folder

_FEW_ROWS = 20_000
"""Loads of fewer rows keep the destination open."""


def run(
    pipeline: dlt.Pipeline,
    source: DltSource,
    *,
    strict: bool = False,
    full_refresh: bool = False,
    progress: ProgressDisplay | None = None,
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
        progress: Shows the run while it lasts; None to show nothing.

    Raises:
        ConfigurationError: If the destination cannot replace rows, or the working folder cannot be
            written.
        BrightspaceError: If something could not be read; without a report, the tables hold what
            they held before.
        RunInProgress: If another run uses the working folder.
        DestinationInUse: If another process has the DuckDB file open.
        DestinationRefused: If the destination does not take the rows of a table.
    """
    if progress is not None and progress.yields_to_dlt and shows_progress(pipeline):
        progress = None
    with watch(progress, _plan(pipeline, source)) as watched:
        watched.enter("connecting")
        check_folders(pipeline)
        with (
            lock_working_folder(pipeline),
            private_folder(pipeline),
            plain_errors(),
            _surroundings(source),
        ):
            check_destination(pipeline, source)
            refresh = exchange_tables(pipeline, source) if full_refresh else nullcontext()
            with merge_in_transactions(pipeline):
                watched.report = _load(pipeline, source, watched, refresh, strict=strict)
    report = watched.report
    if report.failures:
        raise failure_of(report)
    return report


def _plan(pipeline: dlt.Pipeline, source: DltSource) -> RunPlan:
    return RunPlan(
        pipeline.pipeline_name,
        source.name,
        [name for name in source.selected_resources if name not in BOOKKEEPING],
        str(pipeline.destination.destination_name) if pipeline.destination else "",
        pipeline.dataset_name or "",
    )


@contextmanager
def _surroundings(source: DltSource) -> Iterator[None]:
    """All that a run changes in its process, for as long as it lasts."""
    with ExitStack() as stack:
        stack.enter_context(quiet_log(source))
        stack.enter_context(private_logs())
        stack.callback(forget_frames)
        stack.enter_context(older_objects_uncollected())
        yield


def _load(
    pipeline: dlt.Pipeline,
    source: DltSource,
    watched: Watch,
    refresh: AbstractContextManager[None],
    *,
    strict: bool,
) -> RunReport:
    watched.progress.writes_load_runs = can_replace_rows(pipeline)
    with ExitStack() as stack:
        try:
            loaded = _read_and_load(pipeline, source, watched, refresh, stack)
        except BaseException as error:
            record_failure(pipeline, source.name, error, watched.progress)
            raise
        return _report(pipeline, source, watched, loaded, strict=strict)


def _read_and_load(
    pipeline: dlt.Pipeline,
    source: DltSource,
    watched: Watch,
    refresh: AbstractContextManager[None],
    stack: ExitStack,
) -> Loaded:
    notes = finish_pending(pipeline)
    make_private(pipeline)  # dlt makes it anew where the dataset is gone
    known = data_tables(pipeline)
    with_obsolete = forget_obsolete_columns(pipeline, source)
    watched.enter("reading")
    with refresh:
        findings = _extract(pipeline, source, watched)
    watched.enter("normalizing")
    # what Arrow keeps for later pages is better in the hands of the destination
    pyarrow.default_memory_pool().release_unused()
    rows = sum(pipeline.normalize().row_counts.values())
    watched.enter("loading")
    # closing is what makes DuckDB write a large load into its file, and let go of the memory
    if rows < _FEW_ROWS:
        stack.enter_context(kept_open(pipeline))
    before = _rows_of(pipeline, known)
    info = pipeline.load()
    drop_obsolete_columns(pipeline, with_obsolete)
    delete_ended_packages(pipeline, info.loads_ids)
    return Loaded(info.loads_ids, [*notes, *findings.notes], findings.failures, before)


def _rows_of(pipeline: dlt.Pipeline, tables: Sequence[str]) -> dict[str, int] | None:
    """How many rows tables hold; None where that cannot be asked."""
    if not tables:
        return {}
    try:
        with pipeline.sql_client() as client:
            return count_rows(client, tables)
    except DltException:  # the load will say what is wrong with the destination
        return None


def _report(
    pipeline: dlt.Pipeline, source: DltSource, watched: Watch, loaded: Loaded, *, strict: bool
) -> RunReport:
    progress = watched.progress
    try:
        asked = pipeline.sql_client()
    except SqlClientNotAvailable:
        return report_on(pipeline, None, loaded, progress, strict=strict)
    with asked as client:
        report = report_on(pipeline, client, loaded, progress, strict=strict)
        if progress.writes_load_runs:
            record_run(pipeline, client, source.name, report, progress)
        return report


def _extract(pipeline: dlt.Pipeline, source: DltSource, watched: Watch) -> Findings:
    in_flight = resolve(Limits()).requests_in_flight
    failed = FailedTables(pipeline)
    with (
        no_interrupted_extraction(pipeline),
        count_progress(watched.progress),
        collect_findings(failed.note) as findings,
    ):
        pipeline.extract(
            source,
            workers=in_flight,
            max_parallel_items=2 * in_flight,
            refresh=pipeline.refresh,
        )
    failed.discard()
    return findings
