"""A web server that writes bytes: it can misbehave on the wire, and it costs next to nothing.

The one fake Brightspace beside the sandbox. It knows HTTP and no route: what it answers is the
application's matter (`tests.hostile.tenant` for cases of failure, `benchmarks.pages` for speed).
An answer is an `Answer`, which keeps the rules of HTTP, or `Raw`, which need not; bytes that were
made before are sent as they are. One thread a connection, so that an answer may wait.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 302: "Found", 401: "Unauthorized", 404: "Not Found", 503: "Unavailable"}
_END_OF_HEAD = b"\r\n\r\n"


@dataclass
class Request:
    """One request as it arrived; its parts are read when somebody looks at them."""

    head: bytes
    body: bytes = b""

    @cached_property
    def _line(self) -> list[str]:
        return self.head.partition(b"\r\n")[0].decode("latin-1").split()

    @property
    def method(self) -> str:
        return self._line[0]

    @property
    def target(self) -> str:
        return self._line[1]

    @cached_property
    def headers(self) -> dict[str, str]:
        """By their names in lower case."""
        found = {}
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            found[name.strip().lower()] = value.strip()
        return found

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @cached_property
    def params(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass
class Answer:
    """A response that keeps the rules of HTTP."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=UTF-8"

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def pieces(self) -> Iterator[bytes]:
        body = self.encoded()
        headers = {"Content-Type": self.content_type, "Content-Length": str(len(body))}
        yield head(self.status, headers | self.headers) + body


@dataclass
class Raw:
    """Bytes as they are; what happens to the connection after them."""

    pieces: Iterable[bytes]
    then: Literal["close", "reset"] = "close"


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


Application = Callable[[Request], "Answer | Raw | list[bytes]"]
Effect = Callable[[Request, Callable[[], Answer]], "Answer | Raw"]


@dataclass
class Fault:
    """What happens to requests whose path and query fit."""

    path: re.Pattern[str]
    effect: Effect
    when: Callable[[Request], bool]
    times: float

    def strikes(self, request: Request) -> bool:
        if self.times <= 0 or not self.path.search(request.path) or not self.when(request):
            return False
        self.times -= 1
        return True


class Server:
    """Serves an application on a loopback socket, with faults in between; a context manager.

    Args:
        application: Gives the answer to a request.
        tls: Speak https with this.
        latency: Seconds before each answer; requests do not wait for each other.
        keep: Whether `requests` and `statuses` are kept.
    """

    def __init__(
        self,
        application: Application,
        tls: ssl.SSLContext | None = None,
        latency: float = 0,
        *,
        keep: bool = True,
    ) -> None:
        self.application: Any = application
        self.latency = latency
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        self._keep = keep
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._tcp = _Tcp(("127.0.0.1", 0), _Handler)
        self._tcp.owner = self
        self._scheme = "https" if tls else "http"
        if tls:
            self._tcp.socket = tls.wrap_socket(self._tcp.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._tcp.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._tcp.shutdown()
        self._tcp.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def port(self) -> int:
        return int(self._tcp.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def fault(
        self,
        path: str,
        effect: Effect | Answer | Raw,
        *,
        when: Callable[[Request], bool] = lambda _request: True,
        times: float = float("inf"),
    ) -> None:
        """Let requests fail; an earlier fault goes before a later one."""
        act = effect if callable(effect) else lambda _request, _normal: effect
        self._faults.append(Fault(re.compile(path), act, when, times))

    def asked(self, path: str) -> list[Request]:
        """The requests whose path fits."""
        return [request for request in self.requests if re.search(path, request.path)]

    def answer(self, request: Request) -> Answer | Raw | list[bytes]:
        if not self._keep:
            found: list[bytes] = self.application(request)
            return found
        with self._lock:
            self.requests.append(request)
            fault = next((one for one in self._faults if one.strikes(request)), None)
        answer: Answer | Raw | list[bytes] = (
            fault.effect(request, lambda: self.application(request))
            if fault
            else self.application(request)
        )
        if isinstance(answer, Answer):
            self.statuses.append(answer.status)
        return answer


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128
    owner: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client went away, as some tests want it to


class _Handler(socketserver.BaseRequestHandler):
    server: _Tcp

    def handle(self) -> None:
        owner, connection = self.server.owner, self.request
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        owner._open.add(connection)
        try:
            for request in _requests(connection):
                if owner.latency:
                    time.sleep(owner.latency)
                if not _send(connection, owner.answer(request)):
                    return
        finally:
            owner._open.discard(connection)


def _requests(connection: socket.socket) -> Iterator[Request]:
    """Read requests until the client closes the connection."""
    rest = b""
    while True:
        while (end := rest.find(_END_OF_HEAD)) < 0:
            data = connection.recv(65536)
            if not data:
                return
            rest += data
        request, rest = Request(rest[:end]), rest[end + len(_END_OF_HEAD) :]
        is_get = request.head.startswith(b"GET ")
        length = 0 if is_get else int(request.headers.get("content-length", 0))
        while len(rest) < length:
            data = connection.recv(65536)
            if not data:
                return
            rest += data
        request.body, rest = rest[:length], rest[length:]
        yield request


def _send_at_once(connection: socket.socket, pieces: list[bytes]) -> None:
    """Write pieces in one call, which copies nothing, where the buffer has room for them."""
    sent = connection.sendmsg(pieces)
    for piece in pieces:
        if sent < len(piece):
            connection.sendall(memoryview(piece)[sent:])
        sent = max(sent - len(piece), 0)


def _send(connection: socket.socket, answer: Answer | Raw | list[bytes]) -> bool:
    """Write an answer; gives whether the connection goes on."""
    if isinstance(answer, list):
        _send_at_once(connection, answer)
        return True
    for piece in answer.pieces() if isinstance(answer, Answer) else answer.pieces:
        connection.sendall(piece)
    if isinstance(answer, Answer):
        return True
    if answer.then == "reset":
        linger = struct.pack("ii", 1, 0)  # close sends RST
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return False
