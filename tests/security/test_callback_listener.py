"""Whoever reaches the port that waits for Brightspace's call cannot make it cost anything."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from click.testing import CliRunner

from d2l_brightspace import ConfigurationError
from d2l_brightspace.cli.main import main
from d2l_brightspace.course_packages import WakeSignal
from d2l_brightspace.course_packages.webhook import CallbackReceiver, _handler
from tests.cases import case, together

BRIGHTSPACE = "http://127.0.0.1:1/d2l/api/"
FOREVER = 3600.0


@contextmanager
def listener(
    seconds_between_wakes: float = FOREVER,
) -> Iterator[tuple[CallbackReceiver, WakeSignal]]:
    signal = WakeSignal()
    with CallbackReceiver(
        0, BRIGHTSPACE, signal, seconds_between_wakes=seconds_between_wakes
    ) as receiver:
        yield receiver, signal


def connection(receiver: CallbackReceiver) -> socket.socket:
    address, port = receiver.place.split(":")
    return socket.create_connection((address, int(port)), timeout=10)


def call(receiver: CallbackReceiver, body: bytes = b"") -> int:
    return requests.post(receiver.url, body, timeout=10).status_code


@case("Bounds", "a flood of right calls on the listener: one look at the job", "safe")
def test_a_flood_of_calls() -> None:
    with listener() as (receiver, signal):
        assert {call(receiver) for _ in range(50)} == {204}
        signal.wait(10, heard=0)
        assert signal.wakes == 1


@case("Bounds", "a call that comes soon after another one: heard, a little later", "safe")
def test_no_call_is_lost() -> None:
    with listener(0.05) as (receiver, signal):
        for heard in range(3):
            assert call(receiver) == 204
            signal.wait(10, heard)
            assert signal.wakes == heard + 1


@case(
    "Bounds", "300 connections that say nothing: a few threads, and a right call is heard", "safe"
)
def test_many_connections() -> None:
    before = threading.active_count()
    with listener() as (receiver, signal), ExitStack() as idle:
        for _ in range(300):
            one = idle.enter_context(connection(receiver))
            one.sendall(b"POST / HTTP/1.1\r\n")
        assert call(receiver) == 204
        signal.wait(10, heard=0)
        assert threading.active_count() - before < 20


LONG = 2**26  # far more than sockets hold


def post(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode()


@together(
    "Bounds",
    "safe",
    "a call of any length on the listener: answered, and no more than 64 KB of it read",
    "a call to another path: 404, and nothing of it read",
)
def test_long_calls() -> None:
    with listener() as (receiver, signal):
        right = urlsplit(receiver.url).path
        for path, status in ((right, b"204"), ("/", b"404"), (f"{right}x", b"404")):
            with connection(receiver) as one:
                one.sendall(post(path, LONG))
                assert one.recv(4096).split()[1] == status
                with pytest.raises(OSError, match=r"reset|pipe|abort"):
                    one.sendall(b"x" * LONG)
        for length in ("-1", "x", "9" * 5000):
            assert requests.post(receiver.url, headers={"Content-Length": length}, timeout=10).ok, (
                length
            )
        signal.wait(10, heard=0)


class Wire(io.BytesIO):
    """A connection on which all has arrived already."""

    def __init__(self, sent: bytes) -> None:
        super().__init__(sent)
        self.answer = b""

    def makefile(self, *_how: Any) -> Wire:
        return self

    def settimeout(self, _seconds: float) -> None: ...

    def sendall(self, data: bytes) -> None:
        self.answer += bytes(data)

    def close(self) -> None: ...


def test_what_is_read_of_a_call() -> None:
    """All of a usual body: a close with unread bytes can cost the caller the answer."""
    handler = _handler("/right", lambda: None)
    for path, length, read in (
        ("/right", 60_000, 60_000),
        ("/right", LONG, 64 * 1024),
        ("/wrong", 60_000, 0),
    ):
        head = post(path, length)
        wire: Any = Wire(head + b"x" * length)
        handler(wire, ("127.0.0.1", 1), None)  # type: ignore[arg-type]
        assert wire.tell() == len(head) + read
        assert wire.answer.startswith(b"HTTP/1.0 204" if path == "/right" else b"HTTP/1.0 404")


@together(
    "Network",
    "clear error",
    "the listener on an address that Brightspace cannot call: refused before any upload",
)
def test_which_addresses() -> None:
    signal = WakeSignal()
    far = "https://192.0.2.1/d2l/api/"
    for address in ("0.0.0.0", "127.0.0.1"):
        with pytest.raises(ConfigurationError, match="--callback-url https"):
            CallbackReceiver(0, far, signal, address=address)
        with CallbackReceiver(0, far, signal, "https://me.example/d2l/", address=address) as one:
            assert one.place.startswith(f"{address}:")
            assert one.url.startswith("https://me.example/d2l/")
    with CallbackReceiver(0, BRIGHTSPACE, signal) as usual:
        assert usual.url.startswith(f"http://{usual.place}/")
        assert usual.place.startswith("127.0.0.1:")
    for wrong in ("x", "127.0.0.1", "127.0.0.1:70000", "9" * 5000):
        arguments = ["copy-course", "--course-offering-id", "1", "--job-token", "t"]
        result = CliRunner().invoke(main, [*arguments, "--listen", wrong])
        assert result.exit_code == 2
        assert "127.0.0.1:8080" in result.output
