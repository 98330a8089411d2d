"""Keeps signatures, signed links and headers out of urllib3's log lines.

urllib3 logs the whole path of each request at level DEBUG, and, on by default, the whole URL and
what it could not read of an answer whose headers are broken. An ID-Key signature is in the query
of each of our requests, and the right to read a file in that of each link to Data Hub's storage.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


@contextmanager
def private_logs() -> Iterator[None]:
    """Log no query and nothing of an answer while this is active.

    It may be entered many times, in any thread and in any order; when the last one leaves, the
    loggers are as they were.
    """
    _change_users(+1)
    try:
        yield
    finally:
        _change_users(-1)


def _change_users(by: int) -> None:
    global _users  # noqa: PLW0603  # loggers are the process's own, so who uses them is as well
    with _lock:
        was_active = _users > 0
        _users += by
        for name in LOGGERS if was_active != (_users > 0) else ():
            logger = logging.getLogger(name)
            (logger.removeFilter if was_active else logger.addFilter)(_filter)


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


_lock = threading.Lock()
_users = 0
_filter = _Filter()
