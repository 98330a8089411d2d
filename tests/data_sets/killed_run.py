"""A load that kills itself at its n-th step: run by test_kill.py, in a process of its own.

A step is a line of dlt's and ours where something lasting has just happened or is about to.
"""

from __future__ import annotations

import os
import signal
import sys

import dlt

from d2l_brightspace import BearerAuth, brightspace_data_sets_source, run

STEPS = (
    ("d2l_brightspace.client.session", "BrightspaceSession", "download"),
    ("d2l_brightspace.data_sets.load", None, "convert"),
    ("d2l_brightspace.data_sets.load", None, "deduplicate"),
    ("d2l_brightspace.data_sets.load", "DataSetLoad", "_record"),
    ("dlt.pipeline.pipeline", "Pipeline", "normalize"),
    ("dlt.pipeline.pipeline", "Pipeline", "load"),
    ("dlt.load.load", "Load", "complete_package"),
    ("dlt.destinations.impl.duckdb.duck", "DuckDbClient", "complete_load"),
    ("dlt.destinations.sql_jobs", "SqlMergeFollowupJob", "gen_merge_sql"),
    ("dlt.common.storages.load_package", "PackageStorage", "complete_loading_package"),
)


def kill_before(number: int) -> None:
    module, owner, name = STEPS[number]
    target = __import__(module, fromlist=["x"])
    target = getattr(target, owner) if owner else target
    assert hasattr(target, name), STEPS[number]

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(target, name, die)


def kill_when_staged(table: str) -> None:
    """Die when the destination has committed a file of the table and dlt has not noted it."""
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob

    copy = DuckDbCopyJob.run

    def die(job: DuckDbCopyJob) -> None:
        copy(job)
        if job.load_table_name == table:
            os.kill(os.getpid(), signal.SIGKILL)

    DuckDbCopyJob.run = die


def main(url: str, token: str, folder: str, step: str, *data_sets: str) -> None:
    if step.isdecimal():
        kill_before(int(step))
    elif step:
        kill_when_staged(step)
    pipeline = dlt.pipeline(
        "d2l_brightspace_data_sets",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.duckdb(f"{folder}/bds.duckdb"),
        dataset_name="d2l_brightspace_bds",
    )
    run(
        pipeline,
        brightspace_data_sets_source(
            url,
            BearerAuth(token=token),
            data_sets=data_sets,
            full_every_days=7,
        ),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
