"""A Brightspace that asks for rest."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from random import Random
from typing import Any

import pytest

from d2l_brightspace import RateLimited
from d2l_brightspace.client.errors import RequestContext
from d2l_brightspace.client.sending.rate_limiter import Bucket, RateLimiter
from d2l_brightspace.client.sending.response_policy import Wait, classify
from tests.cases import case, together
from tests.wire_server import Answer

from .arena import PREFIX, Arena
from .tenant import page

USERS = "/users/$"


RESTS = {
    "429, Retry-After 0": Answer(429, headers={"Retry-After": "0"}),
    "429, Retry-After 1": Answer(429, headers={"Retry-After": "1"}),
    "429 without any header": Answer(429),
    "429, X-Rate-Limit-Reset only": Answer(429, headers={"X-Rate-Limit-Reset": "1"}),
    "403 with Retry-After": Answer(403, headers={"Retry-After": "1"}),
    "503 with Retry-After": Answer(503, headers={"Retry-After": "1"}),
    "429, Retry-After nonsense": Answer(429, headers={"Retry-After": "soon"}),
}


@together("Rate limit", "exact", *RESTS)
@pytest.mark.slow
def test_short_rest(arena: Arena) -> None:
    arena.tenant.page_size = 4
    for number, answer in enumerate(RESTS.values(), start=1):
        arena.fault(USERS, answer, when=page(number, size=4), times=1)
    began = time.monotonic()
    arena.exact("users")
    assert len(arena.server.asked(USERS)) == 2 * len(RESTS)
    assert time.monotonic() - began >= 4


@case("Rate limit", "429, Retry-After as a date", "exact")
def test_retry_after_as_a_date() -> None:
    moment = datetime.now(timezone.utc) + timedelta(seconds=20)
    for text, seconds in (
        (format_datetime(moment, usegmt=True), 20),
        (format_datetime(moment - timedelta(hours=1), usegmt=True), 0),
        ("nan", None),
        ("inf", None),
        ("-5", 0),
        ("Mon, 99 Foo 2026 25:61:61 GMT", None),
    ):
        response: Any = _response(429, {"Retry-After": text})
        outcome = classify(response, RequestContext("x"))
        assert isinstance(outcome, Wait)
        assert outcome.seconds == (seconds and pytest.approx(seconds, abs=2))


@case("Rate limit", "one hour: stops at once, with one request", "clear error")
@pytest.mark.parametrize(("status", "seconds"), [(429, "3600"), (403, "1e9")])
def test_one_hour(arena: Arena, status: int, seconds: str) -> None:
    arena.fault(USERS, Answer(status, headers={"Retry-After": seconds}), when=page(2))
    arena.fails(RateLimited, "max_wait_seconds", "users")
    assert len(arena.server.asked(USERS)) == 2


@case("Rate limit", "one hour, many threads: those not yet sending never do", "clear error")
def test_one_hour_stops_all_threads(arena: Arena) -> None:
    arena.fault("/classlist/", Answer(429, headers={"Retry-After": "3600"}))
    arena.fails(RateLimited, "3600 s", "classlist")
    assert len(arena.server.asked("/classlist/")) <= 3


@case("Rate limit", "429 for ever with short rests: bounded", "clear error")
def test_rest_for_ever(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_WAIT_SECONDS", "0.5")
    arena.fault(USERS, Answer(429, headers={"Retry-After": "0.1"}), when=page(2))
    arena.fails(RateLimited, "max_wait_seconds", "users")
    assert len(arena.server.asked(USERS)) <= 8


@case("Rate limit", "503 that asks for an hour ends after the first", "clear error")
def test_unavailable_for_an_hour(arena: Arena) -> None:
    from d2l_brightspace import ServiceUnavailable

    arena.fault(USERS, Answer(503, headers={"Retry-After": "3600"}), when=page(2))
    arena.fails(ServiceUnavailable, "503", "users")
    assert len(arena.server.asked(USERS)) == 2


SCENES = {
    "the published bucket": {"capacity": 50_000, "refill": 833, "requests": 12_000},
    "200 credits a second": {"capacity": 2000, "refill": 200, "requests": 1000},
    "a small bucket": {"capacity": 200, "refill": 200, "requests": 1000, "latency": 0.03},
    "slow answers": {"capacity": 2000, "refill": 200, "requests": 1000, "latency": 0.5},
    "a bucket that is empty at first": {
        "capacity": 2000,
        "refill": 200,
        "requests": 600,
        "level": 5,
    },
    "a slow refill": {"capacity": 100, "refill": 20, "requests": 100},
}


@case(
    "Rate limit",
    "limited refill, 20 threads: within 1.1 of the theoretical minimum, no 429 after a minute",
    "exact",
)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("seed", [1, 2])
def test_bucket_in_simulated_time(scene: str, seed: int) -> None:
    took, least, refused = simulate(seed=seed, **SCENES[scene])
    assert took <= 1.1 * least
    assert [moment for moment in refused if moment > 60] == []
    if SCENES[scene].get("level", 100) >= 10:
        assert refused == []


@case("Rate limit", "somebody else spends from the same bucket", "exact")
def test_shared_bucket() -> None:
    took, least, refused = simulate(capacity=2000, refill=200, requests=600, others=100)
    assert took <= 1.1 * 2 * least  # half of the refill is theirs
    assert [moment for moment in refused if moment > 60] == []


@case(
    "Rate limit", "limited refill over a real socket, 20 threads: no 429, no time wasted", "exact"
)
@pytest.mark.slow
def test_bucket_over_a_socket(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__REQUESTS_IN_FLIGHT", "20")
    bucket = _Bucket(capacity=300, refill=200)

    def paid(_request: Any, normal: Any) -> Answer:
        headers = bucket.spend()
        if headers is None:
            return Answer(429, headers={"Retry-After": "1"})
        answer = normal()
        answer.headers |= headers
        return answer

    arena.fault("/courses/", paid)
    units = list(range(1001, 1081))
    for unit in units:
        arena.tenant.courses[unit] = {"Identifier": str(unit), "Name": f"Course {unit}"}
    arena.exact("courses", org_unit_ids=[*arena.tenant.courses])
    asked = len(arena.server.asked("/courses/"))
    assert bucket.refused == 0
    assert asked == len(arena.tenant.courses)
    least = (asked * 10 - 300) / 200
    assert bucket.last - bucket.first <= 1.15 * least + 0.5


@case("Rate limit", "an hour's rest foreseen from the headers", "clear error")
def test_rest_foreseen() -> None:
    rate_limiter = RateLimiter(5.0, clock=lambda: 0.0, sleep=lambda _seconds: None)
    with pytest.raises(RateLimited, match="3600 s"):
        rate_limiter.hold_all(3600)
    with pytest.raises(RateLimited), rate_limiter.turn():
        pass


class _Bucket:
    """The server's side, in real time."""

    def __init__(self, capacity: float, refill: float) -> None:
        self.capacity, self.refill = capacity, refill
        self.level, self.at = capacity, time.monotonic()
        self.first = self.last = 0.0
        self.refused = 0

    def spend(self) -> dict[str, str] | None:
        now = time.monotonic()
        self.level = min(self.capacity, self.level + (now - self.at) * self.refill)
        self.at = now
        if self.level < 10:
            self.refused += 1
            return None
        self.level -= 10
        self.first, self.last = self.first or now, now
        return {
            "X-Rate-Limit-Remaining": str(int(self.level)),
            "X-Request-Cost": "10",
            "X-Rate-Limit-Reset": str(math.ceil((self.capacity - self.level) / self.refill)),
        }


