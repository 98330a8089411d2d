"""Credentials that stop working at the worst moment."""

from __future__ import annotations

import signal
import subprocess
import threading
from typing import Any

import pytest

from d2l_brightspace import AuthenticationError, IdKeyAuth, d2l_brightspace_source, run
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests.cases import case, each
from tests.wire_server import Answer, Raw

from .arena import PREFIX, Arena
from .tenant import page, slowly

USERS = "/users/$"
TOKEN = "/connect/token"


@pytest.fixture
def rotating(arena: Arena) -> Arena:
    """A tenant that hands out a new refresh token with each access token."""
    arena.tenant.refresh_token = "canary-refresh-0"
    arena.tenant.tokens = set()
    return arena


def bearers(arena: Arena, path: str) -> list[str]:
    return [one.headers["authorization"].split("-")[-1] for one in arena.server.asked(path)]


@case("Authentication", "token expired at the start", "exact")
def test_expired_at_the_start(rotating: Arena) -> None:
    rotating.exact("users")
    rotating.tenant.tokens = set()  # the stored access token looks fresh, but is revoked
    rotating.exact("users")
    assert rotating.tenant.issued == 2


@case("Authentication", "token expired in mid-run: the page is asked for again", "exact")
def test_expired_in_mid_run(rotating: Arena) -> None:
    def revoke(_request: Any, normal: Any) -> Answer:
        rotating.tenant.tokens = set()
        return normal()

    rotating.fault(USERS, revoke, when=page(2), times=1)
    rotating.exact("users")
    assert bearers(rotating, USERS) == ["1", "1", "2", "2"]


@case("Authentication", "token expired during a back-off: the retry carries the new one", "exact")
def test_expired_in_a_backoff(rotating: Arena) -> None:
    def revoke(_request: Any, _normal: Any) -> Answer:
        rotating.tenant.tokens = set()
        return Answer(503)

    rotating.fault(USERS, revoke, when=page(2), times=1)
    rotating.exact("users")
    assert bearers(rotating, USERS) == ["1", "1", "1", "2", "2"]


@case("Authentication", "401 that a new token does not cure: one refresh, no loop", "clear error")
def test_401_for_ever(rotating: Arena) -> None:
    rotating.fault("/d2l/api/lp", Answer(401))
    rotating.fails(AuthenticationError, "log in again", "users")
    assert rotating.tenant.issued == 2
    assert len(rotating.server.asked(USERS)) == 2


@case("Authentication", "401 on a token that nobody can renew", "clear error")
def test_401_for_a_bearer(arena: Arena) -> None:
    arena.fault(USERS, Answer(401), when=page(2))
    arena.fails(AuthenticationError, "log in again", "users")
    assert len(arena.server.asked(USERS)) == 2


@case("Authentication", "401 on one org unit ends the run, it is no skip", "clear error")
def test_401_for_one_org_unit(arena: Arena) -> None:
    arena.fault("/102/classlist/", Answer(401))
    arena.fails(AuthenticationError, "log in again", "classlist")


def rotates_then(tenant: Any, answer: Any) -> Any:
    def effect(_request: Any, _normal: Any) -> Any:
        tenant.issue()
        return answer

    return effect


@case(
    "Authentication",
    "refresh answer that never came after the server rotated: not sent again",
    "clear error",
)
def test_refresh_answer_lost(rotating: Arena) -> None:
    rotating.fault(TOKEN, rotates_then(rotating.tenant, Raw([], "reset")))
    rotating.fails(AuthenticationError, "was lost.*Log in again", "users")
    assert len(rotating.server.asked(TOKEN)) == 1


