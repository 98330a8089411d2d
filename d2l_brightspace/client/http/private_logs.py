"""Keeps signatures, signed links and headers out of urllib3's log lines.

urllib3 logs the whole path of each request at level DEBUG, and, on by default, the whole URL and
what it could not read of an answer whose headers are broken. An ID-Key signature is in the query
of each of our requests, and the right to read a file in that of each link to Data Hub's storage.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

LOGGERS = (
    "urllib3.connectionpool",
    "urllib3.connection",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)
"""All that urllib3 writes to while it speaks HTTP/1; a filter holds for one logger alone."""


class LogPrivacy:
    """Keeps loggers private as long as somebody wants it.

    Args:
        loggers: Names of the loggers.
    """

    def __init__(self, loggers: Iterable[str] = LOGGERS) -> None:
        self._loggers = tuple(loggers)
        self._filter = _Filter()
        # the collector may end one user while another is counted, in the same thread
        self._lock = threading.RLock()
        self._users = 0

    @contextmanager
    def active(self) -> Iterator[None]:
        """As `private_logs`."""
        self._change_users(+1)
        try:
            yield
        finally:
            self._change_users(-1)

    def _change_users(self, by: int) -> None:
        with self._lock:
            was_active = self._users > 0
            self._users += by
            if was_active == (self._users > 0):
                return
            for logger in map(logging.getLogger, self._loggers):
                (logger.removeFilter if was_active else logger.addFilter)(self._filter)


def private_logs() -> AbstractContextManager[None]:
    """Log no query and nothing of an answer while this is active.

    It may be entered many times, in any thread and in any order; when the last one leaves, the
    loggers are as they were.
    """
    return _process.active()


class _Filter(logging.Filter):
    """Takes out of a record what must not be logged; lets every record pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, Mapping):
            record.args = {name: _without_secrets(one) for name, one in record.args.items()}
        elif record.args:
            record.args = tuple(map(_without_secrets, record.args))
        if not isinstance(record.msg, str) or "?" in record.msg:
            record.msg, record.args = _without_secrets(record.getMessage()), ()
        # the error quotes the headers that it is about, a redirect's signed link among them
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def _without_secrets(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, BaseException):
        return type(value).__name__
    # all after it: a broken link may hold blanks
    return str(value).partition("?")[0]


_process = LogPrivacy()
