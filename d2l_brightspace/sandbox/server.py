"""A sandbox that runs in a thread of its own."""

from __future__ import annotations

import socket
import threading
from math import inf
from typing import Any

import uvicorn

from .app import build_app
from .clock import Clock
from .credentials import credentials
from .data_hub import DataHub
from .faults import table_of
from .journal import Arrival, Journal
from .lists import NOT_SERVED, OF_DATA_HUB, Row
from .query import Query
from .reference import reference
from .row_maker import Id
from .settings import SandboxSettings
from .state import State
from .truth import count, count_tables, readable
from .world import World

_HOST = "127.0.0.1"  # loopback only: it speaks plain http and prints its own secrets
_LONGEST_START = 10  # seconds


class Sandbox:
    """A local Brightspace on loopback, to be used as a context manager.

    Example:
        >>> with Sandbox(SandboxSettings(courses=5)) as sandbox:  # doctest: +SKIP
        ...     print(sandbox.url, sandbox.truth())
    """

    def __init__(self, settings: SandboxSettings | None = None, port: int = 0) -> None:
        """Prepare the data; `start` opens the port (0: any free one)."""
        self._state = State(settings or SandboxSettings())
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sandbox:  # noqa: PYI034  # Self is not in Python 3.10
        """Start."""
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> Sandbox:
        """Open the port and serve. Raises OSError when the port is in use."""
        listener, storage = _listen(self._port), _listen(0)
        self._port = listener.getsockname()[1]
        self._state.url = self.url
        self._state.storage_url = f"http://{_HOST}:{storage.getsockname()[1]}"
        config = uvicorn.Config(
            build_app(self._state),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            date_header=False,  # that would be the real time, where this server's may differ
        )
        config.timeout_graceful_shutdown = 1
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            args=([listener, storage],),
            name="brightspace-sandbox",
            daemon=True,
        )
        self._thread.start()
        if not self._server.ready.wait(_LONGEST_START):
            raise RuntimeError("the sandbox did not start")
        return self

    def stop(self) -> None:
        """Close the port and wait for the thread to end."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join()

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{_HOST}:{self._port}"

    @property
    def token_url(self) -> str:
        """The OAuth token endpoint."""
        return f"{self.url}/core/connect/token"

    @property
    def settings(self) -> SandboxSettings:
        """The settings it was made with."""
        return self._state.settings

    @property
    def credentials(self) -> dict[str, dict[str, str]]:
        """Good credentials for each scheme; the refresh token is the one that is good now."""
        return credentials(self._state, self.url)

    @property
    def world(self) -> World:
        """The data, which may be changed while the server runs."""
        return self._state.world

    @property
    def hub(self) -> DataHub:
        """Data Hub, which may be changed while the server runs."""
        return self._state.hub

    @property
    def clock(self) -> Clock:
        """The server's clock, which can be moved."""
        return self._state.clock

    @property
    def requests(self) -> Journal:
        """What arrived so far."""
        return self._state.journal

    def truth(self, *tables: str) -> dict[str, Any]:
        """Count the rows that a complete load should hold: of the core tables, or of these.

        "skipped" lists what answers 403; for named tables, "unreachable" lists what is below it.
        """
        return count_tables(self._state.lists, tables) if tables else count(self.world)

    @property
    def tables(self) -> list[str]:
        """Every table that `rows` and `truth` know, those made of arrays included."""
        known = reference()
        left_out = {*OF_DATA_HUB, *NOT_SERVED}
        arrays = [name for name, (of, _) in known.child_arrays.items() if of.table not in left_out]
        return [name for name in known.routes if name not in left_out] + arrays

    def rows(self, table: str, **wanted: Any) -> list[Row]:
        """Return the rows of a table as they are sent, each with the ids of its parents.

        Left out is what is in a forbidden course. `wanted` chooses: `rows("quizzes", orgUnitId=1)`.
        """
        with self.world.lock:
            return [row for row in readable(self._state.lists, table) if row.fits(wanted)]

    def remove(self, table: str, **wanted: Any) -> list[Row]:
        """Take away the invented rows that fit, and with them what is below them."""
        with self.world.lock:
            return self._state.lists.remove(table, wanted)

    def change(self, table: str, changes: dict[str, Any], **wanted: Any) -> list[Row]:
        """Change fields of the invented rows that fit; inner fields by their dotted path."""
        with self.world.lock:
            return self._state.lists.change(table, wanted, changes)

    def add(self, table: str, **parents: Id) -> Row:
        """Invent one more row for a list, as in `add("quizzes", orgUnitId=6618)`."""
        with self.world.lock:
            return self._state.lists.add(table, parents)

    def fail(self, table: str, how: int | bytes, *, times: float = inf, **parents: Id) -> None:
        """Let the lists of a table, or the one of these parents, answer wrongly.

        Args:
            table: Any table of the reference that has a route here.
            how: A status such as 403 or 500, or a body for status 200, such as `faults.GARBAGE`.
            times: How often, before everything is right again.
            parents: Ids of the parents by placeholder, as in `orgUnitId=6618, quizId=66180001`.
        """
        self._state.faults.add(table, how, times, parents)

    def heal(self) -> None:
        """Let everything answer rightly again."""
        self._state.faults.clear()

    def requests_of(self, table: str, **parents: Id) -> list[Arrival]:
        """Return the requests for a table so far, or for one of its lists."""
        return [one for one in self.requests if _is_about(one, table, parents)]

    def register_key(self, key_id: str, public_key: bytes) -> None:
        """Add a public key (PEM) with which the service user may sign."""
        self._state.keyring.register_key(key_id, public_key)

    def revoke_access_tokens(self) -> None:
        """Make every access token that was handed out invalid."""
        self._state.issuer.revoke_access_tokens()


def _is_about(arrival: Arrival, table: str, parents: dict[str, Id]) -> bool:
    found = table_of(arrival["path"], Query(arrival["query"].items()))
    return (
        found is not None
        and found[0] == table
        and all(str(value) in found[1][name].split(",") for name, value in parents.items())
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _listen(port: int) -> socket.socket:
    # Named as TCP, or asyncio does not switch Nagle's algorithm off: 40 ms on every request.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener
