"""Files and folders that nobody else may read or change."""

from __future__ import annotations

import os
import stat
from pathlib import Path

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
