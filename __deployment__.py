"""Brightspace into the warehouse, daily: the jobs of this workspace on the dltHub runtime."""

from __future__ import annotations

from dlt.hub.run import pipeline, trigger

from pipelines.d2l_brightspace_pipeline import load

__all__ = ["load_brightspace_daily"]


@pipeline(
    "d2l_brightspace_pipeline",
    trigger=trigger.schedule("0 3 * * *"),
    # one at a time: a refresh token is good for one use
    execute={"timeout": "4h", "concurrency": 1},
    expose={"display_name": "Brightspace, daily"},
)
def load_brightspace_daily() -> None:
    """Load what is new or changed; what could not be read is told and kept in a table."""
    print(load())
