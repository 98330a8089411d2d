from __future__ import annotations

import base64
import logging
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from d2l_brightspace.client.auth.credentials import RefreshTokenAuth
from d2l_brightspace.client.auth.grants import (
    RefreshTokenGrant,
)
from d2l_brightspace.client.auth.token_endpoint import TokenEndpoint
from d2l_brightspace.client.auth.token_store import FileTokenStore
from d2l_brightspace.client.auth.tokens import StoredTokens
from d2l_brightspace.client.errors import (
    AuthenticationError,
)
from d2l_brightspace.client.http.messages import HttpRequest, HttpResponse
from d2l_brightspace.client.http.transport import Transport, TransportFailure
from tests import ROOT

from .token_bench import (
    CANARY,
    CONFIGURED,
    KEYS,
    NOW,
    SECRET,
    URL,
    Bench,
    Clock,
    MemoryStore,
    ScriptedTransport,
    TokenServer,
    answer,
    api_request,
    bearer,
    in_threads,
    service_user,
)

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


# --- over a socket ------------------------------------------------------------------------------
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
