"""Spending the credits of the rate limit: no faster than Brightspace refills them.

Brightspace keeps a bucket of credits for each API application. It says with each answer what is
left (`X-Rate-Limit-Remaining`), what the call cost (`X-Request-Cost`) and in how many seconds the
bucket is full again (`X-Rate-Limit-Reset`); without these headers the limiter is off
(`basic/apicall`, "Rate limiting"). How fast it refills is not said, so that is measured.

With many requests in flight nobody knows exactly what is left. The bucket is therefore kept as a
floor, the credits that are there in any case: requests go out while it pays for them, and what
it is short of the truth stays in the bucket as a reserve. It costs no speed: a bucket that is not
full refills as fast as an empty one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from d2l_brightspace.client.activity import Activity
from d2l_brightspace.client.errors import RateLimited
from d2l_brightspace.client.http.messages import HttpResponse

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sent:
    """A request on its way, and what had happened before it."""

    at: float
    before: int
    """Requests sent before it."""
    answered: int
    """Those of them whose answers had arrived: paid before it was."""
    paid: float
    """What those had cost."""


@dataclass(frozen=True)
class _Mark:
    """Where a measurement of the refill began."""

    at: float
    sent: int
    """Requests sent by then."""
    paid: float
    """What those cost at most."""
    remaining: float


class Bucket:
    """What is known of Brightspace's bucket. Not thread-safe; times are monotonic seconds."""

    def __init__(self) -> None:
        self._floor: float | None = None
        """Credits that are there at least; None while no answer has reported a bucket."""
        self._floor_at = 0.0
        self._cost = 0.0
        self._reported_at = self._full_at = 0.0
        self._refill = 0.0
        """Credits that come back each second at least; 0 while that is not measured."""
        self._mark: _Mark | None = None
        self._explored = False
        self._sent = self._answered = 0
        self._paid = 0.0

    @property
    def is_reported(self) -> bool:
        """Whether an answer has reported a bucket."""
        return self._floor is not None

    def seconds_short(self, now: float) -> float:
        """Seconds until a request can be paid, as far as can be foreseen; 0 if now."""
        in_flight = self._sent - self._answered
        if self._floor is None:
            # the first one alone: its answer tells whether there is a limit and how near it is
            return 0.0 if self._explored or not in_flight else _POLL_SECONDS
        self._pass_time(now)
        short = self._cost - self._floor
        if short <= 0:
            return 0.0
        if self._refill:
            return short / self._refill
        if in_flight:
            return _POLL_SECONDS
        return max(min(self._full_at, self._reported_at + _UNMEASURED_SECONDS) - now, 0.0)

    def send(self, now: float) -> Sent:
        """Take the credits of one request."""
        sent = Sent(now, self._sent, self._answered, self._paid)
        self._sent += 1
        if self._floor is not None:
            self._pass_time(now)
            self._floor -= self._cost
        return sent

    def close(self) -> None:
        """Note that a request was answered or lost."""
        self._answered += 1

    def learn(self, sent: Sent, now: float, remaining: float, cost: float, reset: float) -> None:
        """Read an answer that reports the bucket; called before the request is closed."""
        self._pass_time(now)
        self._cost = max(self._cost * _FORGETTING, cost)
        self._reported_at, self._full_at = now, now + reset
        # what was in flight at the same time may still have to be paid out of what it left
        beside_it = (sent.before - sent.answered) + (self._sent - sent.before - 1)
        at_least = remaining - beside_it * self._cost
        at_most = remaining + self._refill * (now - sent.at)
        floor = at_least if self._floor is None else max(self._floor, at_least)
        self._floor = min(floor, at_most)
        self._measure(sent, now, remaining, cost)
        self._paid += cost

    def learn_nothing(self) -> None:
        """Read an answer without a word about a bucket."""
        self._explored = True

    def learn_empty(self, now: float) -> None:
        """A request was refused for want of credits."""
        if self._floor is not None:
            self._pass_time(now)
            self._reported_at = now
            self._floor = min(self._floor, 0.0)

    def _pass_time(self, now: float) -> None:
        if self._floor is not None:
            self._floor += self._refill * (now - self._floor_at)
        self._floor_at = now

    def _measure(self, sent: Sent, now: float, remaining: float, cost: float) -> None:
        """Measure the refill from below: what came back at least, in the longest time it took."""
        mark = self._mark
        if mark is not None:
            if sent.before < mark.sent:
                return  # it may have been paid before the mark was
            paid = max(sent.paid - mark.paid, 0.0) + cost
            elapsed = now - mark.at
            # they come rounded, so that a credit may be one of the mark's own
            came_back = remaining - mark.remaining + paid - 1
            refill = came_back / elapsed if elapsed > 0 else 0.0
            self._refill = max(self._refill, refill)
            if elapsed < _MEASUREMENT_SECONDS:
                return
            self._refill = max(refill, 0.0)
        in_flight = self._sent - self._answered
        paid = self._paid + in_flight * self._cost
        self._mark = _Mark(sent.at, self._sent, paid, remaining)


