"""Extracts on disk: streamed into a temporary folder that never holds more than it may."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.session import BrightspaceSession

from .planning import Extract

DOWNLOAD_ROUTE = "lp/(version)/datasets/bds/(schemaId)/plugins/(pluginId)/extracts/(extractId)"
DOWNLOAD_SCOPE = "datasets:bds:read (older routes: datahub:dataexports:download)"


class Scratch:
    """A folder for downloads, shared by all threads of a run; gone when the run ends.

    Args:
        parent: Folder in which to make it; None for the system's.
        largest_bytes: Most bytes of downloads that may lie there at one time.
    """

    def __init__(self, parent: str | None, largest_bytes: float) -> None:
        self._parent = parent
        self._largest = largest_bytes
        self._used = 0
        self._changed = threading.Condition()
        self._numbers = count()
        self._folder: Path | None = None
        self._lock: FileLock | None = None

    def path(self, suffix: str) -> Path:
        """A new name in the folder."""
        with self._changed:
            if self._folder is None:
                self._folder, self._lock = _new_folder(self._parent)
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            return self._folder / f"{next(self._numbers)}{suffix}"

    @contextmanager
    def room_for(self, size: int, name: str) -> Iterator[Path]:
        """Wait until there is room for a download; its file is deleted afterwards.

        Raises:
            ConfigurationError: If there can never be.
        """
        if size > self._largest:
            raise ConfigurationError(
                f"{name} has {size / 1e9:.1f} GB, more than the {self._largest / 1e9:g} GB that "
                "`temp_gigabytes` allows for downloads; raise it, or point `temp_folder` to a "
                "larger disk"
            )
        with self._changed:
            self._changed.wait_for(lambda: self._used + size <= self._largest)
            self._used += size
        path = self.path(".zip")
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            with self._changed:
                self._used -= size
                self._changed.notify_all()


def _new_folder(parent: str | None) -> tuple[Path, FileLock]:
    """Make a folder, and remove those of runs that were killed.

    A run holds the lock in its folder for as long as it lives.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    mine = FileLock(folder / _LOCK)
    mine.acquire()
    for other in folder.parent.glob(f"{_PREFIX}*"):
        try:
            # another run may have made it and not locked it yet
            if time.time() - other.stat().st_mtime < _SETTLED_SECONDS:
                continue
            with FileLock(other / _LOCK, timeout=0):
                shutil.rmtree(other, ignore_errors=True)
        except (Timeout, OSError):
            continue
    return folder, mine


_PREFIX = "d2l_brightspace_"
_LOCK = ".lock"
_SETTLED_SECONDS = 60


@contextmanager
def download_extract(
    session: BrightspaceSession, scratch: Scratch, extract: Extract, name: str
) -> Iterator[Path]:
    """An extract as a file, for as long as the block lasts.

    Raises:
        BrightspaceError: If it cannot be had whole.
    """
    with scratch.room_for(extract.size, name) as path:
        session.download(
            extract.link or "", path, DOWNLOAD_ROUTE, scope=DOWNLOAD_SCOPE, size=extract.size
        )
        yield path
