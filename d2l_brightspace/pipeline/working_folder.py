"""The working folder of a pipeline: one that can be written, and that only its owner reads."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.dlt_compat import folders

logger = logging.getLogger(__name__)

_EXAMPLE = "Set DLT_DATA_DIR to a folder that this user may write, such as /var/lib/my-loader"


def check_default_folders() -> None:
    """Refuse to make a pipeline in dlt's default folders where these cannot be written.

    Raises:
        ConfigurationError: If they cannot.
    """
    try:
        folder = folders.default_pipelines_dir()
        if not folders.is_stand_in(folder):
            _try_to_write(folder)
    except OSError as error:
        raise unwritable(error.filename or "of dlt", error) from None
    if folders.is_stand_in(folder):
        raise _stand_in(folder)


def check_folders(pipeline: dlt.Pipeline) -> None:
    """Refuse a pipeline whose folders dlt has put somewhere else, unasked.

    Where its own folder cannot be written dlt takes one in the folder for temporary files. What an
    earlier run left pending is not found there, and a database file below it is not the one that
    everybody reads.

    Raises:
        ConfigurationError: If it has.
    """
    for folder in (Path(pipeline.pipelines_dir), folders.database_file(pipeline)):
        if folder is not None and folders.is_stand_in(folder):
            raise _stand_in(folder)


def begins_here(pipeline: dlt.Pipeline) -> bool:
    """Let a pipeline go on in this folder whose DuckDB file in another one is gone; False if not.

    A user's pipelines of one name are one pipeline, which goes on where it was begun: the rows of a
    second tenant would land among those of the first, and be read from where the first had got to.
    Where nothing is left there, as when the folder was moved or deleted, nobody misses it.

    Returns:
        Whether the pipeline has to be made again, because it was begun elsewhere until now.

    Raises:
        ConfigurationError: If the pipeline was begun in another folder, and its file is there, or
            rows that wait to be loaded into it.
    """
    elsewhere = folders.database_elsewhere(pipeline)
    if elsewhere is None:
        return False
    found, wanted = elsewhere
    if not found.exists() and not pipeline.has_pending_data:
        folders.begin_here(pipeline)
        return True
    raise ConfigurationError(
        f"The pipeline {pipeline.pipeline_name} was begun in another folder, and goes on with the "
        f"file there: {found}, not {wanted}. Nothing was requested. Run this in that folder; or, "
        "for a load of its own here, let its working folder be here as well: put the line "
        'pipelines_dir = ".dlt/pipelines" at the beginning of .dlt/config.toml, as '
        "`d2l-brightspace init` does."
    )


@contextmanager
def private_folder(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Let nobody but its owner into the working folder, and leave only files that are theirs alone.

    While the run lasts the folder is what keeps others out, see `make_private`. In the end the few
    files that stay are closed as well, for whoever copies them or opens the folder.

    Raises:
        ConfigurationError: If nothing can be written into it.
    """
    make_private(pipeline)
    try:
        yield
    finally:
        for folder, _, names in os.walk(pipeline.working_dir):
            with contextlib.suppress(OSError):  # another user's, of which `make_private` warns
                Path(folder).chmod(0o700)
                for name in names:
                    Path(folder, name).chmod(0o600)


def make_private(pipeline: dlt.Pipeline) -> None:
    """Let nobody but its owner into the working folder, which holds rows while a run lasts.

    The folder and not its files: it costs one call, needs no umask, which all threads of the
    process would share, and holds for whatever dlt will write there.

    Raises:
        ConfigurationError: If nothing can be written into it.
    """
    folder = Path(pipeline.working_dir)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            _close(folder)
        _try_to_write(folder)
    except OSError as error:
        raise unwritable(folder, error) from None


def _close(folder: Path) -> None:
    try:
        folder.chmod(0o700)
    except PermissionError:
        logger.warning(
            "The working folder %s belongs to another user, so others may read what lies there "
            "while a run lasts. Give this user a pipelines_dir of its own.",
            folder,
        )


def _try_to_write(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def unwritable(folder: str | os.PathLike[str], error: OSError) -> ConfigurationError:
    """The error that says that a folder cannot be written."""
    reason = error.strerror or type(error).__name__
    return ConfigurationError(
        f"The working folder {os.fspath(folder)} cannot be written ({reason}), so nothing was "
        f"requested. {_EXAMPLE}, or give the pipeline a pipelines_dir."
    )


def _stand_in(folder: Path) -> ConfigurationError:
    return ConfigurationError(
        f"dlt's own folder {folders.wanted_folder()} cannot be written, so dlt would use {folder} "
        "in the folder for temporary files, and the tables that everybody reads would stay as they "
        f"are. Nothing was requested. {_EXAMPLE} (and DLT_LOCAL_DIR, where a DuckDB file is to "
        "be), or make the folder writable."
    )
