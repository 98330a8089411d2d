"""Files and folders that nobody else may read or change."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PRIVATE = 0o600
"""Mode of a file that only its owner may read and write."""

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0


def why_others_may_change(path: Path) -> str | None:
    """Why another user could change a file or folder; None if none can, or it is not there.

    Root can change anything, so what is root's is as good as one's own. Where there are no owners
    (Windows), folders of a user are their own by default.
    """
    if not hasattr(os, "geteuid"):
        return None
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if found.st_uid not in (os.geteuid(), _ROOT):
        return "belongs to another user"
    if not stat.S_ISLNK(found.st_mode) and found.st_mode & _OTHERS_MAY_WRITE:
        return "can be written by other users"
    return None


def is_private_folder(path: Path) -> bool:
    """Whether it is a folder itself, no link to one, that only its owner can change: this user."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or not hasattr(os, "geteuid"):
        return stat.S_ISDIR(found.st_mode)
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE


def replace_file(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Give a file new content so that it survives a crash of the machine; whole or not at all.

    Args:
        path: The file itself, not a link to it, which would be replaced.
        text: Its content, kept as UTF-8.
        mode: Who may read and write it, from the first byte on.

    Raises:
        OSError: If it cannot be written; the old file is then still there.
    """
    # one fixed name: what a killed process left is cleared away
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    _write_new(draft, text, mode)
    draft.replace(path)
    _sync_folder(path.parent)


def create_file(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Write a file that is not there yet, as in `replace_file`.

    Raises:
        FileExistsError: If something is there, also a link that leads nowhere.
        OSError: If it cannot be written.
    """
    _write_new(path, text, mode)
    _sync_folder(path.parent)


def _write_new(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
