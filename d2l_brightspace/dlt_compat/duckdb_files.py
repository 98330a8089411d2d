"""The files of a DuckDB database, for its owner only."""

from __future__ import annotations

import contextlib
import stat
import threading
from pathlib import Path
from typing import Any

import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbConnectionPool, DuckDbCredentials


def keep_private(credentials: DuckDbCredentials, *, writes: bool = True) -> None:
    """Let nobody else read a database file that is made by these credentials.

    A file that is there already keeps its mode, and what DuckDB puts beside it follows that mode:
    whoever may not read the database may not read its log of the last writes either. DuckDB makes
    all of them for everybody to read, takes no empty file for a new database, and knows no setting
    for modes.

    Relies on a client opening its connections through `conn_pool` of the credentials.

    Args:
        credentials: Of a database file.
        writes: Whether rows will be written.
    """
    # the clients of one load share credentials, and the connections that are open by then
    if not isinstance(credentials.conn_pool, _PrivateFiles):
        credentials.conn_pool = _PrivateFiles(credentials, writes=writes)


class _PrivateFiles(DuckDbConnectionPool):
    """Sets modes when a connection was opened, and when one has done its work."""

    def __init__(self, credentials: DuckDbCredentials, *, writes: bool) -> None:
        super().__init__(credentials)
        self._writes = writes

    def borrow_conn(self, *arguments: Any, **options: Any) -> Any:
        is_new = not self._database.exists()
        connection = super().borrow_conn(*arguments, **options)
        if is_new:
            _set_mode(self._database, 0o600)
        if self._writes and not self.credentials.read_only:
            self._begin_log(connection)
        self._follow()
        return connection

    def return_conn(self, borrowed_conn: Any) -> int:
        self._follow()
        return super().return_conn(borrowed_conn)

    def _begin_log(self, connection: Any) -> None:
        """Have the log there, for its owner only, before the first row is in it."""
        # threads open connections at once, of other pools too; a log that cannot be begun is no
        # reason not to load
        with _BEGINNING, contextlib.suppress(duckdb.Error, OSError):
            if self._log.exists() or self._database.stat().st_mode & 0o077:
                return
            with connection.cursor() as mine:  # so that no transaction is left behind
                mine.execute(_BEGIN_LOG)

    @property
    def _database(self) -> Path:
        return Path(str(self.credentials._conn_str()))

    @property
    def _log(self) -> Path:
        return self._database.with_name(f"{self._database.name}.wal")

    def _follow(self) -> None:
        database = self._database
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(database.stat().st_mode)
            _set_mode(self._log, mode)
            # where DuckDB puts what has no room in memory: a folder, to be entered as it is read
            _set_mode(database.with_name(f"{database.name}.tmp"), mode | (mode & 0o444) >> 2)


def _set_mode(path: Path, mode: int) -> None:
    # a file of another user cannot be changed, and is not ours to hide
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)


_BEGINNING = threading.Lock()
_BEGIN_LOG = "BEGIN; CREATE SCHEMA _d2l_brightspace; DROP SCHEMA _d2l_brightspace; COMMIT"
"""The least that makes DuckDB begin its log; nobody ever sees that schema."""
