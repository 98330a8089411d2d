"""What an earlier run left behind: finished before anything new is read, or put aside.

dlt resumes a load package by repeating each copy into a table whose end it has not noted. If the
destination had committed such a copy when the process died, its rows are there twice; a merge that
was told its rows are distinct would not look for them, and without a merge nothing would.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, cast

import dlt
from dlt.destinations.exceptions import DestinationConnectionError, LoadClientNotConnected
from dlt.pipeline.exceptions import PipelineStepFailed

logger = logging.getLogger(__name__)

_OUT_OF_REACH = (DestinationConnectionError, LoadClientNotConnected)
_DISTINCT = "x-stage-data-deduplicated"
_PUT_ASIDE = (
    "An earlier run left a load package that cannot be finished; it was put aside and its period "
    "is read again."
)
_FINISHED = "A load package that an earlier run left pending was finished first."


def finish_pending(pipeline: dlt.Pipeline) -> list[str]:
    """Load what an earlier run extracted, or put it aside if that can never be done.

    Returns:
        What was done, for the report.

    Raises:
        PipelineStepFailed: If the destination is out of reach; the packages wait.
    """
    if not pipeline.has_pending_data:
        pipeline.sync_destination()
        return []
    logger.warning("Finishing what an earlier run left pending")
    if not _let_merges_drop_doubles(pipeline):
        return _put_aside(pipeline)
    try:
        pipeline.run()
    except PipelineStepFailed as failure:
        # all of it can be read again, so only a destination that is out of reach makes it wait
        if any(isinstance(cause, _OUT_OF_REACH) for cause in causes(failure)):
            raise
        return _put_aside(pipeline)
    return [_FINISHED]


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what caused it, what caused that."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _put_aside(pipeline: dlt.Pipeline) -> list[str]:
    pipeline.abort_packages()
    logger.warning(_PUT_ASIDE)
    return [_PUT_ASIDE]


def _let_merges_drop_doubles(pipeline: dlt.Pipeline) -> bool:
    """Let dlt look for doubles where a copy may be repeated; False if it cannot."""
    packages = pipeline._get_load_storage().normalized_packages
    for load_id in pipeline.list_normalized_load_packages():
        schema = packages.load_schema(load_id)
        begun = {
            job.job_file_info.table_name
            for job in pipeline.get_load_package_info(load_id).jobs["started_jobs"]
        }
        ours = [
            cast("dict[str, Any]", table)
            for table in schema.data_tables(include_incomplete=True)
            if table["name"] in begun
        ]
        if not all(_is_merged_by_key(table) for table in ours):
            return False
        for table in ours:
            table.pop(_DISTINCT, None)
        if ours:
            packages.save_schema(load_id, schema)
    return True


def _is_merged_by_key(table: dict[str, Any]) -> bool:
    return table.get("write_disposition") == "merge" and any(
        column.get("primary_key") for column in table["columns"].values()
    )
