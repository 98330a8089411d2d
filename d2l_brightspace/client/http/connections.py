"""Connections whose answers have one deadline, and the short way for a plain GET.

The pools, proxies, certificates and errors are urllib3's; only what a connection does with a
request that has no body, and whose answer is wanted whole, is our own. It costs a third of what
`http.client` and urllib3's response take, and hands everything that is not plain (chunks, an
encoding other than gzip, HTTP/1.0, headers that are folded or broken) over to them, together with
the bytes that were read already.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
import zlib
from collections.abc import Mapping
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse

from .messages import Headers

_CHUNK_BYTES = 256 * 1024
_FIRST_BYTES = 64 * 1024
"""Read at once from a new answer, and the most that its headers may take on the short way."""


class OversizedBody(Exception):
    """The body is larger than `limits.max_body_megabytes` once decompressed."""


class WholeAnswer:
    """An answer that was read to its end; what urllib3's pool wants to know of one, and its body.

    Args:
        status: HTTP status.
        headers: Its headers.
        data: The body, decompressed.
    """

    version_string = "HTTP/1.1"
    length_remaining = 0
    retries: Any = None
    _connection: Any = None
    _pool: Any = None

    def __init__(self, status: int, headers: Headers, data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


class Deadline:
    """Reads a socket under one time limit for all reads together.

    Args:
        connection: The socket; its timeout is the limit, counted from now.
    """

    def __init__(self, connection: Any, timeout: float | None) -> None:
        self._connection = connection
        self._timeout = self._set = timeout
        if connection.gettimeout() != timeout:
            connection.settimeout(timeout)
        self._ends_at: float | None = time.monotonic() + (timeout or 0.0)

    def lift(self) -> None:
        """Let each read have the whole limit from now on."""
        self._ends_at = None
        if self._set != self._timeout:
            self._set = self._timeout
            self._connection.settimeout(self._timeout)

    def recv(self, size: int) -> bytes:
        """What has come, as soon as something has; nothing at the end.

        Raises:
            TimeoutError: If the time is over.
        """
        self._prepare()
        return self._connection.recv(size)  # type: ignore[no-any-return]

    def recv_into(self, buffer: Any) -> int:
        """As `recv`, into a buffer."""
        self._prepare()
        return self._connection.recv_into(buffer)  # type: ignore[no-any-return]

    def _prepare(self) -> None:
        if self._timeout is None or self._ends_at is None or self._set is None:
            return
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        # setting it is a system call, so an answer that comes at once goes without
        if left < self._set * _EXACT_ENOUGH:
            self._set = left
            self._connection.settimeout(left)


class _Stream(io.RawIOBase):
    """What `http.client` reads an answer from: the bytes that are there, then the socket."""

    def __init__(self, connection: Any, deadline: Deadline, begun: bytes) -> None:
        self._deadline = deadline
        self._begun = memoryview(begun)
        # keeps the socket open when the connection is closed before its last answer is read
        self._held = connection.makefile("rb", buffering=0)

    def close(self) -> None:
        self._held.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self._begun:
            return self._deadline.recv_into(buffer)
        size = min(len(buffer), len(self._begun))
        buffer[:size], self._begun = self._begun[:size], self._begun[size:]
        return size


class TimedAnswer(http.client.HTTPResponse):
    """An answer that has one deadline for status line, headers and body: none may trickle."""

    def __init__(
        self,
        sock: socket.socket,
        *arguments: Any,
        begun: bytes = b"",
        deadline: Deadline | None = None,
        **options: Any,
    ) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self._deadline = deadline or Deadline(sock, sock.gettimeout())
        self.fp = io.BufferedReader(_Stream(sock, self._deadline, begun), _FIRST_BYTES)

    def may_take_long(self) -> None:
        """Lift the deadline from the body; each silence in it is bounded still."""
        self._deadline.lift()


class _ShortWay:
    """What is our own of a connection: see the head of this module."""

    response_class = TimedAnswer
    sock: Any
    timeout: Any
    max_body_bytes = 0
    debuglevel = 0
    """Not what somebody set for all of `http.client`: that prints headers, credentials in them."""
    _short = False

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        preload_content: bool = True,
        **options: Any,
    ) -> None:
        """Send a request."""
        self._short = method == "GET" and body is None and preload_content
        if not self._short:
            options["preload_content"] = preload_content
            super().request(method, url, body, headers, **options)  # type: ignore[misc]
            return
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self.sock.sendall(_head(method, url, headers or {}))

    def getresponse(self) -> Any:
        """Read an answer: whole if that was asked for, else its headers."""
        if not self._short:
            return super().getresponse()  # type: ignore[misc]
        deadline, received = Deadline(self.sock, self.timeout), list[bytes]()
        try:
            answer, reusable = _read_plain(deadline, received, self.max_body_bytes)
        except _NotPlain:
            answer, reusable = self._read_any(deadline, b"".join(received))
        if not reusable:
            self.close()  # type: ignore[attr-defined]
        return answer

    def _read_any(self, deadline: Deadline, begun: bytes) -> tuple[WholeAnswer, bool]:
        """Read any answer that HTTP/1 allows, as `http.client` and urllib3 do."""
        answer = TimedAnswer(self.sock, method="GET", begun=begun, deadline=deadline)
        try:
            answer.begin()
            response = urllib3.HTTPResponse(
                body=answer,
                headers=urllib3.HTTPHeaderDict(answer.msg.items()),
                status=answer.status,
                preload_content=False,
                request_method="GET",
                original_response=answer,
            )
            body = read_whole(response, self.max_body_bytes)
            return _whole(response, body), not answer.will_close
        finally:
            answer.close()


class HTTPConnection(_ShortWay, urllib3.connection.HTTPConnection):  # type: ignore[misc]
    """A connection without TLS."""


class HTTPSConnection(_ShortWay, urllib3.connection.HTTPSConnection):  # type: ignore[misc]
    """A connection with TLS."""


def pool_classes(max_body_bytes: int) -> dict[str, Any]:
    """The classes of pools whose connections take the short way, by scheme."""
    plain = type("HTTPConnection", (HTTPConnection,), {"max_body_bytes": max_body_bytes})
    secure = type("HTTPSConnection", (HTTPSConnection,), {"max_body_bytes": max_body_bytes})
    return {
        "http": type("HTTPPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("HTTPSPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class PoolAdapter(HTTPAdapter):
    """Makes pools as requests does: TLS, proxies and their log-in from the environment.

    Args:
        max_body_bytes: Most bytes of one body after decompression.
    """

    def __init__(self, max_body_bytes: int, **options: Any) -> None:
        self._classes = pool_classes(max_body_bytes)
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make pools of our own classes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make pools of our own classes for a proxy, other than one for SOCKS."""
        manager = super().proxy_manager_for(*arguments, **options)
        if isinstance(manager, urllib3.ProxyManager) and manager.proxy is not None:
            manager.pool_classes_by_scheme = self._classes
        return manager


