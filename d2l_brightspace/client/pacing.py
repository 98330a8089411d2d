"""Spending the credits of the rate limit: no faster than Brightspace refills them.

Brightspace keeps a bucket of credits for each API application. It says with each answer what is
left (`X-Rate-Limit-Remaining`), what the call cost (`X-Request-Cost`) and in how many seconds the
bucket is full again (`X-Rate-Limit-Reset`); without these headers the limiter is off
(`basic/apicall`, "Rate limiting"). How fast it refills is not said, so that is measured.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from .errors import RateLimited

logger = logging.getLogger(__name__)

_SHOWN_FROM_SECONDS = 5.0
"""Rests shorter than this are not worth a line on the user's screen."""


@dataclass
class _Bucket:
    """What is known of the bucket; times are monotonic seconds."""

    remaining: float
    cost: float
    full_at: float
    seen_at: float
    refilled: float = 0.0
    """Credits that came back between the first answer and this one."""
    first_seen_at: float = 0.0

    def refill_rate(self) -> float:
        """Credits a second, as measured; 0 while nothing has come back yet."""
        elapsed = self.seen_at - self.first_seen_at
        return self.refilled / elapsed if elapsed > 0 else 0.0


class Pacer:
    """Holds requests back until the bucket can pay for them; shared by all threads.

    Args:
        max_wait_seconds: Longest rest Brightspace may ask for.
        clock: Monotonic seconds.
        sleep: Rests for so many seconds.
    """

    def __init__(
        self,
        max_wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._max_wait = max_wait_seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._bucket: _Bucket | None = None
        self._in_flight = 0
        self._resume_at = 0.0

    def turn(self) -> AbstractContextManager[None]:
        """Wait for a turn to send one request; the turn ends when its answer is there."""
        return self._turn()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        while (rest := self._take_turn()) > 0:
            self.rest(rest)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer; answers without them change nothing."""
        remaining = _number(headers.get("X-Rate-Limit-Remaining"))
        cost = _number(headers.get("X-Request-Cost"))
        reset = _number(headers.get("X-Rate-Limit-Reset"))
        if remaining is None or cost is None:
            return
        with self._lock:
            now = self._clock()
            bucket = _Bucket(remaining, cost, now + (reset or 0.0), now, first_seen_at=now)
            if self._bucket is not None:
                came_back = remaining + cost - self._bucket.remaining
                bucket.refilled = max(0.0, self._bucket.refilled + came_back)
                bucket.first_seen_at = self._bucket.first_seen_at
            self._bucket = bucket

    def hold_all(self, seconds: float) -> None:
        """Send nothing for a while, in any thread: Brightspace has asked for it.

        Raises:
            RateLimited: If it is longer than the settings allow.
        """
        with self._lock:
            self._resume_at = max(self._resume_at, self._clock() + seconds)
        self._check(seconds)

    def rest(self, seconds: float) -> None:
        """Sleep, and tell the user where it is long."""
        if seconds >= _SHOWN_FROM_SECONDS:
            logger.warning("Waiting %.0f s for Brightspace's rate limit", seconds)
        self._sleep(seconds)

    def _take_turn(self) -> float:
        """Seconds to wait before asking again; 0 if the turn is taken."""
        with self._lock:
            now = self._clock()
            rest = max(self._resume_at - now, self._seconds_until_affordable(now))
            if rest <= 0:
                self._in_flight += 1
                return 0.0
        self._check(rest)
        return rest

    def _seconds_until_affordable(self, now: float) -> float:
        bucket = self._bucket
        if bucket is None or (self._in_flight == 0 and bucket.remaining >= bucket.cost):
            return 0.0
        rate = bucket.refill_rate()
        balance = bucket.remaining + rate * (now - bucket.seen_at)
        # those in flight may not be paid yet; one cost is kept back for the error of the estimate
        missing = bucket.cost * (self._in_flight + 2) - balance
        if missing <= 0:
            return 0.0
        until_full = max(bucket.full_at - now, 0.0)
        if rate <= 0:
            return until_full if self._in_flight == 0 else min(until_full, _POLL_SECONDS)
        return max(min(missing / rate, until_full or missing / rate), _SHORTEST_REST_SECONDS)

    def _check(self, seconds: float) -> None:
        if seconds > self._max_wait:
            raise RateLimited(
                f"Brightspace asks for a rest of {seconds:.0f} s, more than the "
                f"{self._max_wait:.0f} s that `limits.max_wait_seconds` allows. Run again later, "
                "or raise that setting."
            )


_POLL_SECONDS = 0.05
_SHORTEST_REST_SECONDS = 0.001


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else max(float(text), 0.0)
    except ValueError:
        return None
