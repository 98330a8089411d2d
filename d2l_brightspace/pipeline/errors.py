"""What a run raises in place of dlt's own errors, which are several pages long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from d2l_brightspace.client.errors import BrightspaceError
from d2l_brightspace.dlt_compat import destination_probe, messages
from d2l_brightspace.printable import printable


class DestinationInUse(BrightspaceError):
    """Another process writes to the database file: wait for its end; no row is lost."""


class DestinationRefused(BrightspaceError):
    """The destination does not take the rows of a table: look at what became of the table."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise what went wrong itself, without dlt's wrapping.

    Raises:
        DestinationInUse: If another process has the DuckDB file open.
        DestinationRefused: If the destination does not take the rows of a table.
    """
    try:
        yield
    except messages.DltException as failure:
        plain = _plain(failure)
        if plain is failure:
            raise
        raise plain from None


def _plain(failure: BaseException) -> BaseException:
    chain = list(messages.causes(failure))
    for cause in chain:
        if isinstance(cause, _PLAIN):
            return cause
        if _DUCKDB_IS_LOCKED in str(cause):
            return DestinationInUse(
                "Another process has the DuckDB file open, and DuckDB lets one write at a "
                "time. Run again when it has ended; what was extracted is loaded then."
            )
        if isinstance(cause, messages.LoadClientJobException):
            return _refused(messages.table_of(cause), chain[-1])
        if isinstance(cause, messages.DataValidationError):
            return _broken_contract(cause)
    if any(isinstance(cause, messages.OUT_OF_REACH) for cause in chain):
        return _out_of_reach(failure, chain[-1])
    if isinstance(failure, messages.PipelineStepFailed):
        _replace_advice(failure)
    return failure


def _broken_contract(cause: messages.DataValidationError) -> DestinationRefused:
    what = f"the column {cause.column_name}" if cause.column_name else "it"
    return DestinationRefused(
        f"The schema contract of the table {printable(cause.table_name)} does not allow "
        f"{printable(what)} ({cause.schema_entity}: {cause.contract_mode}). Allow it, as in "
        f'schema_contract={{"{cause.schema_entity}": "evolve"}}, or change the table first. '
        "Nothing of this run was loaded."
    )


def _out_of_reach(failure: BaseException, cause: BaseException) -> DestinationRefused:
    why = destination_probe.reason(failure) or type(cause).__name__
    return DestinationRefused(
        f"The destination cannot be reached ({why}). Look whether it is running "
        "and whether its credentials, under [destination] in .dlt/secrets.toml, are right. What "
        "was extracted is not lost: the next run loads it."
    )


def _replace_advice(failure: messages.PipelineStepFailed) -> None:
    """Say what becomes of what is pending; dlt's own advice would delete it."""
    problem = messages.without_advice(failure)
    if problem is not None:
        failure.args = (f"{problem}\n\nWhat was extracted is not lost: the next run loads it.",)


def _refused(table: str, cause: BaseException) -> DestinationRefused:
    reason = type(cause).__name__
    if reason in _QUOTES_NO_VALUE:
        reason = str(cause).partition("\n")[0]
    return DestinationRefused(
        f"The destination does not take the rows of the table {table} ({reason}). Make room if "
        "a disk is full; if somebody changed the table by hand, give it its columns back, or load "
        "it anew with `--full-refresh`. Nothing is lost: the next run loads these rows again."
    )


# dlt wraps an interruption as well, which then would end nothing but the run
_PLAIN = (BrightspaceError, messages.ConfigFieldMissingException, KeyboardInterrupt)
_QUOTES_NO_VALUE = ("BinderException", "CatalogException", "IOException", "TransactionException")
"""Errors of DuckDB whose words name tables, columns and files, and no value of a row."""
_DUCKDB_IS_LOCKED = "Could not set lock on file"