def simulate(
    *,
    capacity: float,
    refill: float,
    requests: int,
    latency: float = 0.05,
    level: float | None = None,
    others: float = 0.0,
    seed: int = 1,
    threads: int = 20,
    cost: float = 10,
) -> tuple[float, float, list[float]]:
    """Twenty threads and a bucket, in a time of their own: (took, least possible, refusals)."""
    random, order = Random(seed), itertools.count()
    client, start = Bucket(), capacity if level is None else level
    there, told_at, hold, idle, left = start, 0.0, 0.0, threads, requests
    events: list[Any] = [(0.0, next(order), "turn", None)]
    waiting, took, refused = True, 0.0, []
    while events:
        now, _, what, given = heapq.heappop(events)
        if what == "turn":
            waiting = False
            if not left or not idle:
                continue
            rest = max(hold - now, client.seconds_short(now))
            if rest <= 0:
                left, idle, rest = left - 1, idle - 1, 0.0
                way = latency * random.uniform(0.5, 1.5)
                arrives = now + way * random.uniform(0.1, 0.9)
                event = (arrives, next(order), "serve", (client.send(now), now + way))
                heapq.heappush(events, event)
            heapq.heappush(events, (now + min(rest, 0.25) + 1e-5, next(order), "turn", None))
            waiting = True
        elif what == "serve":
            sent, back = given
            there = min(capacity, there + (now - told_at) * (refill - others))
            told_at, headers = now, None
            if there >= cost:
                there -= cost
                headers = (int(there), cost, math.ceil((capacity - there) / refill))
            else:
                refused.append(now)
            heapq.heappush(events, (back, next(order), "answer", (sent, headers)))
        else:
            sent, headers = given
            if headers:
                client.learn(sent, now, *headers)
                took = now
            else:
                client.learn_empty(now)
                hold, left = now + 1, left + 1
            client.close()
            idle += 1
            if not waiting:
                heapq.heappush(events, (now, next(order), "turn", None))
                waiting = True
    return took, max((requests * cost - start) / refill, latency * requests / threads), refused


def _response(status: int, headers: dict[str, str]) -> Any:
    import requests

    response = requests.Response()
    response.status_code, response._content = status, b""
    response.headers.update(headers)
    return response
