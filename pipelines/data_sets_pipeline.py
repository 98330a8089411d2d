"""Brightspace Data Sets into the warehouse, which is DuckDB or any other destination of dlt.

The same as `d2l-brightspace data-sets load`; see its --help. To be run daily:

    python pipelines/data_sets_pipeline.py --data-sets users,user_enrollments,grade_results

The first run takes the newest full extract of each data set, later runs the differentials since.
Settings and credentials are those of `d2l_brightspace_pipeline.py`, unless
`[sources.d2l_brightspace_data_sets]` has its own.
"""

from __future__ import annotations

from d2l_brightspace.cli.data_sets import load_data_sets
from d2l_brightspace.cli.workspace import enter_workspace_of

if __name__ == "__main__":
    enter_workspace_of(__file__)
    load_data_sets.main(prog_name="python data_sets_pipeline.py")
