from __future__ import annotations

import base64
import json
import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from d2l_brightspace.client.auth.credentials import RefreshTokenAuth, ServiceUserAuth
from d2l_brightspace.client.auth.token_store import (
    AccessToken,
    FileTokenStore,
    RefreshTokenGrant,
    ServiceUserGrant,
    StoredTokens,
    TokenAuthenticator,
    TokenEndpoint,
    TokenStore,
    default_store,
)
from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    ConfigurationError,
    RateLimited,
)
from d2l_brightspace.client.http.messages import Headers, HttpRequest, HttpResponse
from d2l_brightspace.client.http.transport import OversizedBody, Transport, TransportFailure
from d2l_brightspace.client.limits import Limits
from tests import ROOT

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
        configured: str = CONFIGURED,
        clock: Clock | None = None,
        expires_in: object = 3600,
    ) -> None:
        self.clock = clock or Clock()
        self.rests: list[float] = []
        self.transport = ScriptedTransport(*script, expires_in=expires_in)
        self.store = store or MemoryStore()
        grant = RefreshTokenGrant(
            TokenEndpoint(URL, self.transport, self.clock, self.rests.append),
            "app",
            SECRET,
            configured,
            store=self.store,
            clock=self.clock,
        )
        self.authenticator = TokenAuthenticator(grant, self.clock)

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


# --- the access token ---------------------------------------------------------------------------


def test_one_token_serves_many_requests() -> None:
    bench = Bench()
    assert {bench.bearer() for _ in range(5)} == {f"{CANARY}-access-1"}
    assert len(bench.transport.requests) == 1


def test_refresh_request_is_as_d2l_documents_it() -> None:
    bench = Bench()
    bench.bearer()
    request = bench.transport.requests[0]
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(request.headers["Authorization"][6:]) == f"app:{SECRET}".encode()
    assert bench.transport.forms() == [{"grant_type": "refresh_token", "refresh_token": CONFIGURED}]


def test_scope_is_sent_where_one_is_set() -> None:
    transport = ScriptedTransport()
    grant = RefreshTokenGrant(
        TokenEndpoint(URL, transport), "app", SECRET, CONFIGURED, scope="a:b:c", store=MemoryStore()
    )
    grant.obtain(None)
    assert transport.forms()[0]["scope"] == "a:b:c"


@pytest.mark.parametrize(
    ("lifetime", "leeway"), [(3600, 60), (72_000, 60), (100, 25), (2, 0.5), ("3600", 60)]
)
def test_renewed_before_it_expires(lifetime: int | str, leeway: float) -> None:
    bench = Bench(expires_in=lifetime)
    first = bench.bearer()
    bench.clock.now = NOW + float(lifetime) - leeway - 0.1
    assert bench.bearer() == first
    bench.clock.now = NOW + float(lifetime) - leeway
    assert bench.bearer() == f"{CANARY}-access-2"


def test_life_begins_when_the_request_was_sent() -> None:
    bench = Bench(expires_in=100)
    exchange = bench.transport.exchange

    def slow(request: HttpRequest) -> HttpResponse:
        bench.clock.now += 30
        return exchange(request)

    bench.transport.exchange = slow  # type: ignore[method-assign]
    bench.bearer()
    bench.clock.now = NOW + 75
    assert bench.bearer() == f"{CANARY}-access-2"


@pytest.mark.parametrize("lifetime", [None, 0, -1, "soon", True, [], float("nan")], ids=repr)
def test_a_token_without_a_lifetime_is_used_until_it_is_refused(lifetime: object) -> None:
    bench = Bench(expires_in=lifetime)
    first = bench.bearer()
    bench.clock.now += 10_000_000
    assert bench.bearer() == first
    assert bench.refused(first)
    assert bench.bearer() == f"{CANARY}-access-2"


def test_a_refused_token_is_replaced_once_for_all_threads() -> None:
    bench = Bench()
    first = bench.bearer()
    assert [bench.refused(first) for _ in range(3)] == [True] * 3
    assert len(bench.transport.requests) == 2
    assert bench.bearer() == f"{CANARY}-access-2"


def test_a_bearer_learns_no_time() -> None:
    assert not Bench().authenticator.learn_server_time(int(NOW))


# --- the chain of refresh tokens ----------------------------------------------------------------


