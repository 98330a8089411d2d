"""Import jobs and their logs as tables.

No route lists the jobs of a course (`docs/brightspace-api.md`), so the tokens come from an upload
log or from the caller.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
from dlt.sources import DltResource

from d2l_brightspace.client.auth.credentials import BrightspaceCredentials
from d2l_brightspace.client.errors import SKIPPABLE, BrightspaceError, ConfigurationError
from d2l_brightspace.client.paths import checked_path
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.connection import connect
from d2l_brightspace.endpoints.columns import identifier, personal, text, timestamp
from d2l_brightspace.extract.skipped import SKIPPED_REQUESTS, Skip, skipped_request
from d2l_brightspace.setting_checks import checked
from d2l_brightspace.settings import SECTION

from . import Entry, Job, read_log, read_status, read_upload_log
from .upload_log import ACCEPTED

logger = logging.getLogger(__name__)

IMPORT_JOBS: dict[str, Any] = {
    "table_name": "import_jobs",
    "write_disposition": "merge",
    "primary_key": ["target_org_unit_id", "job_token"],
    "columns": {
        "job_token": text("Token that names the job.", required=True),
        "target_org_unit_id": identifier("Org unit id of the course.", required=True),
        "status": text(
            "How far the job is: UPLOADING, PROCESSING, PROCESSED, READYTOIMPORTNATIVELY, "
            "IMPORTING, COMPLETED, IMPORTFAILED or others."
        ),
        "course_package": personal(
            "Path of the uploaded file; null where no upload log names it.", kind="free_text"
        ),
        "accepted_at": timestamp("When Brightspace took the package (UTC); from the upload log."),
        "status_seen_at": timestamp("When the status was read (UTC)."),
    },
}
IMPORT_JOB_LOGS: dict[str, Any] = {
    "table_name": "import_job_logs",
    "write_disposition": "merge",
    "primary_key": ["target_org_unit_id", "job_token", "log_id"],
    "columns": {
        "log_id": identifier("Id of the line.", required=True),
        "job_token": text("Token of the job that the line is about.", required=True),
        "target_org_unit_id": identifier("Org unit id of the course.", required=True),
        "conversion_import_job_id": identifier("Brightspace's own number of the job."),
        "operation_type_id": identifier("Number of the step that wrote the line."),
        "log_date_time": timestamp("When the line was written (UTC)."),
        "message": personal("What happened.", kind="free_text"),
        "type_id": identifier("Number of the kind of message."),
    },
}


@dataclass(frozen=True)
class _Known:
    """A job, and what the upload log says about it."""

    job: Job
    package: str | None = None
    accepted_at: str | None = None
    last: Entry | None = None


@checked
@dlt.source(name="d2l_brightspace_import_jobs", section=SECTION, max_table_nesting=0)
def import_jobs_source(
    ledger: str | os.PathLike[str] | None = None,
    jobs: Sequence[tuple[int, str]] = (),
    host: str = dlt.config.value,
    credentials: BrightspaceCredentials = dlt.secrets.value,
    le_version: str | None = None,
) -> list[DltResource]:
    """The tables `import_jobs` and `import_job_logs`, and `skipped_requests` for what is missing.

    Args:
        ledger: Upload log of `import-course`, whose jobs are read.
        jobs: More jobs, as pairs of org unit id and job token.
        host: As in `d2l_brightspace_source`.
        credentials: As in `d2l_brightspace_source`.
        le_version: As in `d2l_brightspace_source`.

    Raises:
        ConfigurationError: If a setting cannot be right, or neither upload log nor jobs are given.
    """
    if ledger is None and not jobs:
        raise ConfigurationError(
            'Name the jobs: import_jobs_source(ledger="courses.csv.ledger.jsonl") or '
            'import_jobs_source(jobs=[(6619, "token")]).'
        )
    example = 'ledger="courses.csv.ledger.jsonl"'
    path = None if ledger is None else checked_path(ledger, "The upload log", example)
    session = connect(host, credentials, pinned={"le": le_version})

    @dlt.resource(name="import_jobs")
    def import_jobs() -> Iterator[Any]:
        yield from _rows(
            "import_jobs", _list_jobs(path, jobs), lambda one: [_job_row(session, one)]
        )

    @dlt.resource(name="import_job_logs")
    def import_job_logs() -> Iterator[Any]:
        yield from _rows("import_job_logs", _list_jobs(path, jobs), lambda one: _logs(session, one))

    for resource, hints in ((import_jobs, IMPORT_JOBS), (import_job_logs, IMPORT_JOB_LOGS)):
        # this first: a variant starts from the hints that the resource has by then
        resource.apply_hints(**SKIPPED_REQUESTS, create_table_variant=True)
        resource.apply_hints(**hints)
    return [import_jobs, import_job_logs]


def _rows(
    resource: str, known: list[_Known], read: Callable[[_Known], list[dict[str, Any]]]
) -> Iterator[Any]:
    """The rows of all jobs; a job that cannot be read goes to `skipped_requests`."""
    yield dlt.mark.materialize_table_schema()
    skipped: list[BrightspaceError] = []
    for one in known:
        try:
            yield read(one)
        except SKIPPABLE as error:
            skipped.append(error)
            row = skipped_request(resource, Skip(one.job.org_unit_id, error))
            # the route is part of the key, and one course can have several jobs
            row["route"] = row["route"].replace("(jobToken)", one.job.token)
            yield dlt.mark.with_table_name(row, str(SKIPPED_REQUESTS["table_name"]))
            if resource == "import_jobs" and one.last is not None:
                yield _row(one, one.last.status, one.last.at)
    if skipped and len(skipped) == len(known):
        raise skipped[0]


def _list_jobs(path: Path | None, jobs: Sequence[tuple[int, str]]) -> list[_Known]:
    found = {(org_unit_id, token): _Known(Job(org_unit_id, token)) for org_unit_id, token in jobs}
    entries = read_upload_log(path) if path else []
    accepted = {(e.org_unit_id, e.token): e.at for e in entries if e.status == ACCEPTED}
    for entry in entries:
        if entry.token is not None:
            key = entry.org_unit_id, entry.token
            found[key] = _Known(Job(*key), entry.package, accepted.get(key), entry)
    without = {entry.key for entry in entries} - {e.key for e in entries if e.token is not None}
    if without:
        logger.warning(
            "%d packages of the upload log have no job; they are not loaded", len(without)
        )
    return list(found.values())


def _job_row(session: BrightspaceSession, one: _Known) -> dict[str, Any]:
    return _row(one, read_status(session, one.job), datetime.now(timezone.utc))


def _row(one: _Known, status: str, seen_at: datetime | str) -> dict[str, Any]:
    return {
        "job_token": one.job.token,
        "target_org_unit_id": one.job.org_unit_id,
        "status": status,
        "course_package": one.package,
        "accepted_at": one.accepted_at,
        "status_seen_at": seen_at,
    }


def _logs(session: BrightspaceSession, one: _Known) -> list[dict[str, Any]]:
    return [
        {
            "job_token": one.job.token,
            "target_org_unit_id": one.job.org_unit_id,
            **line._asdict(),
        }
        for line in read_log(session, one.job)
    ]
