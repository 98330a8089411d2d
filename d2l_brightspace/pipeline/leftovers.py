"""What a run leaves behind beside its tables: nothing that holds rows.

dlt keeps the files of finished packages, and the rows in its staging dataset, until somebody takes
them away. A package that waits for its load stays, and so does what the next run needs: state,
schemas, and the trace of the last run, which hold no rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import dlt

from d2l_brightspace.dlt_compat import packages, staging


def delete_ended_packages(pipeline: dlt.Pipeline, loaded: Collection[str]) -> None:
    """Delete the packages that were loaded, and those that were put aside or left by a killed run.

    Args:
        pipeline: Whose packages.
        loaded: Ids of those that this run has loaded. What the others have left in the staging
            dataset is deleted first, so that a run which is killed in between leaves the packages,
            and the next one knows by them which tables to empty.
    """
    for schema, tables in packages.tables_of_ended(pipeline, besides=loaded).items():
        if schema in pipeline.schemas:
            staging.empty_later(pipeline, schema, tables)
    packages.delete_ended(pipeline)
    packages.delete_unfinished_writes(pipeline)


@contextmanager
def no_interrupted_extraction(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Delete what an extraction wrote that did not come to its end, an earlier one or this one."""
    packages.delete_interrupted_extractions(pipeline)
    try:
        yield
    finally:
        packages.delete_interrupted_extractions(pipeline)
