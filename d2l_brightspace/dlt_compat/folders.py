"""Where dlt puts its files, and where it puts them when it may not."""

from __future__ import annotations

import copy
import os
import tempfile
from pathlib import Path
from typing import Any

import dlt
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.destinations import duckdb as duckdb_destination

from .addresses import file_of
from .destination_probe import temporary_pipeline


def default_pipelines_dir() -> Path:
    """Where pipelines are that were given no `pipelines_dir`.

    Raises:
        OSError: If dlt cannot make the folder above it.
    """
    return Path(get_dlt_pipelines_dir())


def is_stand_in(path: Path) -> bool:
    """Whether dlt chose a path because its own folder cannot be written.

    Relies on dlt taking `dlt` in the folder for temporary files then, without a word, and on its
    own folders being given by `DLT_DATA_DIR` and `DLT_LOCAL_DIR` if these are set.
    """
    context = dlt.current.run_context()
    folders = {"DLT_DATA_DIR": Path(context.data_dir), "DLT_LOCAL_DIR": Path(context.local_dir)}
    return any(
        _is_below(path, folder)
        and _is_below(folder, Path(tempfile.gettempdir(), "dlt"))
        and not _is_below(folder, Path(context.run_dir))  # somebody works there
        and setting not in os.environ
        for setting, folder in folders.items()
    )


def _is_below(path: Path, folder: Path) -> bool:
    return path.absolute().is_relative_to(folder.absolute())


def wanted_folder() -> Path:
    """The folder that dlt would have taken: that of the workspace's settings, or the user's own."""
    context = dlt.current.run_context()
    settings = Path(context.settings_dir)
    return settings if (settings / ".workspace").exists() else Path.home()


def database_file(pipeline: dlt.Pipeline) -> Path | None:
    """The DuckDB file that a pipeline loads into; None for other destinations.

    Looked for only where it could be in a place that dlt chose: it takes dlt some milliseconds.
    """
    local = Path(dlt.current.run_context().local_dir)
    if not isinstance(pipeline.destination, duckdb_destination) or not is_stand_in(local):
        return None
    with pipeline.destination_client() as client:
        credentials: Any = client.config.credentials
        return Path(str(credentials.database))


def database_elsewhere(pipeline: dlt.Pipeline) -> tuple[Path, Path] | None:
    """The DuckDB file that a pipeline goes on with, and the one that it would begin with here.

    Relies on dlt keeping the folder where a pipeline was begun as `initial_cwd`, and placing a file
    that is not named by its whole path there for good, wherever it is run from later; and on a
    destination keeping the places of the pipeline that had it first in its `config_params`.

    Returns:
        None where they are one, and for other destinations.
    """
    here = Path(dlt.current.run_context().local_dir).absolute()
    begun = Path(str(pipeline.get_local_state_val("initial_cwd")))
    if begun == here or not isinstance(pipeline.destination, duckdb_destination):
        return None
    found = file_of(pipeline.sql_client())
    with temporary_pipeline(_unbound(pipeline.destination), pipeline.pipeline_name) as fresh:
        wanted = file_of(fresh.sql_client())
    return None if found is None or wanted is None or found == wanted else (found, wanted)


def begin_here(pipeline: dlt.Pipeline) -> None:
    """Have a pipeline place its files in this folder from now on; it has to be made again.

    Relies on `initial_cwd`, as `database_elsewhere` does.
    """
    here = Path(dlt.current.run_context().local_dir).absolute()
    pipeline.set_local_state_val("initial_cwd", str(here))


def _unbound(destination: Any) -> Any:
    """A destination as it was before a pipeline had it."""
    one = copy.copy(destination)
    one.config_params = {
        name: value for name, value in destination.config_params.items() if name not in _PLACES
    }
    return one


_PLACES = {"local_dir", "pipeline_name", "pipeline_working_dir", "legacy_db_path"}
