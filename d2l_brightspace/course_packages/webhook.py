"""Hear Brightspace's call at the end of a job.

What the call holds is not documented, and anybody could send one. So it is a reason to look, and
nothing in it is read or believed.
"""

from __future__ import annotations

import secrets
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from d2l_brightspace.client.errors import ConfigurationError

from .wake_signal import WakeSignal


class CallbackReceiver:
    """Listens while it is entered as a context manager.

    Args:
        port: Port to listen on; 0 for any free one.
        brightspace: Address of the Brightspace, to find out by which address it sees this machine.
        wake_signal: Woken by each call.
        public_url: Address under which Brightspace reaches the port, where that is another one.

    Raises:
        ConfigurationError: If the port cannot be opened.
    """

    def __init__(
        self, port: int, brightspace: str, wake_signal: WakeSignal, public_url: str | None = None
    ) -> None:
        address = _address_towards(brightspace)
        # nobody else knows this path, so nobody else can make us ask for the status
        path = f"/{secrets.token_urlsafe(16)}"
        try:
            self._server = _Server((address, port), _handler(path, wake_signal))
        except OSError as error:
            raise ConfigurationError(
                f"--listen {port}: the port cannot be opened ({error.strerror}); name another one."
            ) from None
        own_url = f"http://{address}:{self._server.server_address[1]}"
        self.url = (public_url or own_url).rstrip("/") + path
        """What to pass to Brightspace as `callbackUrl`."""

    def __enter__(self) -> CallbackReceiver:  # noqa: PYI034  # Self is not in Python 3.10
        threading.Thread(
            target=self._server.serve_forever, name="callback-receiver", daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a caller that goes away is no concern of the user's."""


def _handler(path: str, wake_signal: WakeSignal) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a caller that sends nothing must not hold a thread

        def do_POST(self) -> None:
            known = secrets.compare_digest(urlsplit(self.path).path.encode(), path.encode())
            self.send_response(204 if known else 404)
            self.send_header("Connection", "close")
            self.end_headers()
            if known:
                wake_signal.wake()

        do_GET = do_PUT = do_POST  # noqa: N815  # which method is used is not documented

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing: the path is a secret."""

    return Handler


def _address_towards(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    try:
        # a datagram socket sends nothing when it is connected, but then knows its own address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((parts.hostname, port))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise ConfigurationError(
            f"The way to {parts.hostname} cannot be found ({error.strerror}); check the `host` "
            "setting and the network."
        ) from None
