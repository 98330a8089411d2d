"""What dlt says about a run: its errors and its log."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.common.exceptions import DltException
from dlt.destinations.exceptions import DestinationConnectionError, LoadClientNotConnected
from dlt.load.exceptions import LoadClientJobException
from dlt.pipeline.exceptions import PipelineStepFailed

__all__ = [
    "OUT_OF_REACH",
    "ConfigFieldMissingException",
    "DltException",
    "LoadClientJobException",
    "PipelineStepFailed",
    "SqlClientNotAvailable",
    "causes",
    "logger",
    "resource_with_arrow_hints_kept",
    "table_of",
]

OUT_OF_REACH = (DestinationConnectionError, LoadClientNotConnected)
"""Errors of a destination that does not answer."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what caused it, what caused that."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def table_of(error: LoadClientJobException) -> str:
    """The table whose load job failed.

    Relies on a job's id beginning with the name of its table.
    """
    return str(error.job_id).partition(".")[0]


def logger() -> logging.Logger:
    """Where dlt logs: a filter on it sees every line."""
    return logging.getLogger("dlt")


def resource_with_arrow_hints_kept(record: logging.LogRecord) -> str | None:
    """The resource that a log line is about if it is dlt's warning on hints that Arrow has not.

    dlt gives it once for each table whose hints say another type than the Arrow column, such as
    `json` for a string, and names the resource only.
    """
    found = _ARROW_HINTS_KEPT.match(record.getMessage())
    return found["resource"] if found else None


_ARROW_HINTS_KEPT = re.compile(
    "In resource: (?P<resource>[^,]+), when merging arrow schema with dlt schema"
)
