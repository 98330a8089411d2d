"""What answers say besides their bodies: the server's clock, the credits, how long they take."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from .auth.id_key import reported_server_time
from .http.messages import Headers, HttpRequest, HttpResponse


@dataclass(frozen=True)
class Credits:
    """The rate limit as the newest answer reports it (`basic/apicall`, "Rate limiting")."""

    remaining: float
    cost: float
    """Of the request that was answered."""
    reset_seconds: float | None
    """Until all credits are back."""


class Observations:
    """Collects what the answers of a session tell; give it to `session.observe`.

    Attributes:
        answers: How many there were.
        credits: As reported last; None where no answer reports them.
        reported_skew: Seconds that Brightspace's clock is ahead of this machine's, where it has
            refused a signature for that.
        authorization: The header that was sent last, which holds a secret; empty without one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: list[float] = []
        self.answers = 0
        self.credits: Credits | None = None
        self.reported_skew: float | None = None
        self.authorization = ""

    def __call__(self, sent: HttpRequest, response: HttpResponse, seconds: float) -> None:
        """Take note of one answer."""
        if response.status_code == _FORBIDDEN:
            self._read_refusal(response)
        with self._lock:
            self.answers += 1
            # the newest ones: the first of all pays for the connection
            self._seconds = [*self._seconds[-_MOST_KEPT:], seconds]
            self.credits = _credits(response.headers) or self.credits
            self.authorization = sent.headers.get("Authorization", self.authorization)

    def _read_refusal(self, response: HttpResponse) -> None:
        server_time = reported_server_time(response.text[:_READ_CHARACTERS])
        if server_time is not None:
            self.reported_skew = server_time - time.time()

    @property
    def seconds_per_answer(self) -> float | None:
        """The middle of the newest answers; None before the first."""
        with self._lock:
            ordered = sorted(self._seconds)
        return ordered[len(ordered) // 2] if ordered else None


def clock_skew(headers: Headers, sent_at: float, received_at: float) -> float | None:
    """Seconds that the server's clock is ahead of this machine's, give or take one.

    Args:
        headers: Of an answer.
        sent_at: Unix time when it was asked for.
        received_at: Unix time when it had arrived.

    Returns:
        The difference to the `Date` header (RFC 9110, 6.6.1); None where there is none.
    """
    try:
        there = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return there - (sent_at + received_at) / 2


def _credits(headers: Headers) -> Credits | None:
    remaining = _number(headers.get("X-Rate-Limit-Remaining"))
    cost = _number(headers.get("X-Request-Cost"))
    if remaining is None or cost is None:
        return None
    return Credits(remaining, cost, _number(headers.get("X-Rate-Limit-Reset")))


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


_FORBIDDEN = 403
_MOST_KEPT = 99
_READ_CHARACTERS = 10_000
