"""What an earlier run left behind: finished before anything new is read, or put aside.

dlt resumes a load package by repeating each copy into a table whose end it has not noted. If the
destination had committed such a copy when the process died, its rows are there twice; a merge that
was told its rows are distinct would not look for them, and without a merge nothing would.
"""

from __future__ import annotations

import logging
from typing import Any, cast

import dlt

from d2l_brightspace.dlt_compat import messages, packages
from d2l_brightspace.dlt_compat.destinations import only_reads

from .failed_tables import FailedTables

logger = logging.getLogger(__name__)

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
    FailedTables(pipeline).discard()
    if not pipeline.has_pending_data:
        with only_reads(pipeline):
            pipeline.sync_destination()
        return []
    logger.warning("Finishing what an earlier run left pending")
    if not _let_merges_drop_duplicates(pipeline):
        return _put_aside(pipeline)
    try:
        pipeline.run()
    except messages.PipelineStepFailed as failure:
        # all of it can be read again, so only a destination that is out of reach makes it wait
        if any(isinstance(cause, messages.OUT_OF_REACH) for cause in messages.causes(failure)):
            raise
        return _put_aside(pipeline)
    return [_FINISHED]


def _put_aside(pipeline: dlt.Pipeline) -> list[str]:
    pipeline.abort_packages()
    logger.warning(_PUT_ASIDE)
    return [_PUT_ASIDE]


def _let_merges_drop_duplicates(pipeline: dlt.Pipeline) -> bool:
    """Let dlt look for duplicates where a copy may be repeated; False if it cannot."""
    can = True
    for load_id in pipeline.list_normalized_load_packages():
        begun = packages.begun_tables(pipeline, load_id)

        def look_for_duplicates(schema: dlt.Schema, begun: set[str] = begun) -> bool:
            nonlocal can
            ours = [
                cast("dict[str, Any]", table)
                for table in schema.data_tables(include_incomplete=True)
                if table["name"] in begun
            ]
            can = can and all(_is_merged_by_key(table) for table in ours)
            for table in ours if can else ():
                table.pop(_DISTINCT, None)
            return can and bool(ours)

        packages.change_normalized_schema(pipeline, load_id, look_for_duplicates)
    return can


def _is_merged_by_key(table: dict[str, Any]) -> bool:
    return table.get("write_disposition") == "merge" and any(
        column.get("primary_key") for column in table["columns"].values()
    )
