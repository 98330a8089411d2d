"""The table of what could not be read, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from d2l_brightspace.client.errors import BrightspaceError, RequestContext
from d2l_brightspace.dlt_compat.pipes import current_load_id
from d2l_brightspace.endpoints.columns import count, identifier, personal, text, timestamp
from d2l_brightspace.endpoints.model import ORG_UNIT_ID

SKIPPED_REQUESTS: dict[str, Any] = {
    "table_name": "skipped_requests",
    "write_disposition": "merge",
    "primary_key": ["run_id", "resource", ORG_UNIT_ID, "parent_key", "route"],
    "columns": {
        "run_id": text(
            "Run in which it was skipped; the `load_id` in `_dlt_loads`.", required=True
        ),
        "resource": text("Resource whose rows are missing.", required=True),
        ORG_UNIT_ID: identifier(
            "Org unit whose rows are missing; 0 where it is not about one.", required=True
        ),
        "parent_key": text(
            "Keys below the org unit that were asked for, such as `QuizId=7`; empty where none.",
            required=True,
        ),
        "route": text("Route template that was asked.", required=True),
        "status": count("HTTP status of the answer; null if there was none."),
        "reason": text("Kind of error, such as PermissionDenied."),
        "detail": personal(
            "What happened; of Brightspace's words only codes, and what permission is missing.",
            kind="free_text",
        ),
        "rows_missing": count("How many rows were left out; null where a whole list is missing."),
        "values_missing": count(
            "How many values of rows that are loaded became null because they could not be read."
        ),
        # of two records with one key in one run, the later one has counted all
        "recorded_at": {**timestamp("When it was skipped (UTC)."), "dedup_sort": "desc"},
    },
}


@dataclass(frozen=True)
class Skip:
    """A list, or some of its rows or values, that could not be loaded."""

    org_unit_id: int
    error: BrightspaceError
    rows_missing: int | None = None
    """None where the whole list is missing."""
    values_missing: int | None = None


def skipped_request(resource: str, skip: Skip) -> dict[str, Any]:
    """One row of `skipped_requests`."""
    context = skip.error.context or RequestContext("")
    words = f"Brightspace says: {context.detail}" if context.detail else ""
    return {
        "run_id": current_load_id() or "none",
        "resource": resource,
        ORG_UNIT_ID: skip.org_unit_id,
        "parent_key": context.parent_key or "",
        "route": context.route,
        "status": context.status,
        "reason": type(skip.error).__name__,
        "detail": ". ".join(filter(None, [skip.error.message, words])),
        "rows_missing": skip.rows_missing,
        "values_missing": skip.values_missing,
        "recorded_at": datetime.now(timezone.utc),
    }
