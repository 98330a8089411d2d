"""How often one request is tried, and how long it may rest in between."""

from __future__ import annotations

import random

from d2l_brightspace.client.errors import BrightspaceError, RateLimited, RequestContext
from d2l_brightspace.client.limits import Limits

from .response_policy import Retry

_RESTS = 30


class Patience:
    """How often and how long one request has been tried."""

    def __init__(self, limits: Limits, where: RequestContext) -> None:
        self._limits = limits
        self._where = where
        self._attempts = 0
        self._rests = 0
        self._rested = 0.0
        self._used: set[str] = set()

    def rest_before_retry(self, retry: Retry) -> float:
        """Seconds until the next attempt; raises after the last one, or if they are too many."""
        self._attempts += 1
        asked_for = retry.after or 0.0
        if self._attempts >= self._limits.max_attempts or asked_for > self._limits.max_wait_seconds:
            raise retry.error
        return max(self._backoff(self._attempts), asked_for)

    def rest_asked_for(self, seconds: float | None) -> float:
        """Seconds of a rest that Brightspace wants; back-off where it says none."""
        self._rests += 1
        rest = seconds or self._backoff(self._rests)
        self._rested += rest
        return rest

    def check(self) -> None:
        """Raise if all rests together are more than the settings allow."""
        if self._rests > _RESTS or self._rested > self._limits.max_wait_seconds:
            raise RateLimited(
                f"Brightspace asks for a longer rest than the {self._limits.max_wait_seconds:g} s "
                "that `limits.max_wait_seconds` allows; run again later or raise it",
                self._where,
            )

    def once(self, remedy: str, error: BrightspaceError) -> None:
        """Raise if the remedy was tried before."""
        if remedy in self._used:
            raise error
        self._used.add(remedy)

    def _backoff(self, failures: int) -> float:
        longest = min(
            self._limits.backoff_seconds * 2.0 ** (failures - 1), self._limits.max_wait_seconds
        )
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spread, not secrecy
