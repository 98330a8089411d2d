"""Hear Brightspace's call at the end of a job.

What the call holds is not documented, and anybody who reaches the port can send one. So it is a
reason to look, nothing in it is read or believed, and what it may cost is bounded: so many
connections at once, so many bytes of each, so many looks a minute. Whatever is sent here, the job
is looked at every now and then in any case.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.http.bounded_server import BoundedServer
from d2l_brightspace.client.http.origins import is_loopback

from .wake_signal import WakeSignal

MOST_BODY_BYTES = 64 * 1024
SECONDS_BETWEEN_WAKES = 2.0
"""As often as a job is looked at that moves on; calls in between count as one."""
_ANY_INTERFACE = "0.0.0.0"  # noqa: S104  # refused without an address that Brightspace can call


class CallbackReceiver:
    """Listens while it is entered as a context manager.

    Args:
        port: Port to listen on; 0 for any free one.
        brightspace: Address of the Brightspace, to find out by which address it sees this machine.
        wake_signal: Woken by each call.
        public_url: Address under which Brightspace reaches the port, where that is another one.
        address: Address of this machine to listen on; None for the one by which it reaches
            Brightspace.
        seconds_between_wakes: Shortest time from one wake to the next.

    Raises:
        ConfigurationError: If the port cannot be opened, or Brightspace cannot reach it.
    """

    def __init__(
        self,
        port: int,
        brightspace: str,
        wake_signal: WakeSignal,
        public_url: str | None = None,
        *,
        address: str | None = None,
        seconds_between_wakes: float = SECONDS_BETWEEN_WAKES,
    ) -> None:
        usual = _address_towards(brightspace)
        self._address = address or usual
        if public_url is None:
            _check_reachable(self._address, usual, port)
        # nobody else knows this path, so nobody else can make us ask for the status
        path = f"/{secrets.token_urlsafe(16)}"
        self._calls = _Calls(wake_signal, seconds_between_wakes)
        try:
            self._server = BoundedServer((self._address, port), _handler(path, self._calls.note))
        except OSError as error:
            raise ConfigurationError(
                f"--listen {self._address}:{port}: the port cannot be opened ({error.strerror}); "
                "name another one, such as --listen 8080."
            ) from None
        own_url = f"http://{self.place}"
        self.url = (public_url or own_url).rstrip("/") + path
        """What to pass to Brightspace as `callbackUrl`."""

    @property
    def place(self) -> str:
        """Address and port that it listens on."""
        return f"{self._address}:{self._server.server_address[1]}"

    def __enter__(self) -> CallbackReceiver:  # noqa: PYI034  # Self is not in Python 3.10
        for name, run in (
            ("callback-receiver", self._server.serve_forever),
            ("callback-wakes", self._calls.pass_on),
        ):
            threading.Thread(target=run, name=name, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.end()
        self._server.shutdown()
        self._server.server_close()


class _Calls:
    """Passes calls on to those who wait, many in one: a flood of them must not become one of ours.

    None is lost: what is called while it is too early wakes once the time has come.
    """

    def __init__(self, wake_signal: WakeSignal, seconds: float) -> None:
        self._wake_signal = wake_signal
        self._seconds = seconds
        self._called = threading.Event()
        self._ended = threading.Event()

    def note(self) -> None:
        self._called.set()

    def pass_on(self) -> None:
        while True:
            self._called.wait()
            if self._ended.is_set():
                return
            self._called.clear()
            self._wake_signal.wake()
            self._ended.wait(self._seconds)

    def end(self) -> None:
        self._ended.set()
        self._called.set()


def _handler(path: str, on_call: Callable[[], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a caller that sends nothing must not hold a thread
        server_version, sys_version = "d2l-brightspace", ""

        def do_POST(self) -> None:
            known = secrets.compare_digest(urlsplit(self.path).path.encode(), path.encode())
            self.send_response(204 if known else 404)
            self.send_header("Connection", "close")
            self.end_headers()
            if known:
                on_call()
                # unread bytes would make the system cut the connection before the answer arrives
                self.rfile.read(min(self._announced_bytes(), MOST_BODY_BYTES))

        do_GET = do_PUT = do_POST  # noqa: N815  # which method is used is not documented

        def _announced_bytes(self) -> int:
            length = self.headers.get("Content-Length", "")
            return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing: the path is a secret."""

    return Handler


def _check_reachable(address: str, usual: str, port: int) -> None:
    if address != _ANY_INTERFACE and (not is_loopback(address) or is_loopback(usual)):
        return
    raise ConfigurationError(
        f"--listen {address}:{port}: Brightspace cannot call {address}. Add the address under "
        "which it reaches the port, such as --callback-url https://me.example/d2l."
    )


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
