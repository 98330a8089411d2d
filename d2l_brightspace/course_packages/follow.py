"""Follow one job to its end, however long that takes and whatever happens on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    ConfigurationError,
    RateLimited,
    ServiceUnavailable,
)
from d2l_brightspace.client.sending.retry_budget import backoff
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.printable import printable
from d2l_brightspace.setting_names import declare
from d2l_brightspace.settings import SECTION

from .jobs import Job, is_over, read_status
from .wake_signal import Stopped, WakeSignal


@configspec
class Pace(BaseConfiguration):
    """How often to look: section `[sources.d2l_brightspace_source.course_packages]`."""

    __section__: ClassVar[str] = "course_packages"

    poll_seconds: float = 2.0
    """Delay between two looks at a job that has just moved on; grows while it does not."""
    importing_poll_seconds: float = 60.0
    """Delay while the status is IMPORTING, as D2L's walk-through has it, and the longest delay."""
    deadline_hours: float = 24.0
    """How long a job is followed; it goes on in Brightspace after that."""
    jobs_in_flight: int = 4
    """Packages that are uploaded or imported at the same time."""

    def on_resolved(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: If one is not above 0.
        """
        for name in ("poll_seconds", "importing_poll_seconds", "deadline_hours", "jobs_in_flight"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(
                    f"Setting `course_packages.{name}` must be above 0; the default is "
                    f"{name} = {getattr(Pace, name)}."
                )

    def delay(self, status: str, unchanged: int) -> float:
        """Seconds until the next look.

        Args:
            status: The job's status.
            unchanged: How often in a row it was the same.
        """
        if status.upper() == "IMPORTING":
            return self.importing_poll_seconds
        return min(self.poll_seconds * 1.5 ** min(unchanged, 50), self.importing_poll_seconds)

    def delay_after_faults(self, faults: int) -> float:
        """Seconds until the next look after so many failed ones in a row."""
        return backoff(faults, self.poll_seconds * 2, _LONGEST_DELAY_SECONDS)


declare(SECTION, Pace)


class NotFinished(BrightspaceError):
    """The job goes on in Brightspace, but is not followed any more: follow it by its token."""


def follow(
    session: BrightspaceSession,
    job: Job,
    pace: Pace,
    wake_signal: WakeSignal,
    *,
    on_status: Callable[[str], None] = lambda _status: None,
    on_fault: Callable[[BrightspaceError, float], None] = lambda _error, _seconds: None,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Look at a job until it is over.

    Expired tokens, 429, 5xx, lost connections and maintenance pages are waited out.

    Args:
        session: Sends the requests.
        job: The job.
        pace: How often to look, and for how long.
        wake_signal: Cuts a wait short when Brightspace calls or the user wants to stop.
        on_status: Gets each new status once.
        on_fault: Gets why a look failed, and in how many seconds the next one is.
        clock: Monotonic seconds.

    Returns:
        The last status.

    Raises:
        NotFinished: If the deadline is over, the user stops, or nobody is logged in any more.
        BrightspaceError: If there is no such job or it may not be read.
    """
    watch = _Watch(pace, clock)
    while not is_over(watch.status):
        heard = wake_signal.wakes
        try:
            wake_signal.check()
            status = read_status(session, job)
            delay = watch.saw(status, on_status)
        except Stopped:
            raise NotFinished(_left(job, watch.status, "It was stopped here")) from None
        except BrightspaceError as error:
            delay = watch.failed(error, job)
            on_fault(error, delay)
        if is_over(watch.status):
            break
        if watch.time_left() <= 0:
            raise NotFinished(
                _left(job, watch.status, f"{pace.deadline_hours:g} h of following are over")
            )
        try:
            wake_signal.wait(min(delay, watch.time_left()), heard)
        except Stopped:
            raise NotFinished(_left(job, watch.status, "It was stopped here")) from None
    return watch.status


class _Watch:
    """What has been seen of a job."""

    def __init__(self, pace: Pace, clock: Callable[[], float]) -> None:
        self._pace = pace
        self._clock = clock
        self._ends_at = clock() + pace.deadline_hours * 3600
        self._unchanged = 0
        self._faults = 0
        self.status = ""

    def time_left(self) -> float:
        return self._ends_at - self._clock()

    def saw(self, status: str, on_status: Callable[[str], None]) -> float:
        self._faults = 0
        if status == self.status:
            self._unchanged += 1
        else:
            self.status, self._unchanged = status, 0
            on_status(status)
        return self._pace.delay(status, self._unchanged)

    def failed(self, error: BrightspaceError, job: Job) -> float:
        self._faults += 1
        if isinstance(error, ConfigurationError):
            raise error
        if isinstance(error, AuthenticationError) and _is_final(error):
            raise NotFinished(_left(job, self.status, error.message), error.context) from None
        passing = isinstance(error, (AuthenticationError, RateLimited, ServiceUnavailable))
        # a job that was there may be hidden for a while by maintenance; one that was never seen
        # has a wrong token
        if not passing and (not self.status or self._faults > _MOST_REFUSALS):
            raise error
        return self._pace.delay_after_faults(self._faults)


def _is_final(error: AuthenticationError) -> bool:
    # the token endpoint's own failures carry no status or a 5xx (client/auth/token_endpoint.py)
    status = error.context.status if error.context else None
    return status is not None and 400 <= status < 500


def _left(job: Job, status: str, why: str) -> str:
    shown = f"its last known status is {printable(status)}"
    seen = shown if status else "its status is not known yet"
    return (
        f"{why}. The {job.kind} job {printable(job.token)} of course offering {job.org_unit_id} "
        f"goes on in Brightspace; {seen}"
    )


_LONGEST_DELAY_SECONDS = 300.0
_MOST_REFUSALS = 10
