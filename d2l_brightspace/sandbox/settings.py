"""What can be chosen about a sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .scopes import every_scope

CREDITS_PER_MINUTE = 50_000  # KB 1191: 50 000 credits a minute, 10 credits a call
MOST_ITEMS = 9_999  # ids of rows leave four digits for their place in a list
LONGEST_TOKEN_LIFE = 72_000  # an access token lives 20 hours at most


@dataclass(frozen=True)
class SandboxSettings:
    """The size, the pace and the strictness of a sandbox; the same settings give the same data.

    Attributes:
        courses: Number of course offerings.
        users: Number of users beside the caller, who is one more.
        class_size: Users enrolled in each course (never more than there are users).
        log_messages: Number of log messages at the start.
        items: Rows in each list of what courses, users and the organization have beside: quizzes,
            attempts, forums and so on. One list in four is empty.
        items_of: Another number of rows for some tables.
        seed: Decides names, enrollments, secrets and the tenant's org unit type ids.
        page_size: Rows on one page of a paged list.
        forbidden_courses: How many courses answer 403.
        latency_ms: Waiting time added to every request; requests do not wait for each other.
        token_lifetime: Seconds an access token from the token endpoint lives.
        bearer_lifetime: Seconds the ready-made bearer token lives.
        credits: Size of the credit bucket of each application; 0 switches the limiter off.
        refill: Credits that flow back each second.
        request_cost: Credits one call costs.
        job_polls: Status reads that each stage of an import or copy job lasts.
        job_seconds: Seconds that each stage lasts instead; 0 counts status reads.
        clock_offset: Seconds the server's clock is ahead of the real time.
        scopes: The scopes registered for every application, separated by blanks.
        signing_key: Key type of the service user. "ec" is derived from the seed; "rsa" is fresh.
        data_sets: Display names of the Brightspace Data Sets offered; none for all.
        data_set_rows: Rows of each data set on the first day.
        data_hub_routes: Which routes of Data Hub there are.
        clock: Source of the time in seconds since the epoch.
    """

    courses: int = 5
    users: int = 40
    class_size: int = 30
    log_messages: int = 300
    items: int = 3
    items_of: Mapping[str, int] = field(default_factory=dict)
    seed: int = 1
    page_size: int = 100
    forbidden_courses: int = 0
    latency_ms: float = 0
    token_lifetime: float = 3600
    bearer_lifetime: float = LONGEST_TOKEN_LIFE
    credits: int = CREDITS_PER_MINUTE
    refill: float = CREDITS_PER_MINUTE / 60
    request_cost: int = 10
    job_polls: int = 1
    job_seconds: float = 0
    clock_offset: float = 0
    scopes: str = field(default_factory=every_scope)
    signing_key: Literal["ec", "rsa"] = "ec"
    data_sets: tuple[str, ...] = ()
    data_set_rows: int = 12
    data_hub_routes: tuple[Literal["new", "old"], ...] = ("new", "old")
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse sizes that make no sense, before anything starts."""
        for name in ("courses", "users", "class_size", "log_messages", "forbidden_courses"):
            _at_least(name, getattr(self, name), 0)
        for name in (
            "items",
            "latency_ms",
            "token_lifetime",
            "bearer_lifetime",
            "credits",
            "job_seconds",
        ):
            _at_least(name, getattr(self, name), 0)
        for table, rows in self.items_of.items():
            _at_least(f"items_of {table}", rows, 0)
        _at_least("page_size", self.page_size, 1)
        _at_least("job_polls", self.job_polls, 1)
        _at_least("request_cost", self.request_cost, 1)
        if max(self.items, *self.items_of.values(), 0) > MOST_ITEMS:
            raise ValueError(f"items must not be more than {MOST_ITEMS}")
        if self.refill <= 0:
            raise ValueError("refill must be more than 0 credits a second")
        if self.forbidden_courses > self.courses:
            raise ValueError("forbidden_courses must not be more than courses")
        if 0 < self.credits < self.request_cost:
            raise ValueError("credits must be 0 (limiter off) or pay for at least one call")


def _at_least(name: str, value: float, minimum: int) -> None:
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {value}")
