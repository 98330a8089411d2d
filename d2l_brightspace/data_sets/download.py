"""Extracts on disk: streamed into a temporary folder that never holds more than it may."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.private_files import is_private_folder

from .planning import Extract

DOWNLOAD_ROUTE = "lp/(version)/datasets/bds/(schemaId)/plugins/(pluginId)/extracts/(extractId)"
DOWNLOAD_SCOPE = "datasets:bds:read (older routes: datahub:dataexports:download)"


class Scratch:
    """A folder for downloads, shared by all threads of a run; gone when the run ends.

    Args:
        parent: Folder in which to make it; None for the system's.
        largest_bytes: Most bytes that may lie there at one time.
    """

    def __init__(self, parent: str | None, largest_bytes: float) -> None:
        self._parent = parent
        self._largest = largest_bytes
        self._held: dict[Room, int] = {}
        self._waiting: set[Room] = set()
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
    def room(self, name: str) -> Iterator[Room]:
        """Room for the files of one data set; what it still holds is free again afterwards."""
        room = Room(self, name)
        try:
            yield room
        finally:
            self.hold(room, 0)

    def hold(self, room: Room, size: int) -> None:
        """Wait until the files of a data set may have so many bytes in all.

        Raises:
            ConfigurationError: If they never may.
        """
        if size > self._largest:
            raise self._too_small(room.name, "takes")
        with self._changed:
            self._waiting.add(room)
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._fits(room, size) or self._is_stuck())
                if not self._fits(room, size):
                    raise self._too_small(room.name, "and what is loaded beside it take")
            finally:
                self._waiting.discard(room)
            self._held[room] = size
            if not size:
                del self._held[room]
            self._changed.notify_all()

    def _fits(self, room: Room, size: int) -> bool:
        mine = self._held.get(room, 0)
        return size <= mine or sum(self._held.values()) - mine + size <= self._largest

    def _is_stuck(self) -> bool:
        """Whether everybody who could give room back waits for some."""
        return self._held.keys() <= self._waiting

    def _too_small(self, name: str, takes: str) -> ConfigurationError:
        return ConfigurationError(
            f"{name} {takes} more than the {self._largest / 1e9:g} GB that `temp_gigabytes` allows "
            "for downloads and what is made of them; raise it, or point `temp_folder` to a larger "
            "disk"
        )


def _new_folder(parent: str | None) -> tuple[Path, FileLock]:
    """Make a folder, and remove those of runs that were killed.

    A run holds the lock in its folder for as long as it lives. In a folder that all users share,
    names say nothing: what another user made, or a link, is not touched.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # for this user only
    except OSError as error:
        raise ConfigurationError(
            f"No folder can be made in {parent or tempfile.gettempdir()} ({error.strerror}); set "
            '`files.temp_folder` to one that is there, such as temp_folder = "/scratch"'
        ) from None
    mine = FileLock(folder / _LOCK, mode=0o600)
    mine.acquire()
    for other in folder.parent.glob(f"{_PREFIX}*"):
        try:
            if not is_private_folder(other) or (other / _LOCK).is_symlink():
                continue
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


class Room:
    """How much of a folder the files of one data set take.

    Args:
        scratch: The folder.
        name: What error texts call the data set.
    """

    def __init__(self, scratch: Scratch, name: str) -> None:
        self.scratch = scratch
        self.name = name
        self._files: dict[Path, int] = {}

    def hold(self, path: Path, size: int) -> None:
        """Wait until a file may have so many bytes.

        Raises:
            ConfigurationError: If it never may.
        """
        if size == self._files.get(path):
            return
        total = sum(self._files.values()) - self._files.get(path, 0) + size
        self.scratch.hold(self, total)
        self._files[path] = size

    def delete(self, path: Path) -> None:
        """Delete a file and give its room back."""
        path.unlink(missing_ok=True)
        self._files.pop(path, None)
        self.scratch.hold(self, sum(self._files.values()))


@contextmanager
def download_extract(
    session: BrightspaceSession, room: Room, extract: Extract, received: Callable[[int], object]
) -> Iterator[Path]:
    """An extract as a file, for as long as the block lasts.

    Args:
        session: Sends the requests.
        room: Room for the file.
        extract: What to download.
        received: Called before each write with the bytes that will be there.

    Raises:
        BrightspaceError: If it cannot be had whole.
    """
    path = room.scratch.path(".zip")

    def hold(size: int) -> None:
        # the announced size may be wrong, or missing
        room.hold(path, max(size, extract.size))
        received(size)

    try:
        room.hold(path, extract.size)
        session.download(
            extract.link or "",
            path,
            DOWNLOAD_ROUTE,
            scope=DOWNLOAD_SCOPE,
            size=extract.size,
            received=hold,
        )
        yield path
    finally:
        room.delete(path)
