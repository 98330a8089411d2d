"""Answers that break on the way, and answers that are something else."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from d2l_brightspace import BearerAuth, ProtocolError, ServiceUnavailable
from d2l_brightspace.connection import connect
from tests.cases import case, together
from tests.wire_server import Answer, Raw, Server, head

from .arena import PREFIX, Arena
from .tenant import page, slowly

USERS = "/users/$"
BODY = json.dumps({"PagingInfo": {"Bookmark": "20", "HasMoreItems": True}, "Items": []}).encode()
GOOD = {"Content-Type": "application/json"}
LOG_IN = Answer(200, b"<!DOCTYPE html><html>Log in, canary</html>", content_type="text/html")


def raw(*pieces: bytes, then: Any = "close") -> Raw:
    return Raw(list(pieces), then)


def gzipped(body: bytes, **more: str) -> Raw:
    headers = GOOD | {"Content-Encoding": "gzip", "Content-Length": str(len(body))} | more
    return raw(head(200, headers) + body)


BREAKS = {
    "500": Answer(500),
    "502": Answer(502, b"<html>Bad Gateway</html>", content_type="text/html"),
    "503": Answer(503, headers={"Retry-After": "0"}),
    "504": Answer(504),
    "connection closed without an answer": raw(),
    "reset in mid-body": raw(head(200, GOOD | {"Content-Length": "999"}) + BODY, then="reset"),
    "body shorter than its length": raw(head(200, GOOD | {"Content-Length": "999"}) + BODY),
    "body cut, no length": raw(head(200, GOOD) + BODY[:40]),
    "chunk aborted": raw(head(200, GOOD | {"Transfer-Encoding": "chunked"}) + b"40\r\n" + BODY),
    "truncated JSON of the right length": Answer(200, BODY[:-9]),
    "gzip garbage": gzipped(b"no gzip at all"),
    "gzip cut short": gzipped(gzip.compress(BODY * 50)[:60]),
    "invalid UTF-8": Answer(200, BODY.replace(b"Items", b"It\xff\xfems")),
    "no HTTP at all": raw(b"\x16\x03\x01 nonsense\r\n\r\n"),
}


@together("Transport", "exact", *(f"{name}, once" for name in BREAKS))
def test_passing_fault(arena: Arena) -> None:
    arena.tenant.page_size = 2
    for number, answer in enumerate(BREAKS.values(), start=1):
        arena.fault(USERS, answer, when=page(number, size=2), times=1)
    arena.exact("users")
    assert len(arena.server.asked(USERS)) == 2 * len(BREAKS)


@case("Transport", "each of the faults above, for ever: bounded attempts", "clear error")
def test_lasting_fault(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_ATTEMPTS", "3")
    for number, answer in enumerate(BREAKS.values(), start=1):
        arena.server._faults.clear()
        arena.fault(USERS, answer, when=page(2))
        arena.fails((ServiceUnavailable, ProtocolError), "users/", "users")
        second_pages = [one for one in arena.server.asked(USERS) if one.params]
        assert len(second_pages) == 3 * number


@case("Transport", "connection refused", "clear error")
def test_refused_connection(arena: Arena) -> None:
    arena.server.__exit__()
    with socket.socket() as held:  # so that nobody else listens there meanwhile
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", arena.server.port))
        host = f"127.0.0.1:{arena.server.port}"
        arena.fails(ServiceUnavailable, f"^No answer from {host}: .* refused", "users")


@case("Transport", "trickling body: one deadline for the whole answer", "clear error")
@case("Transport", "trickling headers: one deadline for the whole answer", "clear error")
@pytest.mark.parametrize("part", ["headers", "body"])
def test_trickle(arena: Arena, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__RESPONSE_SECONDS", "0.4")
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_ATTEMPTS", "1")
    start = head(200, GOOD | {"Content-Length": str(len(BODY))})
    text = start + BODY
    cut = 10 if part == "headers" else len(start) + 5
    drops = [text[:cut], *(text[at : at + 1] for at in range(cut, len(text)))]
    arena.fault(USERS, lambda _request, _normal: Raw(slowly(drops, 0.1)), when=page(2))
    arena.fails(ServiceUnavailable, "longer than 0.4 s", "users")


@case("Transport", "gzip body that inflates to 300 MB: memory stays bounded", "clear error")
@pytest.mark.slow
def test_gzip_bomb(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_BODY_MEGABYTES", "20")

    def bomb() -> Iterator[bytes]:
        deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
        yield head(200, GOOD | {"Content-Encoding": "gzip"})
        yield deflate.compress(b'{"Items": ["')
        for _ in range(300):
            yield deflate.compress(b"A" * 1024 * 1024)
        yield deflate.flush()

    whole = [b"".join(bomb())]
    arena.fault(USERS, Raw(whole), when=page(2))
    tracemalloc.start()
    try:
        arena.fails(ProtocolError, "larger than 20 MB", "users")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 20 < peak / 1024**2 < 80


STRANGE = {
    "HTML log-in page with status 200": LOG_IN,
    "HTML log-in page that calls itself JSON": Answer(200, b"\n <html>canary</html>"),
    "empty body with status 200": Answer(200, b""),
    "204": Answer(204, b""),
    "blanks only": Answer(200, b"  \n"),
    "wrong content type": Answer(200, BODY, content_type="text/csv"),
    "a JSON string": Answer(200, b'"canary"'),
    "null": Answer(200, b"null"),
    "unexpected status 418": Answer(418, b"canary"),
    "redirect without a place": Answer(302),
    "redirect to another host": Answer(302, headers={"Location": "https://evil.example.com/d2l/"}),
    "redirect to nonsense": Answer(302, headers={"Location": "http://[::1"}),
    "redirect loop": Answer(302, headers={"Location": "?bookmark=10"}),
}


@together("Transport", "clear error", *STRANGE)
def test_something_else(arena: Arena) -> None:
    for answer in STRANGE.values():
        arena.server._faults.clear()
        arena.fault(USERS, answer, when=page(2))
        arena.fails(ProtocolError, "users/", "users")


@case("Transport", "redirect on the same host: authenticated and followed", "exact")
def test_redirect_on_the_same_host(arena: Arena) -> None:
    arena.tenant.tokens = {"canary-bearer"}

    def moved(request: Any, _normal: Any) -> Answer:
        return Answer(307, headers={"Location": request.target.replace("users/", "people/")})

    def renamed(request: Any, normal: Any) -> Answer:
        request.path = request.path.replace("people/", "users/")
        return normal()

    arena.fault(USERS, moved)
    arena.fault("/people/$", renamed)
    arena.exact("users")


@case("Transport", "redirect to another port: no credential arrives there", "clear error")
def test_no_credential_leaves_the_origin(arena: Arena) -> None:
    with Server(lambda _request: Answer(200, BODY)) as elsewhere:
        arena.fault(USERS, Answer(302, headers={"Location": f"{elsewhere.url}/d2l/api/"}))
        arena.fails(ProtocolError, "another host or scheme", "users")
        assert elsewhere.requests == []


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for loopback, which this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


@together(
    "Transport",
    "clear error",
    "redirect from https to http: nothing arrives there",
    "Next from https to http: nothing arrives there",
    "download redirected from https to http: nothing arrives there",
)
def test_no_downgrade(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with Server(lambda _: Answer(200, BODY)) as plain:

        def leads_there(request: Any) -> Answer:
            if request.path.endswith("/list"):
                return Answer(200, {"Next": f"{plain.url}/d2l/api/x", "Objects": []})
            return Answer(302, headers={"Location": f"{plain.url}/d2l/api/x"})

        with Server(leads_there, tls) as secure:
            session = connect(secure.url, BearerAuth("canary-bearer"))
            with pytest.raises(ProtocolError, match="another host or scheme"):
                session.get_json("lp/1.49/redirect")
            with pytest.raises(ProtocolError, match="another host or scheme"):
                session.read_objects("lp/1.49/list", "lp/(version)/list", "a:b:c")
            with pytest.raises(ProtocolError, match="plain HTTP"):
                session.download("lp/1.49/redirect", tmp_path / "x.zip", "x")
            session.close()
        assert len(secure.requests) == 3
        assert plain.requests == []


@case("Transport", "a server that accepts and says nothing", "clear error")
def test_silence(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__RESPONSE_SECONDS", "0.3")
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_ATTEMPTS", "1")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        arena.server = type("Mute", (), {"url": f"http://127.0.0.1:{mute.getsockname()[1]}"})()
        arena.fails(ServiceUnavailable, "longer than 0.3 s", "users")
