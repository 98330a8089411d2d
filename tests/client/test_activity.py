"""What a session counts of itself, and what it says that it waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from d2l_brightspace.client.activity import Activity, ActivityCounts, Wait
from d2l_brightspace.client.errors import RequestContext, ServiceUnavailable
from d2l_brightspace.client.http.messages import Headers, HttpRequest, HttpResponse
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.sending.rate_limiter import RateLimiter
from d2l_brightspace.client.sending.response_policy import Retry
from d2l_brightspace.client.sending.retry_budget import RetryBudget
from d2l_brightspace.client.sending.sender import Sender


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.asleep()
        self.now += seconds


def answer(**headers: str) -> HttpResponse:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    request = HttpRequest.get("https://lms.example.edu/d2l/api/versions/")
    return HttpResponse(200, Headers(named), b"[]", request.url, request)


def test_requests_and_credits_are_counted() -> None:
    clock = Clock()
    limiter = RateLimiter(300, clock=lambda: clock.now, sleep=clock.sleep)
    for left in ("90", "80"):
        with limiter.turn() as learn:
            learn(answer(X_Rate_Limit_Remaining=left, X_Request_Cost="10", X_Rate_Limit_Reset="60"))
    before = limiter.activity.counts()
    with limiter.turn(costs=False) as learn:
        learn(answer())

    assert before == ActivityCounts(2, 20.0, 80.0)
    assert limiter.activity.counts() == ActivityCounts(3, 20.0, 80.0)
    assert limiter.activity.counts().since(before) == ActivityCounts(1, 0.0, 80.0)


def test_without_a_rate_limit_there_are_no_credits() -> None:
    limiter = RateLimiter(300)
    with limiter.turn() as learn:
        learn(answer())
    assert limiter.activity.counts() == ActivityCounts(requests=1)


def test_a_wait_for_credits_is_told_while_it_lasts() -> None:
    clock = Clock()
    limiter = RateLimiter(300, clock=lambda: clock.now, sleep=clock.sleep)
    seen: list[Wait | None] = []
    clock.asleep = lambda: seen.append(limiter.activity.counts().wait)
    with limiter.turn() as learn:
        learn(answer(X_Rate_Limit_Remaining="0", X_Request_Cost="10", X_Rate_Limit_Reset="20"))
    with limiter.turn():
        pass

    assert {wait.reason for wait in seen if wait} == {"credits"}
    counts = limiter.activity.counts()
    assert counts.wait is None
    assert counts.waited_seconds == pytest.approx(clock.now - 100) != 0


def test_a_delay_that_brightspace_asks_for_is_told_with_what_is_left_of_it() -> None:
    clock = Clock()
    limiter = RateLimiter(300, clock=lambda: clock.now, sleep=clock.sleep)
    seen: list[Wait | None] = []
    clock.asleep = lambda: seen.append(limiter.activity.counts().wait)
    limiter.hold_all(12.0)
    with limiter.turn():
        pass

    assert seen == [Wait("rate limit", pytest.approx(12.0))]
    assert limiter.activity.counts().waited_seconds == pytest.approx(12.0)


def test_a_delay_before_a_retry_is_told_and_holds_nobody_else_back() -> None:
    seen: list[ActivityCounts] = []

    def sleep(_seconds: float) -> None:
        seen.append(sender.rate_limiter.activity.counts())

    nothing: Any = None
    limits = Limits()
    sender = Sender("https://lms.example.edu/d2l/api/", nothing, nothing, limits, str, sleep)
    where = RequestContext("lp/(version)/users/")
    error = ServiceUnavailable("No answer", where)

    sender.recover(Retry(error, after=7.0), None, RetryBudget(limits, where))

    (while_asleep,) = seen
    assert while_asleep.wait == Wait("retry", pytest.approx(7.0, abs=0.5))
    assert while_asleep.waited_seconds == 0
    assert sender.rate_limiter.activity.counts().wait is None


def test_what_holds_all_back_goes_before_the_delay_of_one() -> None:
    activity = Activity(lambda: 0.0)
    with activity.delay(50.0):
        activity.hold("credits", 2.0)
        assert activity.counts().wait == Wait("credits", 2.0)
        activity.go_on()
        assert activity.counts().wait == Wait("retry", 50.0)
