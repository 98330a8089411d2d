"""A web server that can misbehave on the wire: it writes bytes, not responses."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 302: "Found", 401: "Unauthorized", 404: "Not Found", 503: "Unavailable"}


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = parts.path
        self.pairs = parse_qsl(parts.query, keep_blank_values=True)
        self.params = dict(self.pairs)


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
    """Serves an application on a loopback socket, with faults in between; a context manager."""

    def __init__(
        self, application: Callable[[Request], Answer], tls: ssl.SSLContext | None = None
    ) -> None:
        self.application = application
        self.requests: list[Request] = []
        self.statuses: list[int] = []
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
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._tcp.server_address[1]}"

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

    def answer(self, request: Request) -> Answer | Raw:
        with self._lock:
            self.requests.append(request)
            fault = next((one for one in self._faults if one.strikes(request)), None)
        answer = (
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


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Tcp

    def handle(self) -> None:
        owner = self.server.owner
        owner._open.add(self.connection)
        try:
            while request := self._read():
                answer = owner.answer(request)
                pieces = answer.pieces() if isinstance(answer, Answer) else answer.pieces
                for piece in pieces:
                    self.connection.sendall(piece)
                if isinstance(answer, Raw):
                    if answer.then == "reset":
                        linger = struct.pack("ii", 1, 0)  # close sends RST
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return
        finally:
            owner._open.discard(self.connection)

    def _read(self) -> Request | None:
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) != 3:
            return None
        headers = {}
        while text := self.rfile.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return Request(line[0], line[1], headers, body)
