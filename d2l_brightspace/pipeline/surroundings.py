"""What a run changes in its process while it lasts, each thing put back at its end."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.sources import DltSource

from d2l_brightspace.dlt_compat import messages


@contextmanager
def quiet_log(source: DltSource) -> Iterator[None]:
    """Keep out of dlt's log what quotes rows, and what warns of what is meant so."""
    with messages.filter_log(_first_line_of_errors, _KnownArrowHints(source)):
        yield


class _KnownArrowHints:
    """Drops dlt's warning that an Arrow column is text where its hint says `json`.

    It is meant so: the text is JSON, and the destination takes it as such.
    """

    def __init__(self, source: DltSource) -> None:
        self._with_json = {
            name
            for name, resource in source.selected_resources.items()
            if isinstance(resource.columns, dict)
            and any(column.get("data_type") == "json" for column in resource.columns.values())
        }

    def __call__(self, record: logging.LogRecord) -> bool:
        return messages.resource_with_arrow_hints_kept(record) not in self._with_json


@contextmanager
def older_objects_uncollected() -> Iterator[None]:
    """Keep the collector of cycles from what was there before the run.

    Rows are millions of new objects; they set off full collections, each of which would walk
    through all that dlt and its libraries hold: 5 % of the time of 2 000 class lists.
    """
    if gc.get_freeze_count():  # by the caller, or by a run in another thread
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _first_line_of_errors(record: logging.LogRecord) -> bool:
    # the lines that follow are the destination's own words, which quote values of rows
    if record.levelno >= logging.ERROR:
        record.msg, record.args = record.getMessage().partition("\n")[0], ()
        record.exc_info = record.exc_text = None
    return True
