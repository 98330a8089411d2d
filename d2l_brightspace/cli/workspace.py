"""Where a script of a clone finds its settings."""

from __future__ import annotations

import os
from pathlib import Path

_SETTINGS = ".dlt"


def enter_workspace_of(script: str) -> None:
    """Go to the folder whose settings a script is meant to use: dlt looks in the working folder.

    That is the working folder itself if it has settings. Otherwise, for a script in the folder
    `pipelines` of a clone, the clone. A script that was copied elsewhere stays where it is.

    Args:
        script: Its path.
    """
    folder = Path(script).resolve().parent
    of_a_clone = folder.name == "pipelines" and (folder.parent / _SETTINGS / "config.toml").exists()
    if of_a_clone and not Path(_SETTINGS).exists():
        os.chdir(folder.parent)
