"""The jobs inside Brightspace: start one, read its status, read its log.

What is documented of them is in `docs/brightspace-api.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from d2l_brightspace.client.errors import OutcomeUnknown, ProtocolError, RequestContext
from d2l_brightspace.client.http.uploads import FileUpload
from d2l_brightspace.client.session import BrightspaceSession

Kind = Literal["import", "copy"]

_IMPORTS = "le/(version)/import/(orgUnitId)/imports/"
_COPIES = "le/(version)/import/(orgUnitId)/copy/"
_STATUS: Mapping[Kind, str] = {"import": f"{_IMPORTS}(jobToken)", "copy": f"{_COPIES}(jobToken)"}
_LOG = f"{_IMPORTS}(jobToken)/logs/"
# `import:job:*` are the scopes of imports; copies and logs have none of their own
_CREATE, _FETCH, _CORE = "import:job:create", "import:job:fetch", "core:*:*"
_STATUS_SCOPES: Mapping[Kind, str] = {"import": _FETCH, "copy": _CORE}


@dataclass(frozen=True)
class Job:
    """A job that Brightspace has accepted."""

    org_unit_id: int
    """The course it works on; of a copy, the one that is copied into."""
    token: str
    kind: Kind = "import"


@dataclass(frozen=True)
class CopyRequest:
    """What to copy: `CreateCopyJobRequest`."""

    source_org_unit_id: int
    components: tuple[str, ...] = ()
    """Names of the components; none for all of them."""
    days_to_offset_dates: int | None = None
    hours_to_offset_dates: int | None = None
    offset_by_start_date_difference: bool | None = None
    callback_url: str | None = None

    def block(self) -> dict[str, Any]:
        """The JSON that is sent; optional fields only where they are set."""
        optional = {
            "DaysToOffsetDates": self.days_to_offset_dates,
            "HoursToOffsetDates": self.hours_to_offset_dates,
            "OffsetByStartDateDifference": self.offset_by_start_date_difference,
        }
        return {
            "SourceOrgUnitId": self.source_org_unit_id,
            "Components": list(self.components) or None,
            "CallbackUrl": self.callback_url,
            **{name: value for name, value in optional.items() if value is not None},
        }


class LogLine(NamedTuple):
    """One line of an import's log: `ImportCourseLog`."""

    log_id: Any
    conversion_import_job_id: Any
    operation_type_id: Any
    log_date_time: Any
    message: Any
    type_id: Any


def start_import(
    session: BrightspaceSession,
    org_unit_id: int,
    upload: FileUpload,
    callback_url: str | None = None,
) -> Job:
    """Upload a package into a course.

    Args:
        session: Sends the request.
        org_unit_id: The course offering.
        upload: The package, `application/zip`.
        callback_url: Where Brightspace posts to when the job ends.

    Raises:
        OutcomeUnknown: If the package was sent but the answer was lost.
        BrightspaceError: If there is no job, because it was refused or could not be sent.
    """
    answer = session.post_once(
        _IMPORTS,
        upload,
        scope=_CREATE,
        parts={"orgUnitId": org_unit_id},
        params={"callbackUrl": callback_url} if callback_url else None,
    )
    return Job(org_unit_id, _token(answer, _IMPORTS, org_unit_id))


def start_copy(session: BrightspaceSession, org_unit_id: int, wanted: CopyRequest) -> Job:
    """Copy components of another course into a course; errors as in `start_import`.

    Args:
        session: Sends the request.
        org_unit_id: The course that is copied into.
        wanted: What to copy.
    """
    parts = {"orgUnitId": org_unit_id}
    answer = session.post_once(_COPIES, wanted.block(), scope=_CORE, parts=parts)
    return Job(org_unit_id, _token(answer, _COPIES, org_unit_id), "copy")


def read_status(session: BrightspaceSession, job: Job) -> str:
    """The job's status, in Brightspace's own spelling.

    Raises:
        BrightspaceError: If it cannot be read now.
    """
    path = _STATUS[job.kind]
    block = session.get_json(path, scope=_STATUS_SCOPES[job.kind], parts=_parts(job))
    status = block.get("Status") if isinstance(block, dict) else None
    if not isinstance(status, str) or not status.strip():
        where = RequestContext(path, job.org_unit_id)
        raise ProtocolError("The answer about the job holds no `Status`", where)
    return status.strip()


def read_log(session: BrightspaceSession, job: Job) -> list[LogLine]:
    """The lines that Brightspace wrote about an import; none for a copy, which has no such route.

    Raises:
        BrightspaceError: If they cannot be read.
    """
    if job.kind != "import":
        return []
    return session.read_list(_LOG, _CORE, _log_line, parts=_parts(job))


def is_complete(status: str) -> bool:
    """Whether a job has done its work: an import is COMPLETED, a copy is COMPLETE."""
    return status.upper() in _DONE


def is_over(status: str) -> bool:
    """Whether a job will not go on: it has done its work, failed, or was cancelled.

    Spellings vary (`Timeout` was seen), and a status that nobody has documented is not an end.
    """
    return is_complete(status) or any(word in status.upper() for word in _FAILURES)


def _log_line(block: Any) -> LogLine:
    return LogLine(
        block["LogId"],
        block.get("ConversionImportJobId"),
        block.get("OperationTypeId"),
        block.get("LogDateTime"),
        block.get("Message"),
        block.get("TypeId"),
    )


def _token(answer: Any, path: str, org_unit_id: int) -> str:
    token = answer.get("JobToken") if isinstance(answer, dict) else None
    if not isinstance(token, str | int) or not str(token).strip():
        raise OutcomeUnknown(
            "It was sent, but the answer holds no `JobToken`", RequestContext(path, org_unit_id)
        )
    return str(token)


def _parts(job: Job) -> dict[str, int | str]:
    return {"orgUnitId": job.org_unit_id, "jobToken": job.token}


_DONE = frozenset({"COMPLETED", "COMPLETE"})
_FAILURES = ("FAIL", "TIMEOUT", "TIMEDOUT", "CANCEL")
