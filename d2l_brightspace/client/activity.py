"""What a session does at the moment: requests, credits, and what it waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

WaitReason = Literal["credits", "rate limit", "retry"]
"""`credits`: until the bucket can pay for the next request; `rate limit`: as long as Brightspace
asked for; `retry`: before a failed request is sent again, while others go on."""


@dataclass(frozen=True)
class Wait:
    """Something that waits.

    Attributes:
        reason: What for.
        seconds: How much longer, as far as can be foreseen.
    """

    reason: WaitReason
    seconds: float


@dataclass(frozen=True)
class ActivityCounts:
    """What a session has done so far.

    Attributes:
        requests: Requests sent, each attempt of one included; those for tokens are not.
        credits_spent: Sum of `X-Request-Cost`; None where Brightspace reports no credits.
        credits_left: `X-Rate-Limit-Remaining` of the newest answer; None as above.
        waited_seconds: How long no request was sent for want of credits, or as Brightspace asked.
        wait: What waits now: what holds all requests back, or else the longest delay of a single
            one.
    """

    requests: int = 0
    credits_spent: float | None = None
    credits_left: float | None = None
    waited_seconds: float = 0.0
    wait: Wait | None = None

    def since(self, earlier: ActivityCounts) -> ActivityCounts:
        """What was done after an earlier moment."""
        spent = self.credits_spent
        if spent is not None:
            spent -= earlier.credits_spent or 0.0
        return replace(
            self,
            requests=self.requests - earlier.requests,
            credits_spent=spent,
            waited_seconds=self.waited_seconds - earlier.waited_seconds,
        )


class Activity:
    """Counts what the threads of a session do.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._requests = 0
        self._spent: float | None = None
        self._left: float | None = None
        self._waited = 0.0
        self._held: tuple[WaitReason, float, float] | None = None
        """Why all requests are held back, since when, and until when."""
        self._delays: dict[int, float] = {}
        """Until when single requests are delayed, by thread."""

    def count_request(self) -> None:
        """Note that a request goes out."""
        with self._lock:
            self._requests += 1

    def count_credits(self, cost: float, left: float) -> None:
        """Note what an answer reports of credits."""
        with self._lock:
            self._spent = (self._spent or 0.0) + cost
            self._left = left

    def hold(self, reason: WaitReason, seconds: float) -> None:
        """Note that no request goes out for a while; called again as more is known."""
        now = self._clock()
        with self._lock:
            since = now if self._held is None else self._held[1]
            self._held = (reason, since, now + seconds)

    def go_on(self) -> None:
        """Note that requests go out again."""
        if self._held is None:  # nearly always; the one caller of `hold` is the one of this
            return
        with self._lock:
            if self._held is not None:
                self._waited += self._clock() - self._held[1]
            self._held = None

    @contextmanager
    def delay(self, seconds: float) -> Iterator[None]:
        """Note that the calling thread waits before it sends a failed request again."""
        thread = threading.get_ident()
        with self._lock:
            self._delays[thread] = self._clock() + seconds
        try:
            yield
        finally:
            with self._lock:
                self._delays.pop(thread, None)

    def counts(self) -> ActivityCounts:
        """How it is now."""
        now = self._clock()
        with self._lock:
            held, wait = self._held, None
            if held is not None:
                wait = Wait(held[0], max(held[2] - now, 0.0))
            elif self._delays:
                wait = Wait("retry", max(max(self._delays.values()) - now, 0.0))
            waited = self._waited + (now - held[1] if held is not None else 0.0)
            return ActivityCounts(self._requests, self._spent, self._left, waited, wait)
