"""Import packages, a few at a time, and never one twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from d2l_brightspace.client.errors import BrightspaceError, OutcomeUnknown
from d2l_brightspace.client.http.uploads import FileUpload
from d2l_brightspace.client.session import BrightspaceSession

from .follow import NotFinished, Pace, follow
from .jobs import Job, LogLine, is_complete, is_over, read_log, start_import
from .preflight import check_package
from .upload_log import ACCEPTED, NOT_SENT, SENT, UNCERTAIN, UPLOADING, Entry, UploadLog
from .wake_signal import Stopped, WakeSignal

Outcome = Literal["complete", "failed", "unfinished", "uncertain"]
Again = Literal["failed", "uncertain"]
_Step = Literal["upload", "follow", "complete", "failed", "uncertain"]


@dataclass(frozen=True)
class Package:
    """A package and the course it goes into."""

    path: Path
    org_unit_id: int

    @property
    def key(self) -> tuple[str, int]:
        """The package's name in the upload log."""
        return str(self.path), self.org_unit_id


@dataclass(frozen=True)
class Result:
    """What became of a package."""

    package: Package
    outcome: Outcome
    status: str
    """The job's last known status, or the upload log's word where there is no job."""
    token: str | None = None
    log: tuple[LogLine, ...] = ()
    """What Brightspace wrote about a failed import."""
    error: BrightspaceError | None = None
    earlier: bool = False
    """Whether an earlier run had finished it."""


class Reporter(Protocol):
    """Gets reports of what happens, from several threads."""

    def sending(self, package: Package, sent: int, size: int) -> None:
        """So many bytes of a package are on their way."""

    def accepted(self, package: Package, job: Job) -> None:
        """Brightspace has the package, or had it from an earlier run."""

    def status(self, package: Package, status: str) -> None:
        """The job has a new status."""

    def fault(self, package: Package, error: BrightspaceError, seconds: float) -> None:
        """A look at the job failed; the next one is in so many seconds."""

    def ended(self, result: Result) -> None:
        """Nothing more will be done about a package in this run."""


class Importer:
    """Uploads packages and follows their jobs.

    Args:
        session: Sends the requests.
        upload_log: Remembers, so that nothing is uploaded twice.
        reporter: Gets reports of what happens.
        pace: How often to look at jobs, and how many at a time.
        wake_signal: Cuts waits short.
        callback_url: Where Brightspace posts to when a job ends.
        again: Uploads that are repeated although the upload log knows them.
    """

    def __init__(
        self,
        session: BrightspaceSession,
        upload_log: UploadLog,
        reporter: Reporter,
        *,
        pace: Pace,
        wake_signal: WakeSignal,
        callback_url: str | None = None,
        again: Collection[Again] = (),
    ) -> None:
        self._session = session
        self._upload_log = upload_log
        self._reporter = reporter
        self._pace = pace
        self._wake_signal = wake_signal
        self._callback_url = callback_url
        self._again = again

    def run(self, packages: Sequence[Package]) -> list[Result]:
        """Bring every package to an end, and give the results in the same order."""
        with ThreadPoolExecutor(self._pace.jobs_in_flight, "course-package") as pool:
            return list(pool.map(self.import_one, packages))

    def must_upload(self, package: Package) -> bool:
        """Whether `import_one` would upload a package, by what the upload log says."""
        return self._next_step(self._upload_log.last(*package.key)) == "upload"

    def import_one(self, package: Package) -> Result:
        """Upload a package unless that was done before, and follow its job to the end."""
        result = self._import(package)
        self._reporter.ended(result)
        return result

    def follow_one(self, package: Package, job: Job) -> Result:
        """Follow a job that exists already to its end."""
        result = self._follow(package, job)
        self._reporter.ended(result)
        return result

    def _import(self, package: Package) -> Result:
        entry = self._upload_log.last(*package.key)
        step = self._next_step(entry)
        if entry is None or step == "upload":
            return self._import_anew(package)
        if step == "follow":
            return self._follow(package, Job(package.org_unit_id, entry.token or ""))
        return self._result_from_log(package, entry, step)

    def _import_anew(self, package: Package) -> Result:
        try:
            job = self._upload(package)
        except Stopped:
            return Result(package, "unfinished", NOT_SENT)
        except OutcomeUnknown as error:
            return Result(package, "uncertain", UNCERTAIN, error=error)
        except BrightspaceError as error:
            return Result(package, "failed", NOT_SENT, error=error)
        return self._follow(package, job)

    def _follow(self, package: Package, job: Job) -> Result:
        """Follow a job to its end, and read its log if it failed."""
        self._reporter.accepted(package, job)
        seen = ""

        def on_status(status: str) -> None:
            nonlocal seen
            seen = status
            self._upload_log.write(*package.key, status, job.token)
            self._reporter.status(package, status)

        try:
            status = follow(
                self._session,
                job,
                self._pace,
                self._wake_signal,
                on_status=on_status,
                on_fault=lambda error, seconds: self._reporter.fault(package, error, seconds),
            )
        except NotFinished as error:
            return Result(package, "unfinished", seen, job.token, error=error)
        except BrightspaceError as error:
            return Result(package, "failed", seen, job.token, error=error)
        if is_complete(status):
            return Result(package, "complete", status, job.token)
        return self._with_log(Result(package, "failed", status, job.token), job)

    def _upload(self, package: Package) -> Job:
        self._wake_signal.check()
        write = self._upload_log.write
        size = check_package(package.path, force=True).size

        def progress(sent: int) -> None:
            self._wake_signal.check()
            self._reporter.sending(package, sent, size)

        write(*package.key, UPLOADING)
        upload = FileUpload(
            package.path,
            "application/zip",
            progress=progress,
            before_end=lambda: write(*package.key, SENT),
        )
        try:
            job = start_import(self._session, package.org_unit_id, upload, self._callback_url)
        except OutcomeUnknown:
            write(*package.key, UNCERTAIN)
            raise
        except (BrightspaceError, Stopped):
            write(*package.key, NOT_SENT)
            raise
        write(*package.key, ACCEPTED, job.token)
        return job

    def _next_step(self, entry: Entry | None) -> _Step:
        """What to do about a package, by the newest line about it."""
        if entry is None:
            return "upload"
        if entry.token is None:
            doubtful = entry.status in (SENT, UNCERTAIN) and "uncertain" not in self._again
            return "uncertain" if doubtful else "upload"
        if not is_over(entry.status):
            return "follow"
        if is_complete(entry.status):
            return "complete"
        return "upload" if "failed" in self._again else "failed"

    def _result_from_log(self, package: Package, entry: Entry, outcome: Outcome) -> Result:
        result = Result(package, outcome, entry.status, entry.token, earlier=True)
        if outcome != "failed" or entry.token is None:
            return result
        return self._with_log(result, Job(package.org_unit_id, entry.token))

    def _with_log(self, result: Result, job: Job) -> Result:
        try:
            return replace(result, log=tuple(read_log(self._session, job)))
        except (BrightspaceError, Stopped) as error:
            # the import's own failure matters more than that its log cannot be read
            return replace(result, error=error if isinstance(error, BrightspaceError) else None)
