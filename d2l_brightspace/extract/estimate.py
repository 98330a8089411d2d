"""What a load will cost, from the declarations and a look at a few lists.

An estimate: the courses that are looked at stand for all of them, and of a list that is longer than
what was read of it only the least is known. Credits are counted by what the newest answer cost, or
by D2L's published figures where no answer says (KB 1191: 10 a call, 50 000 a minute).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from d2l_brightspace.client.errors import SKIPPABLE
from d2l_brightspace.client.observations import Observations
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.endpoints.model import COURSE_OFFERINGS, Endpoint, ancestors

from .parents import CourseOfferings
from .sampling import Sampler

PUBLISHED_COST = 10.0
PUBLISHED_REFILL = 50_000 / 60
"""Credits a second."""


@dataclass(frozen=True)
class TableEstimate:
    """What one table takes."""

    table: str
    requests: int
    at_least: bool = False
    """Whether it may well be more."""
    note: str = ""
    """Why nothing better is known."""


@dataclass(frozen=True)
class Estimate:
    """What a load takes."""

    courses: int
    courses_at_least: bool
    """Whether the list of courses was not read to its end."""
    tables: tuple[TableEstimate, ...] = field(default=())
    course_requests: int = 0
    """For the list of courses and the versions."""
    cost: float = PUBLISHED_COST
    """Credits of a request."""
    cost_reported: bool = False
    """Whether Brightspace said so."""
    credits_left: float | None = None
    seconds_per_request: float = 0.0
    requests_in_flight: int = 1
    longest_list: int = 1
    """Requests of the longest list: its pages come one after the other."""

    @property
    def requests(self) -> int:
        """All requests."""
        return self.course_requests + sum(one.requests for one in self.tables)

    @property
    def at_least(self) -> bool:
        """Whether it may well be more."""
        return self.courses_at_least or any(one.at_least for one in self.tables)

    @property
    def credits(self) -> int:
        """All credits."""
        return math.ceil(self.requests * self.cost)

    @property
    def seconds(self) -> float:
        """How long it takes: by the answers so far or by the credits, whichever is slower."""
        return max(self._seconds_of_answers, self._seconds_of_credits)

    @property
    def limited_by(self) -> str:
        """What makes it take so long: `answers` or `credits`."""
        slower = self._seconds_of_credits > self._seconds_of_answers
        return "credits" if slower else "answers"

    @property
    def _seconds_of_answers(self) -> float:
        side_by_side = math.ceil(self.requests / self.requests_in_flight)
        return max(side_by_side, self.longest_list) * self.seconds_per_request

    @property
    def _seconds_of_credits(self) -> float:
        if self.credits_left is None:
            return 0.0  # no answer reports credits: there is no limit for this app
        return max(self.credits - self.credits_left, 0.0) / PUBLISHED_REFILL

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "courses": self.courses,
            "courses_at_least": self.courses_at_least,
            "requests": self.requests,
            "at_least": self.at_least,
            "credits": self.credits,
            "cost_per_request": self.cost,
            "cost_reported": self.cost_reported,
            "credits_left": self.credits_left,
            "minutes": round(self.seconds / 60, 1),
            "limited_by": self.limited_by,
            "seconds_per_request": round(self.seconds_per_request, 3),
            "requests_in_flight": self.requests_in_flight,
            "tables": [
                {
                    "table": one.table,
                    "requests": one.requests,
                    "at_least": one.at_least,
                    "note": one.note or None,
                }
                for one in self.tables
            ],
        }

    def __str__(self) -> str:
        more = [one.table for one in self.tables if one.at_least]
        why = f" (of {', '.join(more)} only the least is known)" if more else ""
        courses = f"{'at least ' if self.courses_at_least else ''}{self.courses:,} courses"
        return (
            f"about {self.requests:,} requests{' or more' if self.at_least else ''} for {courses}, "
            f"{self.credits:,} credits, {_duration(self.seconds)}{why}"
        )


def estimate(
    session: BrightspaceSession,
    endpoints: Sequence[Endpoint],
    declarations: Mapping[str, Endpoint],
    courses: CourseOfferings,
    *,
    observations: Observations | None = None,
    sampled_courses: int = 3,
    most_pages: int = 5,
    most_course_pages: int = 50,
) -> Estimate:
    """Estimate what a load of some tables takes; reads keys, and loads nothing.

    Args:
        session: Sends the requests; one that nobody else observes, or that `observations` do.
        endpoints: The tables that would be loaded.
        declarations: All declarations, by name.
        courses: The courses that would be read.
        observations: What was observed before.
        sampled_courses: Courses whose lists are looked at.
        most_pages: Pages of one list that are read at most.
        most_course_pages: The same for the list of courses.

    Raises:
        BrightspaceError: If the courses cannot be listed, or the credentials are not accepted.
    """
    if observations is None:
        observations = Observations()
        session.observe(observations)
    read = list(_with_parents(endpoints, declarations))
    ids: list[int] = []
    pages, is_whole = 0, True
    if any(one.parent == COURSE_OFFERINGS for one in read):
        ids, pages, is_whole = _list_courses(courses, most_course_pages)
    sampler = Sampler(session, declarations, _spread(ids, sampled_courses), most_pages)
    tables = _Tables(sampler, len(ids))
    found = tuple(tables.of(one) for one in read)
    credits_seen = observations.credits
    return Estimate(
        courses=len(ids),
        courses_at_least=not is_whole,
        tables=found,
        course_requests=pages + 2 if ids else 1,
        cost=credits_seen.cost if credits_seen else PUBLISHED_COST,
        cost_reported=credits_seen is not None,
        credits_left=credits_seen.remaining if credits_seen else None,
        seconds_per_request=observations.seconds_per_answer or 0.0,
        requests_in_flight=session.limits.requests_in_flight,
        longest_list=max(
            [pages, *(one.requests for one in found if declarations[one.table].parent is None)]
        ),
    )


def _with_parents(
    endpoints: Sequence[Endpoint], declarations: Mapping[str, Endpoint]
) -> list[Endpoint]:
    """The tables that are read: those wanted, and those whose rows lead to them."""
    names = {one.name for one in endpoints}
    names |= {above.name for one in endpoints for above in ancestors(one, declarations)}
    return [one for one in declarations.values() if one.name in names]


def _list_courses(courses: CourseOfferings, most_pages: int) -> tuple[list[int], int, bool]:
    ids: list[int] = []
    pages = 0
    for page in courses.pages():
        if pages == most_pages:
            return ids, pages, False
        ids += page.ids
        pages += 1
    return ids, pages, True


def _spread(ids: Sequence[int], wanted: int) -> list[int]:
    """Some of the courses, from all over the list: old and new ones differ."""
    step = max(len(ids) // wanted, 1)
    return list(ids[::step][:wanted])


@dataclass(frozen=True)
class _Lists:
    """The lists of one table, by what a few of them held."""

    lists: float
    rows_each: float = 0.0


class _Tables:
    """Estimates one table after the other, parents first."""

    def __init__(self, sampler: Sampler, courses: int) -> None:
        self._sampler = sampler
        self._known: dict[str | None, _Lists] = {
            None: _Lists(0, 1),
            COURSE_OFFERINGS: _Lists(1, courses),
        }

    def of(self, endpoint: Endpoint) -> TableEstimate:
        """What one table takes."""
        above = self._known[endpoint.parent]
        lists = 1.0 if endpoint.parent is None else above.lists * above.rows_each
        lists /= endpoint.parents_per_request
        samples, refused = [], ""
        try:
            places = self._sampler.places(endpoint)
        except SKIPPABLE as error:
            places, refused = [], error.message
        for place in places:
            try:
                samples.append(self._sampler.read(endpoint, place))
            except SKIPPABLE as error:
                refused = error.message
        rows = _mean([one.rows for one in samples])
        self._known[endpoint.name] = _Lists(lists, rows)
        requests = math.ceil(lists * max(_mean([one.pages for one in samples]), 1.0))
        is_open = any(not one.is_whole for one in samples) or endpoint.since is not None
        unknown = not samples and lists > 0
        note = refused if refused and unknown else "nothing was found to look at" if unknown else ""
        return TableEstimate(endpoint.name, requests, is_open or unknown, note)


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _duration(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
