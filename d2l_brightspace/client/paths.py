"""Paths that users write into settings, lists and commands."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import ConfigurationError


def checked_path(value: str | os.PathLike[str], what: str, example: str) -> Path:
    """A path with `~` filled in; nothing is looked up on the disk.

    Args:
        value: As the user wrote it.
        what: What error texts call it, such as "Setting `temp_folder`".
        example: A right value.

    Raises:
        ConfigurationError: If it begins with the home of a user that nobody knows, or holds a
            character that no path can hold.
    """
    text = os.fspath(value)
    try:
        is_possible = "\0" not in text and bool(os.fsencode(text))
    except ValueError:  # half of a pair of surrogates
        is_possible = False
    if not is_possible:
        raise ConfigurationError(
            f"{what} is empty or holds a character that no path can hold. Example: {example}."
        )
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigurationError(
            f"{what} begins with {Path(text).parts[0]}, a home folder that this machine does not "
            f"know; write the whole path. Example: {example}."
        ) from None
