"""Following a job: how often, through what, and until when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from d2l_brightspace import (
    AuthenticationError,
    ConfigurationError,
    NotFound,
    ProtocolError,
    RateLimited,
    ServiceUnavailable,
)
from d2l_brightspace.client.errors import RequestContext
from d2l_brightspace.course_packages import (
    Bell,
    Job,
    NotFinished,
    Pace,
    Stopped,
    follow,
    is_complete,
    is_over,
)

from .conftest import QUICK, PatientBell

JOB = Job(6619, "t")
UNAVAILABLE = ServiceUnavailable("no answer")
LOGGED_OUT = AuthenticationError("log in again", RequestContext("le", status=401))
TOKEN_ENDPOINT_DOWN = AuthenticationError("fails", RequestContext("token endpoint", status=503))
GONE = NotFound("nothing there", RequestContext("le", status=404))


class Answers:
    """A session that answers the questions about a job one after another."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def get_json(self, path: str, *, scope: str, parts: dict[str, Any]) -> dict[str, str]:
        self.asked.append((path, scope, parts))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Status": answer}


def followed(session: Any, bell: PatientBell, pace: Pace = QUICK, **more: Any) -> str:
    return follow(session, JOB, pace, bell, clock=bell.clock, **more)


def test_each_status_is_told_once_and_the_rests_fit_the_stage() -> None:
    bell, told = PatientBell(), []
    session = Answers("UPLOADING", "UPLOADING", "PROCESSING", "IMPORTING", "IMPORTING", "COMPLETED")
    assert followed(session, bell, on_status=told.append) == "COMPLETED"
    assert told == ["UPLOADING", "PROCESSING", "IMPORTING", "COMPLETED"]
    assert bell.rests == [2, 3, 2, 60, 60]
    path = "le/(version)/import/(orgUnitId)/imports/(jobToken)"
    assert session.asked[0] == (path, "import:job:fetch", {"orgUnitId": 6619, "jobToken": "t"})


@pytest.mark.parametrize(
    ("status", "over", "complete"),
    [
        ("COMPLETED", True, True),
        ("Completed", True, True),
        ("COMPLETE", True, True),
        ("IMPORTFAILED", True, False),
        ("importFailed", True, False),
        ("FAILED", True, False),
        ("Timeout", True, False),
        ("CANCELLED", True, False),
        ("UNKNOWN", False, False),
        ("INCOMPLETE", False, False),
        ("READYTOIMPORTNATIVELY", False, False),
    ],
)
def test_which_status_ends_a_job(status: str, over: bool, complete: bool) -> None:
    assert (is_over(status), is_complete(status)) == (over, complete)


def test_a_slow_job_is_asked_less_and_less() -> None:
    bell = PatientBell()
    followed(Answers(*["SOMETHING NEW"] * 20, "COMPLETED"), bell)
    assert bell.rests[:3] == [2, 3, 4.5]
    assert bell.rests[-1] == 60


@pytest.mark.parametrize(
    "fault",
    [UNAVAILABLE, RateLimited("later"), TOKEN_ENDPOINT_DOWN, ProtocolError("HTML"), GONE],
    ids=["5xx", "429", "token endpoint", "maintenance page", "hidden"],
)
def test_faults_are_waited_out(fault: Exception) -> None:
    bell, faults = PatientBell(), []
    session = Answers("IMPORTING", *[fault] * 9, "COMPLETED")
    told: Callable[..., None] = lambda error, seconds: faults.append((error, seconds))  # noqa: E731
    assert followed(session, bell, on_fault=told) == "COMPLETED"
    assert [seconds for _, seconds in faults] == [4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert bell.rests[1:] == [seconds for _, seconds in faults]


def test_hours_of_outage_end_at_the_deadline() -> None:
    bell = PatientBell()
    with pytest.raises(NotFinished, match=r"24 h of following are over.* status is not known"):
        followed(Answers(*[UNAVAILABLE] * 1000), bell)
    assert sum(bell.rests) == 24 * 3600


def test_a_job_that_stays_hidden_is_given_up() -> None:
    with pytest.raises(NotFound):
        followed(Answers("IMPORTING", *[GONE] * 20), PatientBell())


def test_a_job_that_never_was_there_is_an_error_at_once() -> None:
    session = Answers(GONE)
    with pytest.raises(NotFound):
        followed(session, PatientBell())
    assert len(session.asked) == 1


def test_a_login_that_is_over_leaves_the_job_to_brightspace() -> None:
    with pytest.raises(NotFinished, match=r"log in again.*goes on in Brightspace.*IMPORTING"):
        followed(Answers("IMPORTING", LOGGED_OUT), PatientBell())


def test_a_wish_to_stop_ends_the_rest() -> None:
    bell = PatientBell()
    bell.on_rest = bell.stop
    with pytest.raises(NotFinished, match=r"stopped here.*t of course offering 6619"):
        followed(Answers("IMPORTING"), bell)


def test_a_ring_during_the_look_is_not_missed() -> None:
    bell = Bell()
    heard = bell.rings
    bell.ring()
    bell.wait(3600, heard)
    bell.stop()
    with pytest.raises(Stopped):
        bell.wait(3600, bell.rings)
    with pytest.raises(Stopped):
        bell.sleep(3600)


def test_an_answer_without_a_status_is_no_status() -> None:
    with pytest.raises(ProtocolError, match="no `Status`"):
        followed(Answers(" "), PatientBell())


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="deadline_hours = 24"):
        Pace(deadline_hours=0).on_resolved()
