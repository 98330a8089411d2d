"""A sandbox that runs in a thread of its own."""

from __future__ import annotations

import socket
import threading
from typing import Any

import uvicorn

from .app import build_app
from .clock import Clock
from .credentials import credentials
from .data_hub import DataHub
from .journal import Journal
from .settings import SandboxSettings
from .state import State
from .truth import count
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
        self._state.storage_url = f"http://{_HOST}:{storage.getsockname()[1]}"
        config = uvicorn.Config(
            build_app(self._state), log_config=None, access_log=False, lifespan="off", ws="none"
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

    def truth(self) -> dict[str, Any]:
        """Return the rows that each table of a complete load should hold."""
        return count(self.world)

    def register_key(self, key_id: str, public_key: bytes) -> None:
        """Add a public key (PEM) with which the service user may sign."""
        self._state.keyring.register_key(key_id, public_key)

    def revoke_access_tokens(self) -> None:
        """Make every access token that was handed out invalid."""
        self._state.issuer.revoke_access_tokens()


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
