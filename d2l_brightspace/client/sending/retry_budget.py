"""How often one request is tried, and how long the delays in between are.

The one policy of this package: requests, downloads, the token endpoint and whoever follows a job
take their delays from here.
"""

from __future__ import annotations

import random
from typing import Protocol

from d2l_brightspace.client.errors import BrightspaceError, RateLimited, RequestContext

_MOST_DELAYS = 30


class RetryLimits(Protocol):
    """What bounds the tries; `Limits` has it."""

    max_attempts: int
    backoff_seconds: float
    max_wait_seconds: float


def backoff(failures: int, first_seconds: float, longest_seconds: float) -> float:
    """Seconds until the next attempt: doubled by each failure, and spread.

    Args:
        failures: How many attempts in a row have failed, 1 or more.
        first_seconds: Longest delay after the first one.
        longest_seconds: Longest delay of all.
    """
    longest = min(first_seconds * 2.0 ** min(failures - 1, 50), longest_seconds)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spread, not secrecy


class RetryBudget:
    """How often and how long one request has been tried.

    Args:
        limits: What bounds the tries.
        where: Route and parents, for the error text.
    """

    def __init__(self, limits: RetryLimits, where: RequestContext) -> None:
        self._limits = limits
        self._where = where
        self._attempts = 0
        self._delays = 0
        self._delayed = 0.0
        self._used: set[str] = set()

    def delay_before_retry(
        self,
        error: BrightspaceError,
        asked_for: float | None = None,
        attempts: int | None = None,
    ) -> float:
        """Seconds until the next attempt after a failed one.

        Args:
            error: What to raise if there is no next attempt.
            asked_for: The delay that the server asks for, if it does.
            attempts: At most so many, where the settings allow more.

        Raises:
            BrightspaceError: `error`, after the last attempt or if the delay is too long.
        """
        self._attempts += 1
        least = asked_for or 0.0
        most = min(self._limits.max_attempts, attempts or self._limits.max_attempts)
        if self._attempts >= most or least > self._limits.max_wait_seconds:
            raise error
        return max(self._backoff(self._attempts), least)

    def delay_asked_for(self, seconds: float | None) -> float:
        """Seconds of a delay that Brightspace wants; back-off where it says none."""
        self._delays += 1
        delay = seconds or self._backoff(self._delays)
        self._delayed += delay
        return delay

    def check(self) -> None:
        """Go on only if all delays together are within the settings.

        Raises:
            RateLimited: If they are not.
        """
        if self._delays > _MOST_DELAYS or self._delayed > self._limits.max_wait_seconds:
            raise RateLimited(
                f"Brightspace asks for a longer delay than the {self._limits.max_wait_seconds:g} s "
                "that `limits.max_wait_seconds` allows; run again later or raise it",
                self._where,
            )

    def once(self, remedy: str, error: BrightspaceError) -> None:
        """Go on only if the remedy is new.

        Raises:
            BrightspaceError: `error`, if it was tried before.
        """
        if remedy in self._used:
            raise error
        self._used.add(remedy)

    def _backoff(self, failures: int) -> float:
        return backoff(failures, self._limits.backoff_seconds, self._limits.max_wait_seconds)
