"""One run at a time in a working folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
from filelock import FileLock, Timeout

from d2l_brightspace.client.errors import BrightspaceError

from .working_folder import unwritable


class RunInProgress(BrightspaceError):
    """Another run works in the same folder: wait for its end."""


@contextmanager
def lock_working_folder(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Keep other runs out of a pipeline's working folder.

    Raises:
        RunInProgress: If one is in it; nothing waits.
        ConfigurationError: If the folder above it cannot be written.
    """
    # beside the working folder, which dlt may wipe
    path = Path(pipeline.pipelines_dir) / f"{pipeline.pipeline_name}.lock"
    lock = FileLock(path, mode=0o600)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise RunInProgress(
            f"Another run of the pipeline {pipeline.pipeline_name!r} is under way in "
            f"{pipeline.pipelines_dir}. Start this one when it has ended, or give it a "
            "pipelines_dir of its own."
        ) from None
    except OSError as error:
        raise unwritable(path.parent, error) from None
    try:
        yield
    finally:
        lock.release()
