"""Trying a destination: is it there, and may we write to it; nothing stays behind."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.exceptions import MissingDependencyException
from dlt.common.pipeline import PipelineContext
from dlt.destinations import duckdb as duckdb_destination

from . import messages
from .destinations import capabilities, is_custom_function


@dataclass(frozen=True)
class Probe:
    """What came of trying a destination."""

    kind: str
    """Its type, such as `duckdb`."""
    place: str = ""
    """The database file, where it is one."""
    free_bytes: int | None = None
    """On the disk of that file."""
    problem: str = ""
    """Why it cannot be loaded into; empty where it can."""
    is_configured: bool = True


def probe(destination: Any, pipeline_name: str) -> Probe:
    """Try a destination by making and dropping a dataset, as a load's staging does.

    A DuckDB file that is not there is not made: its folder is tried. Relies on a client's
    `initialize_storage` making the dataset alone, and on `drop_storage` dropping it.

    Args:
        destination: As for `dlt.pipeline`.
        pipeline_name: Of the pipeline that loads; some destinations take their file's name from it.
    """
    try:
        with temporary_pipeline(destination, pipeline_name) as pipeline:
            return _probe(pipeline)
    except ConfigFieldMissingException as error:
        missing = f"settings are missing: {', '.join(error.fields)}"
        return Probe(_name(destination), problem=missing, is_configured=False)
    except Exception as error:  # noqa: BLE001  # drivers raise what they like
        return Probe(_name(destination), problem=_words(error))


def _name(destination: Any) -> str:
    return str(getattr(destination, "destination_name", destination))


@contextmanager
def temporary_pipeline(destination: Any, name: str) -> Iterator[dlt.Pipeline]:
    """A pipeline without a trace: the one that was active before is active after."""
    folder = tempfile.mkdtemp(prefix="d2l-brightspace-")
    context = Container()[PipelineContext]
    before: Any = context.pipeline() if context.is_active() else None
    try:
        yield dlt.pipeline(
            name,
            destination=destination,
            dataset_name=f"d2l_brightspace_check_{uuid.uuid4().hex[:8]}",
            pipelines_dir=folder,
        )
    finally:
        context.deactivate()
        if before is not None:
            before.activate()
        shutil.rmtree(folder, ignore_errors=True)


def _probe(pipeline: dlt.Pipeline) -> Probe:
    kind = pipeline.destination.destination_type.rpartition(".")[2]
    if is_custom_function(pipeline):
        return Probe(kind)
    if "delete-insert" not in (capabilities(pipeline).supported_merge_strategies or ()):
        return Probe(kind, problem="it cannot replace rows; load into a SQL database")
    client = pipeline.destination_client()
    file = _database_file(pipeline, client)
    if file is not None and not file.exists():
        return _probe_folder(kind, file)
    with client:
        client.initialize_storage()
        client.drop_storage()
    if file is None:
        return Probe(kind)
    return Probe(kind, str(file), shutil.disk_usage(file.parent).free)


def _database_file(pipeline: dlt.Pipeline, client: Any) -> Path | None:
    """The file of a DuckDB destination; None for a database elsewhere or in memory."""
    if not isinstance(pipeline.destination, duckdb_destination):
        return None
    database = str(client.config.credentials._conn_str())
    return None if database.startswith((":", "md:")) else Path(database)


def _probe_folder(kind: str, file: Path) -> Probe:
    folder = file.parent
    if not folder.is_dir():
        return Probe(kind, str(file), problem=f"the folder {folder} is not there")
    with tempfile.TemporaryFile(dir=folder):
        pass
    return Probe(kind, str(file), shutil.disk_usage(folder).free)


def _words(error: Exception) -> str:
    chain = list(messages.causes(error))
    return reason(error) or f"it cannot be written ({type(chain[-1]).__name__})"


def reason(error: BaseException) -> str | None:
    """Why it failed, by known phrases: the words of drivers may hold addresses and log-ins."""
    for cause in messages.causes(error):
        if isinstance(cause, MissingDependencyException):
            return f"a package is missing: pip install {' '.join(cause.dependencies)}"
        text = str(cause).lower()
        for phrase, meaning in _PHRASES.items():
            if phrase in text:
                return meaning
    return None


_PHRASES = {
    "could not set lock on file": "another process has the file open, and DuckDB lets one write",
    "not a valid duckdb database": "the file is no DuckDB database",
    "is a directory": "a folder is where the database file should be",
    "connection refused": "the connection was refused",
    "could not translate host name": "there is no host of that name",
    "name or service not known": "there is no host of that name",
    "password authentication failed": "it does not accept user and password",
    "permission denied": "permission denied: the user must be able to create schemas (or files)",
    "read-only": "it is read-only",
    "timeout expired": "it does not answer in time",
    "timed out": "it does not answer in time",
    "no space left": "the disk is full",
}
