"""The rate limiter: a bucket of credits for each application, refilled all the time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .clock import Clock
from .problems import RefusedError, plain
from .settings import SandboxSettings


@dataclass
class _Bucket:
    level: float
    at: float


class Credits:
    """Takes credits from the bucket of the calling application."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        """Start with full buckets; 0 credits means that the limiter is off."""
        self._capacity, self._refill = settings.credits, settings.refill
        self._cost, self._clock = settings.request_cost, clock
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, application: str) -> dict[str, str]:
        """Pay for one call and return the headers that tell what is left."""
        if not self._capacity:
            return {}  # no headers: the limiter is not active for this tenant (KB 1195)
        bucket = self._filled(application)
        if bucket.level < self._cost:
            raise self._too_many(bucket)
        bucket.level -= self._cost
        return {
            "X-Rate-Limit-Remaining": str(int(bucket.level)),
            "X-Request-Cost": str(self._cost),
            "X-Rate-Limit-Reset": str(math.ceil((self._capacity - bucket.level) / self._refill)),
        }

    def _filled(self, application: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(application, _Bucket(self._capacity, now))
        gained = max(0.0, now - bucket.at) * self._refill
        bucket.level, bucket.at = min(self._capacity, bucket.level + gained), now
        return bucket

    def _too_many(self, bucket: _Bucket) -> RefusedError:
        # KB 1195: a 429 carries none of the three headers, only Retry-After.
        refused = plain(429)
        wait = math.ceil((self._cost - bucket.level) / self._refill)
        refused.response.headers["Retry-After"] = str(max(1, wait))
        return refused
