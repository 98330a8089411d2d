from __future__ import annotations

from typing import Any

import pytest

from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    RateLimited,
)
from d2l_brightspace.client.http.messages import HttpResponse
from d2l_brightspace.client.http.transport import OversizedBody, TransportFailure

from .token_bench import (
    CANARY,
    CONFIGURED,
    HTML,
    Bench,
    MemoryStore,
    answer,
    assert_clean,
    in_threads,
)


def spread(seconds: float) -> Any:
    """A delay of so many seconds, or down to half of it."""
    return pytest.approx(0.75 * seconds, abs=0.25 * seconds)


# --- answers that are no token ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_grant", "Log in again"),
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
    assert bench.delays == [spread(1), spread(2)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_for_ever(status: int) -> None:
    bench = Bench(*[answer(status, HTML)] * 9)
    with pytest.raises(AuthenticationError, match="Run again later") as caught:
        bench.bearer()
    assert bench.delays == [spread(1), spread(2), spread(4)]
    assert_clean(caught.value)


def test_retry_after_is_kept_to() -> None:
    bench = Bench(answer(503, b"", {"Retry-After": "20"}), answer(429, b"", {"Retry-After": "0"}))
    bench.bearer()
    assert bench.delays == [20, spread(2)]


def test_a_long_retry_after_is_not_waited_for() -> None:
    bench = Bench(answer(429, b"", {"Retry-After": "3600"}))
    with pytest.raises(RateLimited):
        bench.bearer()
    assert bench.delays == []
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
        assert "Log in again" in str(caught.value)
    assert len(bench.transport.requests) == 1
    assert bench.delays == []


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