@each(
    "Authentication",
    ("token endpoint: invalid_grant", "clear error", Answer(400, {"error": "invalid_grant"})),
    (
        "token endpoint: HTML",
        "clear error",
        Answer(200, b"<html>canary</html>", content_type="text/html"),
    ),
    (
        "token endpoint: access_token missing",
        "clear error",
        Answer(200, {"refresh_token": "canary-refresh-0"}),
    ),
    ("token endpoint: 500 for ever", "clear error", Answer(500)),
    ("token endpoint: redirect", "clear error", Answer(302, headers={"Location": "/elsewhere"})),
)
def test_token_endpoint(rotating: Arena, monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setattr("d2l_brightspace.client.auth.token_endpoint._RETRIES.backoff_seconds", 0.01)
    rotating.fault(TOKEN, answer)
    rotating.fails(AuthenticationError, "token endpoint", "users")
    assert len(rotating.server.asked(TOKEN)) == (4 if answer.status == 500 else 1)
    assert rotating.server.asked(USERS) == []


@case("Authentication", "token endpoint: slow beyond the deadline", "clear error")
def test_slow_token_endpoint(rotating: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__RESPONSE_SECONDS", "0.4")
    drops = [b"HTTP/1.1 200 OK\r\n", *[b"X"] * 40]
    rotating.fault(TOKEN, lambda _request, _normal: Raw(slowly(drops, 0.1)))
    rotating.fails(AuthenticationError, "longer than 0.4 s", "users")


@case("Authentication", "20 threads start at once: one token request", "exact")
def test_one_token_request_for_all_threads(
    rotating: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__REQUESTS_IN_FLIGHT", "20")
    units = range(1001, 1021)
    for unit in units:
        rotating.tenant.courses[unit] = {"Identifier": str(unit), "Name": f"Course {unit}"}
    rotating.exact("courses", org_unit_ids=[*rotating.tenant.courses])
    assert rotating.tenant.issued == 1


@case("Authentication", "killed between refresh and first use, then run again", "exact")
@pytest.mark.slow
def test_killed_between_refresh_and_first_use(rotating: Arena) -> None:
    victims: list[subprocess.Popen[str]] = []

    def kill(_request: Any, normal: Any) -> Answer:
        victims[0].send_signal(signal.SIGKILL)
        victims[0].wait()
        return normal()

    rotating.fault(USERS, kill, times=1)
    victims.append(rotating.child("users"))
    assert victims[0].wait(60) == -signal.SIGKILL
    rotating.exact("users")
    assert rotating.tenant.issued == 1


@case("Authentication", "two processes with one refresh token: one refreshes, both load", "exact")
@pytest.mark.slow
def test_two_processes_with_one_refresh_token(rotating: Arena) -> None:
    both = threading.Barrier(2)

    def together(_request: Any, normal: Any) -> Answer:
        both.wait(60)
        return normal()

    # both are past the version request, and so about to ask for a token, when they go on
    rotating.fault("/versions/", together)
    children = [rotating.child("users", folder=name) for name in ("one", "two")]
    assert [child.wait(60) for child in children] == [0, 0]
    assert rotating.tenant.issued == 1
    rotating.observed = "exact"


def id_key_run(arena: Arena, sandbox: Sandbox) -> int:
    source = d2l_brightspace_source(sandbox.url, IdKeyAuth(**sandbox.credentials["id_key"]))
    run(arena.pipeline(), source.with_resources("users"))
    arena.observed = "exact"
    ids = {(user,) for user in sandbox.world.users}
    assert ids <= set(arena.query("SELECT user_id FROM users"))
    return [one["status"] for one in sandbox.requests].count(403)


@each(
    "Authentication",
    ("ID-Key clock skew of +10 minutes", "exact", 600),
    ("ID-Key clock skew of -10 minutes", "exact", -600),
)
def test_clock_skew(arena: Arena, seconds: int) -> None:
    with Sandbox(SandboxSettings(users=20, page_size=5, clock_offset=seconds)) as sandbox:
        assert id_key_run(arena, sandbox) == 1


@case("Authentication", "ID-Key clock skew that changes in mid-run, twice", "exact")
def test_skew_that_changes(arena: Arena) -> None:
    with Sandbox(SandboxSettings(users=40, page_size=5)) as sandbox:
        journal = sandbox.requests
        write = journal.write

        def turn_the_clock(request: Any, status: int) -> Any:
            if len(journal) in (3, 6):
                sandbox.clock.advance(900)
            return write(request, status)

        journal.write = turn_the_clock  # type: ignore[method-assign]
        assert id_key_run(arena, sandbox) == 2


@case("Authentication", "ID-Key: clock that no correction helps", "clear error")
def test_skew_for_ever(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = dict.fromkeys(("app_id", "app_key", "user_id", "user_key"), "canary")
    monkeypatch.setattr(arena, "credentials", lambda: IdKeyAuth(**keys))
    arena.fault(
        USERS, Answer(403, b"Timestamp out of range\r\n1700000000\r\n", content_type="text/plain")
    )
    arena.fails(AuthenticationError, "clock", "users")
    assert len(arena.server.asked(USERS)) == 2


@case("Authentication", "ID-Key: 403 Invalid token ends the run, it is no skip", "clear error")
def test_invalid_token(arena: Arena) -> None:
    arena.fault("/102/classlist/", Answer(403, b"Invalid token", content_type="text/plain"))
    arena.fails(AuthenticationError, "get new keys", "classlist")


@case("Authentication", "ID-Key: each retry is signed anew", "exact")
def test_retry_is_signed_anew(arena: Arena) -> None:
    with Sandbox(SandboxSettings(users=20, page_size=5)) as sandbox:
        keys = IdKeyAuth(**sandbox.credentials["id_key"])

        def late(request: Any, _normal: Any) -> Answer:
            stamps.append(int(request.params["x_t"]))
            clock[0] += 400  # longer than a signature lives
            return Answer(503)

        from d2l_brightspace.client.auth import id_key

        clock, stamps = [1_700_000_000.0], []
        real = id_key.IdKeyAuthenticator.__init__

        def with_clock(self: Any, *arguments: Any) -> None:
            real(self, *arguments, clock=lambda: clock[0])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(id_key.IdKeyAuthenticator, "__init__", with_clock)
            patch.setattr(arena, "credentials", lambda: keys)
            arena.fault(USERS, late, times=2)
            arena.exact("users")
    assert stamps == [1_700_000_000, 1_700_000_400]
