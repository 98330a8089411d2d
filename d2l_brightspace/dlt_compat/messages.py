"""What dlt says about a run: its errors and its log."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.configuration.utils import get_resolved_traces
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.common.exceptions import DltException
from dlt.common.schema.exceptions import DataValidationError
from dlt.destinations.exceptions import (
    DatabaseException,
    DatabaseUndefinedRelation,
    DestinationConnectionError,
    LoadClientNotConnected,
)
from dlt.load.exceptions import LoadClientJobException
from dlt.pipeline.exceptions import PipelineStepFailed

__all__ = [
    "OUT_OF_REACH",
    "ConfigFieldMissingException",
    "DataValidationError",
    "DatabaseException",
    "DatabaseUndefinedRelation",
    "DltException",
    "LoadClientJobException",
    "PipelineStepFailed",
    "SqlClientNotAvailable",
    "causes",
    "filter_log",
    "log_to",
    "resource_with_arrow_hints_kept",
    "table_of",
    "unwrapped",
    "without_advice",
]

OUT_OF_REACH = (DestinationConnectionError, LoadClientNotConnected)
"""Errors of a destination that does not answer."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what caused it, what caused that; each once, for some of dlt's go in a circle."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def unwrapped(error: BaseException) -> BaseException:
    """What went wrong, without the errors that dlt wraps around it."""
    return next((one for one in causes(error) if not isinstance(one, DltException)), error)


def table_of(error: LoadClientJobException) -> str:
    """The table whose load job failed.

    Relies on a job's id beginning with the name of its table.
    """
    return str(error.job_id).partition(".")[0]


def without_advice(error: PipelineStepFailed) -> str | None:
    """What a step failed of, without dlt's advice on packages that are left; None if it has none.

    One advice is a command that deletes what was extracted. Relies on the words that it begins by.
    """
    problem, advice, _ = str(error).partition(_ADVICE)
    return problem if advice else None


@contextmanager
def filter_log(*filters: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Put filters on what dlt logs, for a while; lines of others pass.

    Relies on `dlt.common.logger.LOGGER` being the logger: it has the name of the workspace, or is
    the root logger where that has handlers.
    """

    def let_pass(record: logging.LogRecord) -> bool:
        return not record.pathname.startswith(_DLT) or all(each(record) for each in filters)

    log = logger.LOGGER or logging.getLogger("dlt")
    log.addFilter(let_pass)
    try:
        yield
    finally:
        log.removeFilter(let_pass)


@contextmanager
def log_to(before: Any, stream: Any) -> Iterator[None]:
    """Write log lines to another stream for a while: those of dlt's logger and of the root.

    Relies on dlt writing its log by a `StreamHandler` of `dlt.common.logger.LOGGER`.

    Args:
        before: The stream they are written to; handlers with another one are left alone.
        stream: The other stream.
    """
    loggers = {logger.LOGGER or logging.getLogger("dlt"), logging.getLogger()}
    changed = [
        handler
        for log in loggers
        for handler in log.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is before
    ]
    for handler in changed:
        handler.setStream(stream)
    try:
        yield
    finally:
        for handler in changed:
            handler.setStream(before)


def resource_with_arrow_hints_kept(record: logging.LogRecord) -> str | None:
    """The resource that a log line is about if it is dlt's warning on hints that Arrow has not.

    dlt gives it once for each table whose hints say another type than the Arrow column, such as
    `json` for a string, and names the resource only.
    """
    found = _ARROW_HINTS_KEPT.match(record.getMessage())
    return found["resource"] if found else None


_ADVICE = "\n\nPending packages are left in the pipeline"
_DLT = str(Path(dlt.__file__).parent)
_ARROW_HINTS_KEPT = re.compile(
    "In resource: (?P<resource>[^,]+), when merging arrow schema with dlt schema"
)


def forget_frames() -> None:
    """Drop the frames that dlt's record of resolved settings holds on to.

    dlt keeps each configuration that it resolved, and with one that lacked optional settings the
    exception that said so: its traceback would keep everything alive that the run had on the stack,
    connections and temporary files among it.
    """
    for trace in get_resolved_traces().all_traces:
        for one in (trace.config, trace.value):
            error: BaseException | None = getattr(one, "__exception__", None)
            while error is not None:
                error.__traceback__ = None
                error = error.__cause__ or error.__context__