class RateLimiter:
    """Holds requests back until the bucket can pay for them; shared by all threads.

    Args:
        max_wait_seconds: Longest delay Brightspace may ask for.
        clock: Monotonic seconds.
        sleep: Waits for so many seconds.

    Attributes:
        activity: What goes out, and what waits.
    """

    def __init__(
        self,
        max_wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.activity = Activity(clock)
        self._max_wait = max_wait_seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._queue = threading.Lock()
        """Held by the one thread that waits for the bucket; the others wait for it, asleep."""
        self._bucket = Bucket()
        self._resume_at = 0.0

    @contextmanager
    def turn(self, *, costs: bool = True) -> Iterator[Callable[[HttpResponse], None]]:
        """Wait for a turn to send one request; gives the function that its answer goes to.

        Args:
            costs: False for an anonymous request: those are on nobody's account.
        """
        sent = self._wait_for_turn(costs=costs)
        try:
            yield lambda response: self._learn(sent, response)
        finally:
            if sent is not None:
                with self._lock:
                    self._bucket.close()

    def hold_all(self, seconds: float) -> None:
        """Send nothing for a while, in any thread: Brightspace has asked for it.

        Raises:
            RateLimited: If it is longer than the settings allow.
        """
        with self._lock:
            now = self._clock()
            self._bucket.learn_empty(now)
            news = now + seconds - max(self._resume_at, now)
            self._resume_at = max(self._resume_at, now + seconds)
        self._check(seconds)
        if news >= _SHOWN_FROM_SECONDS:
            logger.warning("Waiting %.0f s, as Brightspace's rate limit asks for", seconds)

    def _wait_for_turn(self, *, costs: bool) -> Sent | None:
        with self._queue:
            try:
                sent = self._wait(costs=costs)
            finally:
                self.activity.go_on()
        self.activity.count_request()
        return sent

    def _wait(self, *, costs: bool) -> Sent | None:
        while True:
            with self._lock:
                now = self._clock()
                held = self._resume_at - now
                short = self._bucket.seconds_short(now) if costs else 0.0
                if max(held, short) <= 0:
                    return self._bucket.send(now) if costs else None
            self._check(max(held, short))
            if held > 0 or self._bucket.is_reported:
                self.activity.hold("rate limit" if held > 0 else "credits", max(held, short))
            # else in short naps: an answer may show more credits than were foreseen
            self._sleep(held if held > 0 else min(short, _NAP_SECONDS))

    def _learn(self, sent: Sent | None, response: HttpResponse) -> None:
        if sent is None:
            return
        headers = response.headers
        remaining = _number(headers.get("X-Rate-Limit-Remaining"))
        cost = _number(headers.get("X-Request-Cost"))
        reset = _number(headers.get("X-Rate-Limit-Reset"))
        if remaining is not None and cost is not None:
            self.activity.count_credits(cost, remaining)
        with self._lock:
            if remaining is not None and cost is not None:
                self._bucket.learn(sent, self._clock(), remaining, cost, reset or 0.0)
            elif response.status_code not in _BEFORE_THE_LIMITER:
                self._bucket.learn_nothing()

    def _check(self, seconds: float) -> None:
        if seconds > self._max_wait:
            raise RateLimited(
                f"Brightspace asks for a delay of {seconds:.0f} s, more than the "
                f"{self._max_wait:.0f} s that `limits.max_wait_seconds` allows. Run again later, "
                "or raise that setting."
            )


_POLL_SECONDS = 0.02
_NAP_SECONDS = 0.25
_UNMEASURED_SECONDS = 1.0
"""Longest delay before one request is risked on a bucket whose refill nobody has seen."""
_MEASUREMENT_SECONDS = 10.0
_SHOWN_FROM_SECONDS = 5.0
"""Delays shorter than this are not worth a line on the user's screen."""
_BEFORE_THE_LIMITER = frozenset({401, 429, 500, 502, 503, 504})
"""Answers that hold no rate headers even where there is a limit."""
_FORGETTING = 0.99
"""Routes may cost differently: the next one is taken to cost about as much as the dearest."""


def _number(text: str | None) -> float | None:
    try:
        number = math.nan if text is None else float(text)
    except ValueError:
        return None
    return max(number, 0.0) if math.isfinite(number) else None