def read_whole(response: BaseHTTPResponse, room: int) -> bytes:
    """The whole body of an answer, decompressed.

    Raises:
        OversizedBody: If it is larger than that.
    """
    pieces = []
    # `read1` inflates no more than asked for, so a small body cannot fill the memory
    while piece := response.read1(_CHUNK_BYTES, decode_content=True):
        room -= len(piece)
        if room < 0:
            raise OversizedBody
        pieces.append(piece)
    return b"".join(pieces)


def _whole(response: BaseHTTPResponse, body: bytes) -> WholeAnswer:
    return WholeAnswer(response.status, Headers(response.headers.items()), body)


class _NotPlain(Exception):
    """The answer is not of the kind that the short way reads."""


def _head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a header holds a line break")
    return f"{text}\r\n\r\n".encode("latin-1")


def _read_plain(deadline: Deadline, received: list[bytes], room: int) -> tuple[WholeAnswer, bool]:
    """Read a plain answer: HTTP/1.1 with a length, as it is or as gzip.

    Args:
        deadline: Where from.
        received: Gets all that was read.
        room: Most bytes of the body.

    Returns:
        The answer, and whether the connection can be used again.

    Raises:
        _NotPlain: If it is another kind of answer.
        OversizedBody: If it is too large.
    """
    data = _read_head(deadline, received)
    end = data.find(b"\r\n\r\n")
    status, headers = _parse_head(data[:end])
    length = headers.get("content-length", "")
    encoding = headers.get("content-encoding", "identity").lower()
    if not length.isdecimal() or "transfer-encoding" in headers or encoding not in _ENCODINGS:
        raise _NotPlain
    left = int(length) - (len(data) - end - 4)
    if int(length) > room:
        raise OversizedBody
    while left > 0:
        piece = deadline.recv(min(left, _CHUNK_BYTES))
        if not piece:
            raise http.client.IncompleteRead(b"", left)
        received.append(piece)
        left -= len(piece)
    body = data[end + 4 :]
    if len(received) > 1:
        body = b"".join([body, *received[1:]])
    if encoding == "gzip" and body:
        body = _inflate(body, room)
    # what comes after the end of an answer belongs to none
    reusable = left == 0 and headers.get("connection", "").lower() != "close"
    return WholeAnswer(status, Headers(headers.items()), body), reusable


def _read_head(deadline: Deadline, received: list[bytes]) -> bytes:
    """Read until the headers are there; gives the bytes so far, which are one piece then."""
    received.append(deadline.recv(_FIRST_BYTES))
    if not received[0]:
        raise http.client.RemoteDisconnected("the connection was closed without an answer")
    while b"\r\n\r\n" not in received[0]:
        data = received[0]
        if not _BEGINNING.startswith(data[: len(_BEGINNING)]) or len(data) > _FIRST_BYTES:
            raise _NotPlain
        piece = b"" if _BARE_END.search(data) else deadline.recv(_FIRST_BYTES)
        if not piece:
            raise _NotPlain
        received[0] = data + piece
    return received[0]


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    status = _STATUS_LINE.fullmatch(lines[0])
    if status is None or status[1] in _WITHOUT_BODY or head.count(b"\n") != len(lines) - 1:
        raise _NotPlain
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN(name) or "\r" in value:
            raise _NotPlain
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if len(headers) > _MOST_HEADERS:
        raise _NotPlain
    return int(status[1]), headers


def _inflate(body: bytes, room: int) -> bytes:
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(body, room + 1)
    except zlib.error:
        raise _NotPlain from None
    if len(inflated) > room:
        raise OversizedBody
    if not inflater.eof or inflater.unused_data:
        raise _NotPlain
    return inflated


_EXACT_ENOUGH = 0.98
_BEGINNING = b"HTTP/1.1 "
_BARE_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(r"HTTP/1\.1 ([2-5][0-9]{2})(?: [^\r\n]*)?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_WITHOUT_BODY = frozenset({"204", "304"})
_ENCODINGS = frozenset({"identity", "gzip"})
_MOST_HEADERS = 100
