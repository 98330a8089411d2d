"""Import and copy jobs: what they go through, and how fast.

What becomes of a package is in its name, so that somebody at a shell can choose: the words `fail`,
`timeout`, `native`, `strange` and `slow` are looked for. A file that is no course package fails,
as it does in a real Brightspace.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import BinaryIO, Literal

Kind = Literal["import", "copy"]

# The usual way, and the one of packages that need no conversion (docs/brightspace-api.md).
_CONVERTED = ("UPLOADING", "PROCESSING", "PROCESSED", "IMPORTING", "COMPLETED")
_NATIVE = ("UPLOADING", "READYTOIMPORTNATIVELY", "IMPORTING", "COMPLETED")
_FAILED = (*_CONVERTED[:-1], "IMPORTFAILED")
_TIMED_OUT = (*_CONVERTED[:-1], "Timeout")  # mixed case, as a third-party library has it
_STRANGE = ("UPLOADING", "UNKNOWN", "PROCESSED", "IMPORTING", "COMPLETED")
_REJECTED = ("UPLOADING", "PROCESSING", "IMPORTFAILED")
_COPIED = ("PENDING", "PROCESSING", "COMPLETE")
_NOT_COPIED = ("PENDING", "PROCESSING", "FAILED")
_BY_WORD = {"fail": _FAILED, "timeout": _TIMED_OUT, "native": _NATIVE, "strange": _STRANGE}
_ENDS = frozenset({"COMPLETED", "IMPORTFAILED", "Timeout", "COMPLETE", "FAILED", "CANCELLED"})
_SLOW = 5  # times as long as usual


@dataclass(frozen=True)
class LogLine:
    """ImportCourseLog."""

    log_id: int
    job_number: int
    at: datetime
    message: str
    type_id: int  # the numbers are the sandbox's own: D2L's are not published


@dataclass
class Job:
    """One job and how far it is."""

    kind: Kind
    number: int
    token: str
    org_unit_id: int
    stages: Sequence[str]
    looks: int  # status reads that each stage lasts; unused where stages last some seconds
    seconds: float
    born: float
    file_name: str = ""
    size: int = 0
    callback_url: str | None = None
    stage: int = 0
    looked: int = 0
    log: list[LogLine] = field(default_factory=list)

    @property
    def status(self) -> str:
        """How far it is now."""
        return self.stages[self.stage]

    @property
    def is_over(self) -> bool:
        """Whether it will not go on."""
        return self.status in _ENDS


class Jobs:
    """All jobs of a tenant. Callers hold the lock of the world."""

    def __init__(self, looks: int, seconds: float, clock: Callable[[], float]) -> None:
        """Let each stage last a number of seconds or, if that is 0, of status reads."""
        self._looks, self._seconds, self._clock = looks, seconds, clock
        self._by_token: dict[str, Job] = {}
        self.on_end: Callable[[Job], None] = lambda _job: None

    def __iter__(self) -> Iterator[Job]:
        """Go through all jobs, oldest first."""
        return iter(self._by_token.values())

    def add_import(
        self, org_unit_id: int, file_name: str, file: BinaryIO, size: int, callback_url: str | None
    ) -> Job:
        """Take a package."""
        stages, problem = _stages_of(file_name, file)
        job = self._add("import", org_unit_id, stages, slow="slow" in file_name.lower())
        job.file_name, job.size, job.callback_url = file_name, size, callback_url
        self._log(job, f"Package {file_name} was received", 1)
        if problem:
            self._log(job, problem, 3)
        return job

    def add_copy(self, org_unit_id: int, callback_url: str | None, *, fails: bool) -> Job:
        """Take the order to copy a course."""
        job = self._add("copy", org_unit_id, _NOT_COPIED if fails else _COPIED, slow=False)
        job.callback_url = callback_url
        return job

    def find(self, kind: Kind, org_unit_id: int, token: str) -> Job | None:
        """Return the job with this token, if it is one of this course."""
        job = self._by_token.get(token)
        return job if job and (job.kind, job.org_unit_id) == (kind, org_unit_id) else None

    def look(self, job: Job) -> str:
        """Return the status, after which the job may go on."""
        if job.seconds:
            self.catch_up(job)
            return job.status
        status = job.status
        job.looked += 1
        if job.looked >= job.looks and not job.is_over:
            job.looked = 0
            self._move(job, job.stage + 1)
        return status

    def catch_up(self, job: Job) -> None:
        """Let a job be where it must be by the clock."""
        if job.seconds and not job.is_over:
            passed = int((self._clock() - job.born) / job.seconds)
            self._move(job, min(passed, len(job.stages) - 1))

    def end(self, token: str, status: str) -> None:
        """End a job now. Raises KeyError for an unknown job, ValueError for no final status."""
        job = self._by_token[token]
        if status not in _ENDS:
            raise ValueError(f"a job ends as one of {', '.join(sorted(_ENDS))}")
        job.stages = (*job.stages[: job.stage + 1], status)
        self._move(job, len(job.stages) - 1)

    def _add(self, kind: Kind, org_unit_id: int, stages: Sequence[str], *, slow: bool) -> Job:
        number = len(self._by_token) + 1
        factor = _SLOW if slow else 1
        job = Job(
            kind,
            number,
            f"{org_unit_id}-{kind}-{number:04}",
            org_unit_id,
            stages,
            self._looks * factor,
            self._seconds * factor,
            self._clock(),
        )
        self._by_token[job.token] = job
        return job

    def _move(self, job: Job, stage: int) -> None:
        while job.stage < stage:
            job.stage += 1
            if job.status == "IMPORTING":
                self._log(job, "Importing the content of the package", 1)
            if job.is_over:
                done = job.status in {"COMPLETED", "COMPLETE"}
                self._log(job, "Import complete" if done else "Import failed", 1 if done else 3)
                self.on_end(job)

    def _log(self, job: Job, message: str, type_id: int) -> None:
        at = datetime.fromtimestamp(self._clock(), timezone.utc) + timedelta(
            milliseconds=len(job.log)
        )
        log_id = job.number * 1000 + len(job.log)
        job.log.append(LogLine(log_id, job.number, at, message, type_id))


def _stages_of(file_name: str, file: BinaryIO) -> tuple[Sequence[str], str | None]:
    """Return what a package goes through, and what is wrong with it."""
    try:
        with zipfile.ZipFile(file) as package:
            names = package.namelist()
    except zipfile.BadZipFile:
        return _REJECTED, "The file is not a zip archive"
    if "imsmanifest.xml" not in names:
        return _REJECTED, "The package has no imsmanifest.xml"
    for word, stages in _BY_WORD.items():
        if word in file_name.lower():
            failing = stages[-1] != "COMPLETED"
            return stages, "The quiz library could not be imported" if failing else None
    return _CONVERTED, None
