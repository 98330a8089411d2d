"""Answers of every kind that HTTP/1 allows, over real sockets: the same body whatever the way."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from d2l_brightspace.client.http.messages import HttpRequest
from d2l_brightspace.client.http.transport import OversizedBody, Transport, TransportFailure
from d2l_brightspace.client.limits import Limits
from tests.wire_server import Answer, Raw, Request, Server

BODY = json.dumps({"Items": list(range(20_000))}).encode()
SMALL = b'{"a": 1}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


def length(body: bytes, more: bytes = b"") -> bytes:
    return HEAD + more + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(body: bytes) -> bytes:
    halves = (body[:7], body[7:])
    framed = b"".join(f"{len(half):x}\r\n".encode() + half + b"\r\n" for half in halves)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


GZIP = b"Content-Encoding: gzip\r\n"
ANSWERS: dict[str, list[bytes]] = {
    "length": [length(BODY)],
    "bytes after the end": [length(BODY) + b"HTTP/1.1 200 OK\r\n"],
    "two pieces": [length(BODY)[:40], length(BODY)[40:]],
    "cut in the blank line": [length(BODY)[: -len(BODY) - 1], b"\n" + BODY],
    "gzip": [length(gzip.compress(BODY), GZIP)],
    "two members of gzip": [length(gzip.compress(BODY[:99]) + gzip.compress(BODY[99:]), GZIP)],
    "chunks": [chunked(BODY)],
    "until the end": [HEAD + b"\r\n" + BODY],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\n\r\n" + BODY],
    "100 before it": [b"HTTP/1.1 100 Continue\r\n\r\n" + length(BODY)],
    "folded header": [length(BODY, b"X-One: a\r\n b\r\n")],
    "bare line feeds": [length(b"").replace(b"\r\n", b"\n").replace(b"h: 0", b"h: 8") + SMALL],
    "repeated header": [length(BODY, b"Set-Cookie: a=1\r\nset-cookie: b=2\r\n")],
}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(lambda _: Answer(200, BODY)) as one:
        yield one


@pytest.fixture
def transport() -> Iterator[Transport]:
    one = Transport(Limits(response_seconds=5.0, max_body_megabytes=1.0))
    yield one
    one.close()


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_kind_of_answer(server: Server, transport: Transport, kind: str) -> None:
    server.fault("/x", Raw(ANSWERS[kind]), times=2)
    for _ in range(3):
        response = transport.exchange(HttpRequest.get(f"{server.url}/x"))
        assert response.status_code == 200
        assert response.content in ((SMALL, BODY) if kind == "bare line feeds" else (BODY,))


def test_what_no_body_belongs_to(server: Server, transport: Transport) -> None:
    server.fault("/x", Raw([b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"]))
    response = transport.exchange(HttpRequest.get(f"{server.url}/x"))
    assert (response.status_code, response.content) == (204, b"")


def test_headers_are_found_in_any_case(server: Server, transport: Transport) -> None:
    server.fault("/x", Raw([length(SMALL, b"X-One: 1\r\nx-one: 2\r\n")]))
    headers = transport.exchange(HttpRequest.get(f"{server.url}/x")).headers
    assert headers["X-ONE"] == headers.get("x-one") == "1, 2"
    assert headers.get("nothing") is None


@pytest.mark.parametrize(
    "body", [length(b"a" * 2**21), length(gzip.compress(b"a" * 2**21), GZIP), chunked(b"a" * 2**21)]
)
def test_too_large(server: Server, transport: Transport, body: bytes) -> None:
    server.fault("/x", Raw([body]))
    with pytest.raises(OversizedBody):
        transport.exchange(HttpRequest.get(f"{server.url}/x"))


@pytest.mark.parametrize("text", [b"", HEAD[:9], HEAD, length(BODY)[:-1], b"nonsense\r\n\r\n"])
def test_cut_short(server: Server, transport: Transport, text: bytes) -> None:
    server.fault("/x", Raw([text]))
    if text == HEAD:
        assert transport.exchange(HttpRequest.get(f"{server.url}/x")).content == b""
        return
    with pytest.raises(TransportFailure, match="the connection failed"):
        transport.exchange(HttpRequest.get(f"{server.url}/x"))


def test_connections_are_kept(server: Server, transport: Transport) -> None:
    for _ in range(5):
        transport.exchange(HttpRequest.get(f"{server.url}/x"))
    (origin,) = transport._origins.values()
    assert origin.pool.num_connections == 1


def test_what_goes_over_the_wire(server: Server, transport: Transport) -> None:
    transport.exchange(HttpRequest.get(f"{server.url}/a b/ü?c=d e&f=%2F"))
    (request,) = server.requests
    assert request.target == "/a%20b/%C3%BC?c=d%20e&f=%2F"
    assert request.headers == {
        "host": server.url.removeprefix("http://"),
        "user-agent": "d2l-brightspace (dlt source)",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
    }


def test_no_header_ends_a_line(server: Server, transport: Transport) -> None:
    request = HttpRequest.get(f"{server.url}/x")
    request.headers["Authorization"] = "Bearer a\r\nX-Injected: 1"
    with pytest.raises(TransportFailure):
        transport.exchange(request)
    assert server.requests == []


def test_proxy_from_the_environment(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("://", "://user:secret@"))
    monkeypatch.setenv("NO_PROXY", "direct.example.com")
    response = transport.exchange(HttpRequest.get("http://school.example.com/d2l/api/x?a=1"))
    assert response.content == BODY
    (request,) = server.requests
    assert request.target == "http://school.example.com/d2l/api/x?a=1"
    assert request.headers["host"] == "school.example.com"
    assert request.headers["proxy-authorization"].startswith("Basic ")


def test_tunnel_through_a_proxy(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(request: Request) -> Answer:
        return Answer(407 if request.method == "CONNECT" else 200)

    with Server(refuses) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(TransportFailure) as failure:
            transport.exchange(HttpRequest.get("https://school.example.com/d2l/api/x"))
        assert not failure.value.delivered
        assert proxy.requests[0].target == "school.example.com:443"
