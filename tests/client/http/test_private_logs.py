from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator

import pytest

from d2l_brightspace.client.http.messages import HttpRequest
from d2l_brightspace.client.http.private_logs import LOGGERS, LogPrivacy, private_logs
from d2l_brightspace.client.http.transport import Transport
from d2l_brightspace.client.limits import Limits
from tests.wire_server import Answer, Raw, Server

CANARY = "canary-signature"
BROKEN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"no header https://storage.example.com/file?sig=canary-signature\r\nLocation: x\r\n\r\n{}"
)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(lambda _: Answer(200, b"{}")) as one:
        yield one


@pytest.fixture
def privacy(monkeypatch: pytest.MonkeyPatch) -> LogPrivacy:
    """One that no transport of another test uses, which may end at any moment."""
    one = LogPrivacy()
    monkeypatch.setattr("d2l_brightspace.client.http.transport.private_logs", one.active)
    return one


def filters(privacy: LogPrivacy) -> list[int]:
    return [logging.getLogger(name).filters.count(privacy._filter) for name in LOGGERS]


def everything_logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(
        f"{record.getMessage()} {record.exc_info} {record.__dict__}" for record in caplog.records
    )


def test_no_query_is_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = Transport(Limits())
    transport.exchange(HttpRequest.get(f"{server.url}/d2l/api/x?x_c={CANARY}&a=b c"))
    transport.close()
    assert "/d2l/api/x" in everything_logged(caplog)
    assert CANARY not in everything_logged(caplog)


@pytest.mark.parametrize("whole", [True, False])
def test_broken_headers_with_a_signed_link(
    server: Server, caplog: pytest.LogCaptureFixture, whole: bool
) -> None:
    server.fault("/file", Raw([BROKEN]))
    transport = Transport(Limits())
    request = HttpRequest.get(f"{server.url}/file?sig={CANARY}")
    if whole:
        assert transport.exchange(request).content
    else:
        with transport.streamed(request) as (response, pieces):
            assert response.status_code == 200
            assert b"".join(pieces)
    transport.close()
    assert whole or "Failed to parse headers" in caplog.text
    assert CANARY not in everything_logged(caplog)
    assert CANARY not in caplog.text


def test_messages_and_arguments(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger(LOGGERS[0])
    with private_logs():
        logger.warning("Redirecting /a?sig=" + CANARY + " -> %s", "/b")  # noqa: G003
        logger.warning("%(url)s", {"url": f"/c?sig={CANARY}"})
        logger.warning("%s of %d: %r", ValueError(CANARY), 7, f"/d?sig={CANARY}")
        logger.warning("Nothing secret")
    assert CANARY not in everything_logged(caplog)
    assert [record.getMessage() for record in caplog.records] == [
        "Redirecting /a",
        "/c",
        "ValueError of 7: '/d'",
        "Nothing secret",
    ]


ON, OFF = [1] * len(LOGGERS), [0] * len(LOGGERS)


def test_nothing_is_left_behind(server: Server, privacy: LogPrivacy) -> None:
    with privacy.active():
        with privacy.active():
            assert filters(privacy) == ON
        transport = Transport(Limits())
        transport.exchange(HttpRequest.get(f"{server.url}/x"))
    assert filters(privacy) == ON
    transport.close()
    assert filters(privacy) == OFF


def test_a_closed_transport_that_is_used_again(server: Server, privacy: LogPrivacy) -> None:
    transport = Transport(Limits())
    for _ in range(2):
        transport.exchange(HttpRequest.get(f"{server.url}/x"))
        assert filters(privacy) == ON
        transport.close()
        assert filters(privacy) == OFF


def test_a_transport_that_nobody_closes(server: Server, privacy: LogPrivacy) -> None:
    transport = Transport(Limits())
    transport.exchange(HttpRequest.get(f"{server.url}/x"))
    assert filters(privacy) == ON
    del transport
    gc.collect()
    assert filters(privacy) == OFF


def test_many_threads(privacy: LogPrivacy) -> None:
    barrier = threading.Barrier(8)
    missing: list[int] = []

    def enter_and_leave() -> None:
        barrier.wait()
        for _ in range(200):
            with privacy.active():
                missing.extend([] if filters(privacy) == ON else [1])

    threads = [threading.Thread(target=enter_and_leave) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missing
    assert filters(privacy) == OFF
