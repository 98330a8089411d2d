"""Tables that failed as a whole: nothing of them is loaded, not even after the process died.

The extraction of the other tables goes on, and dlt hands over all that was extracted at once. A
process that ends between that and the removal of a failed table's files would leave them to the
next run, so the names of failed tables are on disk as long as there may be such files.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from threading import Lock

import dlt

from d2l_brightspace.dlt_compat import packages
from d2l_brightspace.extract.findings import TableFailure

logger = logging.getLogger(__name__)


class FailedTables:
    """The tables of a pipeline whose extracted files must not be loaded."""

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self._pipeline = pipeline
        self._path = Path(pipeline.working_dir) / "failed_tables.json"
        self._lock = Lock()

    def note(self, failure: TableFailure) -> None:
        """Write down that a table failed; several threads may call."""
        logger.error("The table %s failed: %s", failure.table, failure.error)
        with self._lock:
            names = json.dumps([*self._noted(), failure.table])
            beside = self._path.with_suffix(".new")
            beside.write_text(names, encoding="utf-8")
            beside.replace(self._path)

    def discard(self) -> None:
        """Delete what was extracted for the tables that are written down, and forget them."""
        if names := self._noted():
            packages.discard_extracted(self._pipeline, names)
        self._path.unlink(missing_ok=True)

    def _noted(self) -> list[str]:
        if not self._path.exists():
            return []
        return [str(name) for name in json.loads(self._path.read_text(encoding="utf-8"))]
