"""What the tests of tokens share: scripted answers, a store in memory, a server on a socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from d2l_brightspace.client.auth.grants import (
    RefreshTokenGrant,
    ServiceUserGrant,
    TokenAuthenticator,
)
from d2l_brightspace.client.auth.token_endpoint import TokenEndpoint
from d2l_brightspace.client.auth.token_store import TokenStore
from d2l_brightspace.client.auth.tokens import StoredTokens
from d2l_brightspace.client.http.messages import Headers, HttpRequest, HttpResponse
from d2l_brightspace.client.http.transport import Transport

URL = "https://auth.example.edu/core/connect/token"
NOW = 1_700_000_000.0
CANARY = "canary-0451"
SECRET, CONFIGURED = f"{CANARY}-secret", f"{CANARY}-configured"
HTML = f"<html><body>{CANARY} log in</body></html>".encode()


class Clock:
    """Unix time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def answer(
    status: int = 200, body: object = None, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, Headers((headers or {}).items()), content)


class ScriptedTransport(Transport):
    """Gives prepared answers in turn, and after the last one fresh tokens with rotation."""

    def __init__(self, *script: HttpResponse | Exception, expires_in: object = 3600) -> None:
        self.script = list(script)
        self.expires_in = expires_in
        self.requests: list[HttpRequest] = []

    def exchange(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        step = self.script.pop(0) if self.script else self.granted()
        if isinstance(step, Exception):
            raise step
        return step

    def granted(self) -> HttpResponse:
        number = len(self.requests)
        return answer(
            body={
                "access_token": f"{CANARY}-access-{number}",
                "refresh_token": f"{CANARY}-refresh-{number}",
                "token_type": "Bearer",
                "expires_in": self.expires_in,
            }
        )

    def forms(self) -> list[dict[str, str]]:
        return [form_of(str(request.body)) for request in self.requests]


class MemoryStore:
    """A `TokenStore` that notes what is done to it; as a user may write one."""

    def __init__(self, held: StoredTokens | None = None, fail_at_save: int = 0) -> None:
        self.held = held
        self.saves = 0
        self.is_locked = False
        self._fail_at_save = fail_at_save

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.is_locked = True
        yield
        self.is_locked = False

    def load(self) -> StoredTokens | None:
        assert self.is_locked
        return self.held

    def save(self, tokens: StoredTokens) -> None:
        assert self.is_locked
        self.saves += 1
        if self.saves == self._fail_at_save:
            raise RuntimeError(CANARY)
        self.held = tokens


class Bench:
    """A refresh-token authenticator with everything around it replaced."""

    def __init__(
        self,
        *script: HttpResponse | Exception,
        store: TokenStore | None = None,
        configured: str | None = CONFIGURED,
        clock: Clock | None = None,
        expires_in: object = 3600,
    ) -> None:
        self.clock = clock or Clock()
        self.delays: list[float] = []
        self.transport = ScriptedTransport(*script, expires_in=expires_in)
        self.store = store or MemoryStore()
        self.grant = RefreshTokenGrant(
            TokenEndpoint(URL, self.transport, self.clock, self.delays.append),
            "app",
            SECRET,
            configured,
            store=self.store,
            clock=self.clock,
        )
        self.authenticator = TokenAuthenticator(self.grant, self.clock)

    def bearer(self) -> str:
        return bearer(self.authenticator)

    def refused(self, token: str) -> bool:
        request = api_request()
        request.headers["Authorization"] = f"Bearer {token}"
        return self.authenticator.renew(request)

    def sent(self) -> list[str]:
        return [form["refresh_token"] for form in self.transport.forms()]


def api_request() -> requests.PreparedRequest:
    return requests.Request("GET", "https://lms.example.edu/d2l/api/lp/1.49/users/").prepare()


def bearer(authenticator: TokenAuthenticator) -> str:
    request = api_request()
    authenticator.authenticate(request)
    return str(request.headers["Authorization"]).removeprefix("Bearer ")


def form_of(body: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body).items()}


def assert_clean(error: BaseException) -> None:
    """No canary in what an error shows, nor in what it carries along."""
    seen: BaseException | None = error
    while seen is not None:
        assert CANARY not in f"{seen} {seen!r} {seen.args} {getattr(seen, 'doc', '')}"
        seen = seen.__context__


class TokenServer(ThreadingHTTPServer):
    """A token endpoint on loopback whose refresh tokens work once."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TokenHandler)
        self.lock = threading.Lock()
        self.valid = {CONFIGURED}
        self.granted = 0
        self.refused = 0
        self.url = f"http://127.0.0.1:{self.server_port}/core/connect/token"

    def grant(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if form.get("refresh_token") not in self.valid:
                self.refused += 1
                return 400, {"error": "invalid_grant"}
            self.granted += 1
            self.valid = {f"{CANARY}-refresh-{self.granted}"}
            return 200, {
                "access_token": f"{CANARY}-access-{self.granted}",
                "refresh_token": f"{CANARY}-refresh-{self.granted}",
                "expires_in": 3600,
            }


class _TokenHandler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, document = self.server.grant(form_of(body))
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def in_threads(count: int, work: Callable[[], object]) -> None:
    barrier = threading.Barrier(count)

    def started_together() -> None:
        barrier.wait(timeout=10)
        work()

    threads = [threading.Thread(target=started_together) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS: dict[str, Any] = {
    "RS256": RSA_KEY,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}


def pem(key: Any) -> str:
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return text.decode()


def service_user(
    transport: Transport, key: object = RSA_KEY, clock: Clock | None = None
) -> TokenAuthenticator:
    clock = clock or Clock()
    endpoint = TokenEndpoint(URL, transport, clock, lambda _: None)
    grant = ServiceUserGrant(endpoint, "app", pem(key), "key-1", "a:b:c", clock=clock)
    return TokenAuthenticator(grant, clock)