def test_each_refresh_sends_the_newest_refresh_token() -> None:
    bench = Bench()
    for _ in range(3):
        bench.refused(bench.bearer())
    assert bench.sent() == [CONFIGURED, *(f"{CANARY}-refresh-{n}" for n in (1, 2, 3))]


def test_a_server_that_does_not_rotate() -> None:
    bench = Bench(answer(body={"access_token": f"{CANARY}-access-0", "expires_in": 60}))
    bench.refused(bench.bearer())
    assert bench.sent() == [CONFIGURED, CONFIGURED]


def test_refresh_token_is_on_disk_before_the_access_token_is_used(tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    seen: list[StoredTokens | None] = []

    class Headers(dict[str, str]):
        def __setitem__(self, name: str, value: str) -> None:
            seen.append(store.load())
            super().__setitem__(name, value)

    request = api_request()
    request.headers = Headers()  # type: ignore[assignment]
    Bench(store=store).authenticator.authenticate(request)
    assert [held and held.refresh_token for held in seen] == [f"{CANARY}-refresh-1"]


def test_a_run_after_a_kill_goes_on_with_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    killed = Bench(store=FileTokenStore(path))
    killed.bearer()  # stored; the process ends before its first request

    after = Bench(store=FileTokenStore(path))
    assert after.bearer() == f"{CANARY}-access-1"
    assert after.transport.requests == []
    after.clock.now += 3600
    after.bearer()
    assert after.sent() == [f"{CANARY}-refresh-1"]


def test_a_stored_token_that_the_server_refuses_is_not_used_again() -> None:
    store = MemoryStore()
    Bench(store=store).bearer()
    after = Bench(store=store)
    stored = after.bearer()
    after.refused(stored)
    assert after.sent() == [f"{CANARY}-refresh-1"]


def test_a_newly_configured_refresh_token_wins(tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    Bench(store=store).bearer()
    again = Bench(store=store, configured=f"{CANARY}-authorised-again")
    again.bearer()
    assert again.sent() == [f"{CANARY}-authorised-again"]


def test_a_mistyped_refresh_token_does_not_cost_the_stored_one() -> None:
    store = MemoryStore()
    Bench(store=store).bearer()
    mistyped = Bench(
        answer(400, {"error": "invalid_grant"}), store=store, configured=f"{CANARY}-mistyped"
    )
    with pytest.raises(AuthenticationError):
        mistyped.bearer()
    assert store.held is not None
    assert store.held.refresh_token == f"{CANARY}-refresh-1"


def test_another_process_refreshed_meanwhile() -> None:
    store = MemoryStore()
    ours = Bench(store=store)
    theirs = Bench(answer(body={"access_token": f"{CANARY}-theirs"}), store=store)
    first = ours.bearer()
    theirs.refused(first)
    ours.refused(first)
    assert ours.bearer() == f"{CANARY}-theirs"
    assert len(ours.transport.requests) == 1


def test_a_store_that_takes_no_write_costs_no_refresh_token() -> None:
    bench = Bench(store=MemoryStore(fail_at_save=1))
    with pytest.raises(RuntimeError):
        bench.bearer()
    assert bench.transport.requests == []


def test_a_new_refresh_token_that_cannot_be_stored_ends_the_run() -> None:
    bench = Bench(store=MemoryStore(fail_at_save=2))
    for _ in range(2):
        with pytest.raises(AuthenticationError, match="could not be stored") as caught:
            bench.bearer()
        assert CANARY not in str(caught.value)
    assert len(bench.transport.requests) == 1


# --- answers that are no token ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_grant", "Authorise again"),
        ("invalid_client", "client_secret"),
        ("unauthorized_client", "Enable refresh"),
        ("invalid_scope", "credentials.scope"),
        ("invalid_request", "refuses"),
        (f"{CANARY} echo", "refuses"),
        (None, "refuses"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_refusals(status: int, code: str | None, words: str) -> None:
    bench = Bench(answer(status, {"error": code, "error_description": CANARY}))
    with pytest.raises(AuthenticationError, match=words) as caught:
        bench.bearer()
    assert caught.value.context is not None
    assert caught.value.context.status == status
    assert len(bench.transport.requests) == 1
    assert_clean(caught.value)


@pytest.mark.parametrize(
    "response",
    [
        answer(200, HTML, {"Content-Type": "text/html"}),
        answer(200, b""),
        answer(204, b""),
        answer(200, b'{"access_token": "' + CANARY.encode()),
        answer(200, b"\xff\xfe\xfa"),
        answer(200, [CANARY]),
        answer(200, {}),
        answer(200, {"access_token": None}),
        answer(200, {"access_token": {"value": CANARY}}),
        answer(200, {"access_token": f"{CANARY}\r\nX-Header: 1"}),
        answer(302, HTML, {"Location": f"https://elsewhere.example.edu/{CANARY}"}),
        answer(404, HTML),
        OversizedBody(),
    ],
    ids=[
        "HTML",
        "empty",
        "204",
        "truncated",
        "not UTF-8",
        "array",
        "no access_token",
        "null",
        "object",
        "header injection",
        "redirect",
        "404",
        "oversized",
    ],
)
def test_answers_that_cannot_be_used(response: HttpResponse | Exception) -> None:
    bench = Bench(response)
    with pytest.raises(AuthenticationError, match="token endpoint") as caught:
        bench.bearer()
    assert len(bench.transport.requests) == 1
    assert_clean(caught.value)


def test_refresh_token_is_kept_where_the_access_token_is_missing() -> None:
    store = MemoryStore()
    with pytest.raises(AuthenticationError, match="access_token"):
        Bench(answer(200, {"refresh_token": f"{CANARY}-next"}), store=store).bearer()
    later = Bench(store=store)
    later.bearer()
    assert later.sent() == [f"{CANARY}-next"]


def test_503_twice_and_then_a_token() -> None:
    bench = Bench(answer(503, HTML), answer(503, HTML))
    assert bench.bearer() == f"{CANARY}-access-3"
    assert bench.rests == [1, 2]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_for_ever(status: int) -> None:
    bench = Bench(*[answer(status, HTML)] * 9)
    with pytest.raises(AuthenticationError, match="Run again later") as caught:
        bench.bearer()
    assert bench.rests == [1, 2, 4]
    assert_clean(caught.value)


def test_retry_after_is_kept_to() -> None:
    bench = Bench(answer(503, b"", {"Retry-After": "20"}), answer(429, b"", {"Retry-After": "0"}))
    bench.bearer()
    assert bench.rests == [20, 2]


def test_a_long_retry_after_is_not_waited_for() -> None:
    bench = Bench(answer(429, b"", {"Retry-After": "3600"}))
    with pytest.raises(RateLimited):
        bench.bearer()
    assert bench.rests == []
    assert len(bench.transport.requests) == 1


def test_a_request_that_did_not_get_there_is_sent_again() -> None:
    bench = Bench(TransportFailure("refused", delivered=False))
    assert bench.bearer() == f"{CANARY}-access-2"
    assert bench.sent() == [CONFIGURED, CONFIGURED]


def test_a_refresh_whose_answer_was_lost_is_never_sent_again() -> None:
    bench = Bench(TransportFailure("the connection failed"))
    for _ in range(3):
        with pytest.raises(AuthenticationError, match="may be used up") as caught:
            bench.bearer()
        assert "Authorise again" in str(caught.value)
    assert len(bench.transport.requests) == 1
    assert bench.rests == []


def test_what_failed_once_fails_for_every_thread() -> None:
    bench = Bench(answer(400, {"error": "invalid_grant"}))
    errors: list[BrightspaceError] = []

    def request_once() -> None:
        try:
            bench.bearer()
        except AuthenticationError as error:
            errors.append(error)

    in_threads(20, request_once)
    assert len(errors) == len(set(map(id, errors))) == 20
    assert len({str(error) for error in errors}) == 1
    assert len(bench.transport.requests) == 1


# --- the file -----------------------------------------------------------------------------------


def test_permission_bits(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    before = os.umask(0)
    try:
        Bench(store=FileTokenStore(folder / "tokens.json")).bearer()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes.pop("tokens.json") == 0o600
    assert set(modes.values()) <= {0o600}


def test_the_draft_is_private_from_its_creation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        modes.append(stat.S_IMODE(self.stat().st_mode))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    FileTokenStore(tmp_path / "tokens.json").save(StoredTokens("r", "c"))
    assert modes == [0o600]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    store.save(StoredTokens("old", "c"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ConfigurationError, match="No space left"):
            store.save(StoredTokens(CANARY, "c"))
    held = store.load()
    assert held is not None
    assert held.refresh_token == "old"
    store.save(StoredTokens("new", "c"))  # over the draft that was left behind
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokens.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xff",
        b"[]",
        b"{}",
        b'{"refresh_token": 1, "configured": "c"}',
        b'{"refresh_token": "canary-0451", "configured": "c", "access_token": "x"}',
        (
            b'{"refresh_token": "canary-0451", "configured": "c", "access_token": '
            b'{"value": "v", "sent_at": "now", "expires_at": null}}'
        ),
    ],
)
def test_a_damaged_store_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(content)
    bench = Bench(store=FileTokenStore(path))
    with pytest.raises(ConfigurationError, match="damaged") as caught:
        bench.bearer()
    assert str(path) in str(caught.value)
    assert "Delete the file" in str(caught.value)
    assert_clean(caught.value)
    assert bench.transport.requests == []
    assert path.read_bytes() == content


def test_a_store_that_cannot_be_used_says_which_file(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    bench = Bench(store=FileTokenStore(in_the_way / "tokens.json"))
    with pytest.raises(ConfigurationError, match="token_store") as caught:
        bench.bearer()
    assert str(in_the_way) in str(caught.value)


def test_a_lock_that_is_never_released_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    waiting = FileTokenStore(path, lock_seconds=0)
    with (
        FileTokenStore(path).locked(),
        pytest.raises(ConfigurationError, match="Another process"),
        waiting.locked(),
    ):
        pass
    with waiting.locked():
        pass


@pytest.mark.parametrize(
    "held",
    [
        None,
        AccessToken("a", NOW, None),
        AccessToken("a", NOW, NOW + 3600.5),
    ],
    ids=["no access token", "no expiry", "expiry"],
)
def test_stored_tokens_come_back_as_they_were(held: AccessToken | None) -> None:
    tokens = StoredTokens('quote " and ü', "c", held)
    assert StoredTokens.from_json(tokens.to_json()) == tokens


def test_default_store_is_in_dlts_global_folder_and_differs_by_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import dlt

    context = dlt.current.run_context()
    monkeypatch.setattr(type(context), "global_dir", property(lambda _: str(tmp_path / "global")))
    logins = [(URL, "app", "one"), (URL, "app", "two"), (URL, "other", "one"), (URL, "app", "one")]
    for login in logins:
        store = default_store(*login)
        with store.locked():
            store.save(StoredTokens("r", "c"))
    folder = tmp_path / "global" / "d2l_brightspace" / "refresh_tokens"
    assert len(list(folder.glob("*.json"))) == 3
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["global"]


# --- over a socket ------------------------------------------------------------------------------


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


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join(timeout=10)


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(Limits())
    yield made
    made.close()


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


def refresh_token_auth(server: TokenServer, store: Path) -> RefreshTokenAuth:
    return RefreshTokenAuth("app", SECRET, CONFIGURED, server.url, token_store=str(store))


def test_20_threads_make_one_token_request(
    server: TokenServer, transport: Transport, tmp_path: Path
) -> None:
    authenticator = refresh_token_auth(server, tmp_path / "t.json").authenticator(transport)
    sent: list[str] = []

    def request_once() -> None:
        request = api_request()
        authenticator.authenticate(request)
        sent.append(str(request.headers["Authorization"]))

    in_threads(20, request_once)
    assert sent == [f"Bearer {CANARY}-access-1"] * 20
    assert server.granted == 1


def test_20_threads_with_a_refused_token_make_one_token_request(
    server: TokenServer, transport: Transport, tmp_path: Path
) -> None:
    authenticator = refresh_token_auth(server, tmp_path / "t.json").authenticator(transport)
    refused = api_request()
    authenticator.authenticate(refused)
    in_threads(20, lambda: authenticator.renew(refused))
    assert server.granted == 2


TWO_PROCESSES = """
import sys, requests
from d2l_brightspace.client.auth.credentials import RefreshTokenAuth
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.http.transport import Transport

url, secret, configured, store = sys.argv[1:]
transport = Transport(Limits())
authenticator = RefreshTokenAuth("app", secret, configured, url, token_store=store).authenticator(
    transport
)
request = requests.Request("GET", "https://lms.example.edu/").prepare()
for _ in range(25):
    authenticator.authenticate(request)
    authenticator.renew(request)
"""


def test_two_processes_share_one_chain(server: TokenServer, tmp_path: Path) -> None:
    arguments = [server.url, SECRET, CONFIGURED, str(tmp_path / "tokens.json")]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_PROCESSES, *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert server.refused == 0
    assert server.granted >= 26


# --- service users ------------------------------------------------------------------------------

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


@pytest.mark.parametrize("algorithm", KEYS)
def test_assertion(algorithm: str) -> None:
    transport = ScriptedTransport()
    assert bearer(service_user(transport, KEYS[algorithm])) == f"{CANARY}-access-1"

    form = transport.forms()[0]
    assertion = form.pop("client_assertion")
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope": "a:b:c",
    }
    assert "Authorization" not in transport.requests[0].headers
    assert jwt.get_unverified_header(assertion) == {
        "alg": algorithm,
        "kid": "key-1",
        "typ": "JWT",
    }
    claims = jwt.decode(
        assertion,
        KEYS[algorithm].public_key(),
        algorithms=[algorithm],
        audience=URL,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims.pop("jti")
    assert claims == {
        "iss": "app",
        "sub": "app",
        "aud": URL,
        "iat": int(NOW),
        "exp": int(NOW) + 55,
    }


def test_each_attempt_has_an_assertion_of_its_own() -> None:
    transport = ScriptedTransport(
        answer(503), TransportFailure("lost"), TransportFailure("refused", delivered=False)
    )
    assert bearer(service_user(transport)) == f"{CANARY}-access-4"
    identities = {
        jwt.decode(form["client_assertion"], options={"verify_signature": False})["jti"]
        for form in transport.forms()
    }
    assert len(identities) == 4


def test_service_user_renews_before_expiry_and_after_a_refusal() -> None:
    clock = Clock()
    transport = ScriptedTransport(expires_in=2)
    authenticator = service_user(transport, clock=clock)
    first = bearer(authenticator)
    clock.now += 1.6
    assert bearer(authenticator) != first
    request = api_request()
    authenticator.authenticate(request)
    assert authenticator.renew(request)
    assert bearer(authenticator) == f"{CANARY}-access-3"


@pytest.mark.parametrize("code", ["invalid_client", "invalid_grant"])
def test_a_refused_assertion_is_not_explained_by_a_refresh_token(code: str) -> None:
    with pytest.raises(AuthenticationError, match="JWKS") as caught:
        bearer(service_user(ScriptedTransport(answer(400, {"error": code}))))
    assert "refresh token" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        dsa.generate_private_key(key_size=2048),
    ],
    ids=["RSA 1024", "secp256k1", "Ed25519", "DSA"],
)
def test_keys_that_d2l_does_not_take(key: object) -> None:
    with pytest.raises(ConfigurationError, match="RSA key of at least 2048"):
        service_user(ScriptedTransport(), key)


def test_a_garbled_key_is_not_shown() -> None:
    garbled = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        ServiceUserGrant(TokenEndpoint(URL, ScriptedTransport()), "a", garbled, "k", "s")
    assert_clean(caught.value)


@pytest.mark.parametrize("missing", ["jwt", "cryptography.hazmat.primitives.serialization"])
def test_missing_extra(missing: str, monkeypatch: pytest.MonkeyPatch, transport: Transport) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    credentials = ServiceUserAuth("app", pem(RSA_KEY), "key-1", "a:b:c")
    with pytest.raises(ConfigurationError, match=r'"d2l-brightspace\[service-user\]"'):
        credentials.authenticator(transport)


# --- secrets ------------------------------------------------------------------------------------


def test_no_secret_is_shown_or_logged(
    server: TokenServer,
    transport: Transport,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    authenticator = refresh_token_auth(server, tmp_path / "t.json").authenticator(transport)
    request = api_request()
    authenticator.authenticate(request)
    server.valid = set()
    with pytest.raises(AuthenticationError) as caught:
        authenticator.renew(request)
    held = FileTokenStore(tmp_path / "t.json").load()
    output, errors = capfd.readouterr()
    shown = f"{authenticator!r} {vars(authenticator)} {held!r} {held} {[held]}"
    for text in (shown, caplog.text, output, errors, str(caught.value)):
        assert CANARY not in text
