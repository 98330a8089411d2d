"""What of a log-in needs no browser: scopes, refusals, lost answers."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any

import pytest

from d2l_brightspace.client.auth.authorization_code import (
    AuthorizationRequest,
    granted_scopes,
    redirect_parameters,
)
from d2l_brightspace.client.auth.loopback_redirect import LoopbackRedirect
from d2l_brightspace.client.auth.token_endpoint import TokenAnswer, TokenEndpoint
from d2l_brightspace.client.auth.tokens import StoredTokens
from d2l_brightspace.client.errors import AuthenticationError
from d2l_brightspace.client.http.messages import HttpResponse
from d2l_brightspace.client.http.transport import TransportFailure

from .token_bench import (
    CANARY,
    CONFIGURED,
    SECRET,
    URL,
    Bench,
    MemoryStore,
    ScriptedTransport,
    answer,
    assert_clean,
)

REQUEST = AuthorizationRequest(
    "https://auth.example.edu/oauth2/auth", "app", "http://127.0.0.1:8717/callback", "a:b:c"
)


def exchange(*script: HttpResponse | Exception) -> tuple[TokenAnswer, ScriptedTransport]:
    transport = ScriptedTransport(*script)
    endpoint = TokenEndpoint(URL, transport, lambda: 0.0, lambda _: None)
    return REQUEST.exchange(f"{CANARY}-code", SECRET, endpoint), transport


def test_what_is_sent_for_a_code() -> None:
    tokens, transport = exchange()
    (form,) = transport.forms()
    assert form == {
        "grant_type": "authorization_code",
        "code": f"{CANARY}-code",
        "redirect_uri": REQUEST.redirect_uri,
        "code_verifier": REQUEST.verifier,
    }
    assert tokens.first_tokens()[0] == f"{CANARY}-refresh-1"
    assert SECRET not in repr(REQUEST)
    assert REQUEST.state not in repr(REQUEST)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (answer(400, {"error": "invalid_grant"}), "does not accept the code"),
        (answer(401, {"error": "invalid_client"}), "does not know the client"),
        (TransportFailure("reset"), "works once, and may be used up"),
    ],
    ids=["used up", "wrong secret", "lost answer"],
)
def test_a_code_that_gives_no_tokens(step: HttpResponse | Exception, words: str) -> None:
    transport = ScriptedTransport(step)
    endpoint = TokenEndpoint(URL, transport, lambda: 0.0, lambda _: None)
    with pytest.raises(AuthenticationError, match=words) as caught:
        REQUEST.exchange(f"{CANARY}-code", SECRET, endpoint)
    assert_clean(caught.value)
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"access_token": f"{CANARY}-a"}, "Enable refresh tokens"),
        ({"refresh_token": f"{CANARY}-r"}, "no `access_token`"),
    ],
    ids=["no refresh token", "no access token"],
)
def test_an_answer_with_half_of_the_tokens(body: dict[str, str], words: str) -> None:
    tokens, _ = exchange(answer(body=body))
    with pytest.raises(AuthenticationError, match=words) as caught:
        tokens.first_tokens()
    assert_clean(caught.value)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"code": "x"}, "another log-in"),
        ({"code": "x", "state": "guess"}, "another log-in"),
        ({"error": "access_denied", "state": REQUEST.state}, "not allowed in the browser"),
        ({"error": CANARY, "error_description": CANARY, "state": REQUEST.state}, "without a code"),
        (redirect_parameters(f"code=a&code=b&state={REQUEST.state}"), "another log-in"),
    ],
    ids=["no state", "wrong state", "denied", "unknown error", "two codes"],
)
def test_redirects_without_a_code(parameters: dict[str, str], words: str) -> None:
    with pytest.raises(AuthenticationError, match=words) as caught:
        REQUEST.code_in(parameters)
    assert_clean(caught.value)


def jwt(claims: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{middle}.c2ln"


@pytest.mark.parametrize(
    ("fields", "scopes"),
    [
        ({"scope": "a:b:c  d:e:f"}, "a:b:c d:e:f"),
        ({"access_token": jwt({"scope": "a:b:c"})}, "a:b:c"),
        ({"access_token": jwt({"scope": ["a:b:c", "d:e:f"]})}, "a:b:c d:e:f"),
        ({"access_token": jwt({"scope": [1]})}, None),
        ({"access_token": jwt([])}, None),
        ({"access_token": "a.%%%.c"}, None),
        ({"access_token": "opaque", "scope": 7}, None),
    ],
    ids=["answer", "JWT", "list", "numbers", "no object", "no base64", "opaque"],
)
def test_where_the_granted_scopes_are(fields: dict[str, Any], scopes: str | None) -> None:
    assert granted_scopes(TokenAnswer(fields, 0.0)) == scopes


def test_nobody_comes_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    callback = f"http://127.0.0.1:{port}/callback"
    listening = LoopbackRedirect(callback, "https://x", REQUEST.is_answered_by)
    with listening as redirect, pytest.raises(AuthenticationError, match="within 0 minutes"):
        redirect.wait(0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_log_in_is_enough_without_a_configured_refresh_token() -> None:
    bench = Bench(configured=None)
    with pytest.raises(AuthenticationError, match="`d2l-brightspace login`"):
        bench.bearer()
    assert bench.transport.requests == []
    log_in = StoredTokens(f"{CANARY}-logged-in", "of a token that was configured once")
    later = Bench(configured=None, store=MemoryStore(log_in))
    assert later.bearer() == f"{CANARY}-access-1"
    assert later.sent() == [f"{CANARY}-logged-in"]


def test_a_log_in_takes_the_place_of_what_is_configured() -> None:
    tokens, _ = exchange()
    for configured in (CONFIGURED, None):
        bench = Bench(configured=configured)
        assert bench.grant.adopt(*tokens.first_tokens()) is bench.store
        bench.clock.now += 7200
        bench.bearer()
        assert bench.sent() == [f"{CANARY}-refresh-1"]
