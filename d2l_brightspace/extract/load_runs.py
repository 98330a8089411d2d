"""The table of runs: when, how long, how much, and what came of it.

The table is made with the first rows of a source, so that later runs pay nothing for it; the row
of a run is written when the run is over, which is after dlt has loaded.
"""

from __future__ import annotations

from typing import Any

import dlt

from d2l_brightspace.dlt_compat import pipes
from d2l_brightspace.endpoints.columns import count, number, text, timestamp

from .progress import current_progress

LOAD_RUNS: dict[str, Any] = {
    "table_name": "load_runs",
    # dlt itself never has a row for it, and needs no staging table to make an empty one
    "write_disposition": "append",
    "columns": {
        "run_id": text(
            "The `load_id` in `_dlt_loads` and the `run_id` in `skipped_requests`; of a run that "
            "loaded nothing, the time of its start.",
            required=True,
        ),
        "pipeline_name": text("dlt's name of the pipeline.", required=True),
        "source": text("dlt's name of the source.", required=True),
        "started_at": timestamp("When the run began (UTC).", required=True),
        "ended_at": timestamp("When its rows were in the tables (UTC).", required=True),
        "seconds": number("From its start to its end."),
        "outcome": text(
            "complete: all was loaded; skipped: all but what is in skipped_requests; "
            "failed_tables: some tables kept their old rows; failed: it was ended by an error.",
            required=True,
        ),
        "requests": count("Requests sent to Brightspace, repeated ones included."),
        "credits": count("Credits of the rate limit spent; null where Brightspace reports none."),
        "skipped_requests": count("Rows that the run added to skipped_requests."),
        "rows_by_table": text("Rows of the run in each table, as a JSON object."),
        "tables_read": text("Tables that were read and loaded, as a JSON array."),
        "failed_tables": text("Tables of which nothing was loaded, as a JSON array."),
        "error": text("Class of the error that ended the run; null where none did."),
        "package_version": text("Version of d2l-brightspace."),
        "dlt_version": text("Version of dlt."),
    },
}
"""dlt's hints of the table."""
LOAD_RUNS_TABLE = "load_runs"
BOOKKEEPING = frozenset(
    {
        LOAD_RUNS_TABLE,
        "skipped_requests",
        "extracts_loaded",
        "bad_rows",
        "data_set_changes",
        "deleted_rows",
        "codes",
    }
)
"""Resources and tables that tell of loads, and are not read from a list of their own."""


def add_load_runs(resource: Any) -> None:
    """Let a resource make the table; before it has hints of its own, with which it would begin."""
    resource.apply_hints(**LOAD_RUNS, create_table_variant=True)


def load_runs_table() -> list[Any]:
    """What makes the table where there is none; to be sent past a user's steps by a generator."""
    progress = current_progress()
    if (
        progress.writes_load_runs
        and pipes.current_load_id() is not None
        and not pipes.is_row_destination()
        and pipes.known_table(LOAD_RUNS_TABLE) is None
        and progress.is_first(LOAD_RUNS_TABLE)
    ):
        item = dlt.mark.materialize_table_schema()
        return [dlt.mark.with_table_name(item, LOAD_RUNS_TABLE)]
    return []
