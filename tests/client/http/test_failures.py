"""A host that cannot be reached: which, why, and what to do, after real exchanges on sockets."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from d2l_brightspace import BearerAuth, RefreshTokenAuth
from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    ConfigurationError,
    ProtocolError,
    ServiceUnavailable,
)
from d2l_brightspace.client.http.failures import cause_of
from d2l_brightspace.connection import connect
from tests.wire_server import Answer, Server

PREFIX = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
NOW = datetime.datetime.now(datetime.timezone.utc)
VERSIONS = [{"ProductCode": "lp", "LatestVersion": "1.49", "SupportedVersions": ["1.49"]}]


def whole(_request: Any) -> Answer:
    return Answer(body=VERSIONS)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as held:  # bound and not listening: nobody else takes it meanwhile
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def ask(host: str, credentials: Any = None) -> tuple[BrightspaceError, list[float]]:
    """The error of a first request, and the delays before it was given up."""
    delays: list[float] = []
    session = connect(host, credentials or BearerAuth("canary-token"), sleep=delays.append)
    anonymous = credentials is None
    try:
        with pytest.raises(BrightspaceError) as caught:
            session.get_json("versions/", anonymous=anonymous)
        again = len(delays)
        with pytest.raises(type(caught.value)):  # who asks next does not try anew
            session.get_json("versions/", anonymous=anonymous)
        assert len(delays) == again
    finally:
        session.close()
    assert "canary" not in str(caught.value)
    return caught.value, delays


def certificate(folder: Path, *, name: str = "localhost", days: int = 9) -> ssl.SSLContext:
    """A context with a self-signed certificate, which is also written to `ca.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=30))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "both.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


@pytest.mark.parametrize(
    ("name", "days", "trusted", "words"),
    [
        ("localhost", 9, False, "issuer that this machine does not trust"),
        ("localhost", -9, True, "its certificate has expired"),
        ("other.example.edu", 9, True, "its certificate is for another name"),
    ],
    ids=["self-signed", "expired", "wrong name"],
)
def test_a_certificate_that_does_not_fit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    days: int,
    trusted: bool,
    words: str,
) -> None:
    context = certificate(tmp_path, name=name, days=days)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with Server(whole, context) as server:
        error, delays = ask(f"localhost:{server.port}")
        assert server.requests == []
    assert isinstance(error, ConfigurationError)
    assert error.message.startswith(f"localhost:{server.port} cannot be reached: ")
    assert words in error.message
    assert "`host`" in error.message
    assert delays == []


def test_a_name_that_does_not_exist_is_looked_up_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[Any] = []
    real = socket.getaddrinfo

    def count(host: Any, *rest: Any, **more: Any) -> Any:
        looked_up.append(host)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", count)
    error, delays = ask("school.invalid")
    # a machine without any name server says that it cannot be looked up now
    assert isinstance(error, (ConfigurationError, ServiceUnavailable))
    assert "school.invalid" in error.message
    assert "name" in error.message
    assert (len(looked_up), len(delays)) == (2, 1)


def test_which_names_are_worth_another_look() -> None:
    gone = cause_of(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    later = cause_of(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    assert (gone.kind, later.kind) == ("no such name", "no name server")


def test_a_closed_port(closed_port: int) -> None:
    error, delays = ask(f"127.0.0.1:{closed_port}")
    assert isinstance(error, ServiceUnavailable)
    assert error.message.startswith(
        f"No answer from 127.0.0.1:{closed_port}: the connection was refused. Check `host`"
    )
    assert len(delays) == 1


@pytest.fixture
def talker() -> Iterator[socket.socket]:
    """Listens, and answers whatever comes with a line of plain text, as an SSH server does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                connection.sendall(b"SSH-2.0-Server\r\n")
                connection.recv(9)
                connection.close()

    threading.Thread(target=talk, daemon=True).start()
    with listener:
        yield listener
        listener.shutdown(socket.SHUT_RDWR)


def test_another_protocol(talker: socket.socket) -> None:
    error, delays = ask(f"127.0.0.1:{talker.getsockname()[1]}")
    assert isinstance(error, ConfigurationError)
    assert "speaks no TLS. Check `host`, the port" in error.message
    assert delays == []


def test_a_host_that_takes_connections_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__CONNECT_SECONDS", "0.2")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error, delays = ask(f"127.0.0.1:{silent.getsockname()[1]}")
    assert isinstance(error, ServiceUnavailable)
    assert "no TLS connection within 0.2 s" in error.message
    assert len(delays) == 1


def test_a_page_that_is_no_brightspace() -> None:
    page = Answer(body=b"<!doctype html><p>Welcome</p>", content_type="text/html")
    with Server(lambda _: page) as server:
        error, delays = ask(server.url)
    assert isinstance(error, ProtocolError)
    assert "a host that is no Brightspace" in error.message
    assert delays == []


def test_a_file_of_trusted_certificates_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with Server(whole, certificate(tmp_path)) as server:
        error, delays = ask(f"localhost:{server.port}")
        assert isinstance(error, ConfigurationError)
        assert "is not there. Correct REQUESTS_CA_BUNDLE" in error.message
        bundle.write_text("no certificate")
        error, more_delays = ask(f"localhost:{server.port}")
    assert "certificates holds none" in error.message
    assert delays == more_delays == []


def test_a_proxy_that_refuses_or_is_not_there(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    with Server(lambda _: Answer(407)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://us:canary@127.0.0.1:{proxy.port}")
        error, delays = ask("school.example.edu")
        assert len(proxy.requests) == 1
    assert isinstance(error, ConfigurationError)
    assert f"the proxy 127.0.0.1:{proxy.port} answers 407" in error.message
    assert "Check HTTPS_PROXY" in error.message
    assert delays == []
    with Server(lambda _: Answer(502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        error, delays = ask("school.example.edu")
    assert isinstance(error, ServiceUnavailable)
    assert (f"the proxy 127.0.0.1:{proxy.port} answers 502" in error.message, len(delays)) == (
        True,
        1,
    )
    monkeypatch.setenv("HTTPS_PROXY", f"http://us:canary@127.0.0.1:{closed_port}")
    error, delays = ask("school.example.edu")
    assert isinstance(error, ServiceUnavailable)
    assert f"the proxy 127.0.0.1:{closed_port}: the connection was refused" in error.message
    assert len(delays) == 1


def test_a_host_that_has_answered_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_ATTEMPTS", "4")
    monkeypatch.setenv(f"{PREFIX}LIMITS__BACKOFF_SECONDS", "0")
    delays: list[float] = []
    with Server(whole) as server:
        session = connect(server.url, BearerAuth("t"), sleep=delays.append)
        session.get_json("versions/", anonymous=True)
        server.__exit__()
        with pytest.raises(ServiceUnavailable, match=f"No answer from 127.0.0.1:{server.port}: "):
            session.get_json("versions/", anonymous=True)
        session.close()
    assert len(delays) == 3


@pytest.mark.parametrize(
    ("url", "kind", "words", "delays"),
    [
        ("https://auth.invalid/token", ConfigurationError, "auth.invalid", 1),
        ("http://127.0.0.1:{port}/token", AuthenticationError, "the connection was refused", 1),
    ],
    ids=["no such name", "refused"],
)
def test_the_token_endpoint_names_its_own_host(
    url: str,
    kind: type[BrightspaceError],
    words: str,
    delays: int,
    closed_port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("d2l_brightspace.client.auth.token_endpoint.time.sleep", waited.append)
    credentials = RefreshTokenAuth(
        "app",
        "canary-secret",
        "canary-refresh",
        url.format(port=closed_port),
        token_store=str(tmp_path / "store.json"),
    )
    with Server(whole) as server:
        error, _ = ask(server.url, credentials)
        assert server.requests == []
    assert isinstance(error, (kind, AuthenticationError))
    assert words in error.message
    assert "Check `credentials.token_url`" in error.message
    assert "canary" not in error.message
