"""The upload log: what was uploaded where, kept so that a killed run never uploads twice.

JSON lines, only ever appended to, each on the disk before the next step is taken. The line `sent`
is written before the last bytes of an upload leave, and the line with the job's token as soon as
the answer is there. So a package without `sent` cannot have arrived; one with a token has a job;
only one with `sent` and no token is in doubt.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from dlt.common import json
from filelock import FileLock, Timeout

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.timestamps import utc_milliseconds

UPLOADING = "uploading"
"""The upload has begun."""
SENT = "sent"
"""The last bytes are about to leave; without a later line the outcome is unknown."""
NOT_SENT = "not sent"
"""Brightspace refused the upload or cannot have received it."""
UNCERTAIN = "uncertain"
"""The answer was lost: there may be a job or not."""
ACCEPTED = "accepted"
"""There is a job; its status has not been read yet."""


@dataclass(frozen=True)
class Entry:
    """One line: what was known of a package at one moment."""

    package: str
    org_unit_id: int
    status: str
    """One of the words above, or Brightspace's own status of the job (in its spelling)."""
    token: str | None = None
    at: str = ""
    """UTC time of the line."""

    @property
    def key(self) -> tuple[str, int]:
        """What is uploaded once: a file into a course."""
        return self.package, self.org_unit_id


def read_upload_log(path: Path) -> list[Entry]:
    """Every line of an upload log, oldest first; an unfinished last line does not count.

    Raises:
        ConfigurationError: If it is no upload log.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(
            f"The upload log {path} cannot be read: {error.strerror}."
        ) from None
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            entries.append(Entry(**json.loadb(line)))
        except (ValueError, TypeError):
            raise ConfigurationError(
                f"Line {number} of {path} is no line of an upload log. Repair it, or name another "
                "log by --ledger; without this one nobody knows which packages were uploaded."
            ) from None
    return entries


class UploadLog:
    """The upload log of one run, to be used as a context manager.

    Args:
        path: The file; None keeps the upload log in memory only.
        now: The time of a line.

    Raises:
        ConfigurationError: On entering, if it cannot be written or another run uses it.
    """

    def __init__(
        self,
        path: Path | None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.path = path
        self._now = now
        self._lock = threading.Lock()
        self._last: dict[tuple[str, int], Entry] = {}
        self._file: int | None = None
        self._owner = FileLock(f"{path}.lock") if path else None

    def __enter__(self) -> UploadLog:  # noqa: PYI034  # Self is not in Python 3.10
        if self.path is None or self._owner is None:
            return self
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._owner.acquire(blocking=False)
            self._last = {entry.key: entry for entry in read_upload_log(self.path)}
            self._file = _open_at_the_end(self.path)
        except Timeout:
            raise ConfigurationError(
                f"Another run writes the upload log {self.path}. Wait for it, or name another "
                "one by --ledger."
            ) from None
        except OSError as error:
            self._owner.release()
            raise ConfigurationError(
                f"The upload log {self.path} cannot be written: {error.strerror}."
            ) from None
        except BaseException:
            self._owner.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._owner is not None:
            self._owner.release()

    def last(self, package: str, org_unit_id: int) -> Entry | None:
        """The newest line about a package."""
        with self._lock:
            return self._last.get((package, org_unit_id))

    def write(self, package: str, org_unit_id: int, status: str, token: str | None = None) -> None:
        """Write a line; it is on the disk when this returns.

        Raises:
            ConfigurationError: If it cannot be written.
        """
        entry = Entry(package, org_unit_id, status, token, utc_milliseconds(self._now()))
        with self._lock:
            self._last[entry.key] = entry
            if self._file is not None:
                _append(self._file, json.dumpb(asdict(entry)) + b"\n")


def _append(file: int, line: bytes) -> None:
    try:
        while line:
            line = line[os.write(file, line) :]
        os.fsync(file)
    except OSError as error:
        raise ConfigurationError(f"The upload log cannot be written: {error.strerror}.") from None


def _open_at_the_end(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    content = path.read_bytes()
    os.truncate(file, content.rfind(b"\n") + 1)  # what a crash cut off was never finished
    os.fsync(file)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the file's name as well must survive
        finally:
            os.close(folder)
    return file
