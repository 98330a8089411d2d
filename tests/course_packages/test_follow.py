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
    Job,
    NotFinished,
    Pace,
    Stopped,
    WakeSignal,
    follow,
    is_complete,
    is_over,
)

from .conftest import QUICK, PatientSignal

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


def followed(session: Any, wake_signal: PatientSignal, pace: Pace = QUICK, **more: Any) -> str:
    return follow(session, JOB, pace, wake_signal, clock=wake_signal.clock, **more)


def test_each_status_is_reported_once_and_the_delays_fit_the_stage() -> None:
    wake_signal, reported = PatientSignal(), []
    session = Answers("UPLOADING", "UPLOADING", "PROCESSING", "IMPORTING", "IMPORTING", "COMPLETED")
    assert followed(session, wake_signal, on_status=reported.append) == "COMPLETED"
    assert reported == ["UPLOADING", "PROCESSING", "IMPORTING", "COMPLETED"]
    assert wake_signal.delays == [2, 3, 2, 60, 60]
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
    wake_signal = PatientSignal()
    followed(Answers(*["SOMETHING NEW"] * 20, "COMPLETED"), wake_signal)
    assert wake_signal.delays[:3] == [2, 3, 4.5]
    assert wake_signal.delays[-1] == 60


@pytest.mark.parametrize(
    "fault",
    [UNAVAILABLE, RateLimited("later"), TOKEN_ENDPOINT_DOWN, ProtocolError("HTML"), GONE],
    ids=["5xx", "429", "token endpoint", "maintenance page", "hidden"],
)
def test_faults_are_waited_out(fault: Exception) -> None:
    wake_signal, faults = PatientSignal(), []
    session = Answers("IMPORTING", *[fault] * 9, "COMPLETED")
    note: Callable[..., None] = lambda error, seconds: faults.append((error, seconds))  # noqa: E731
    assert followed(session, wake_signal, on_fault=note) == "COMPLETED"
    longest = [4, 8, 16, 32, 64, 128, 256, 300, 300]
    # spread, so that many followers do not come back at the same moment
    assert all(
        most / 2 <= seconds <= most for (_, seconds), most in zip(faults, longest, strict=True)
    )
    assert wake_signal.delays[1:] == [seconds for _, seconds in faults]


def test_hours_of_outage_end_at_the_deadline() -> None:
    wake_signal = PatientSignal()
    with pytest.raises(NotFinished, match=r"24 h of following are over.* status is not known"):
        followed(Answers(*[UNAVAILABLE] * 1000), wake_signal)
    assert sum(wake_signal.delays) == 24 * 3600


def test_a_job_that_stays_hidden_is_given_up() -> None:
    with pytest.raises(NotFound):
        followed(Answers("IMPORTING", *[GONE] * 20), PatientSignal())


def test_a_job_that_never_was_there_is_an_error_at_once() -> None:
    session = Answers(GONE)
    with pytest.raises(NotFound):
        followed(session, PatientSignal())
    assert len(session.asked) == 1


def test_a_login_that_is_over_leaves_the_job_to_brightspace() -> None:
    with pytest.raises(NotFinished, match=r"log in again.*goes on in Brightspace.*IMPORTING"):
        followed(Answers("IMPORTING", LOGGED_OUT), PatientSignal())


def test_a_wish_to_stop_ends_the_rest() -> None:
    wake_signal = PatientSignal()
    wake_signal.on_delay = wake_signal.stop
    with pytest.raises(NotFinished, match=r"stopped here.*t of course offering 6619"):
        followed(Answers("IMPORTING"), wake_signal)


def test_a_ring_during_the_look_is_not_missed() -> None:
    wake_signal = WakeSignal()
    heard = wake_signal.wakes
    wake_signal.wake()
    wake_signal.wait(3600, heard)
    wake_signal.stop()
    with pytest.raises(Stopped):
        wake_signal.wait(3600, wake_signal.wakes)
    with pytest.raises(Stopped):
        wake_signal.sleep(3600)


def test_an_answer_without_a_status_is_no_status() -> None:
    with pytest.raises(ProtocolError, match="no `Status`"):
        followed(Answers(" "), PatientSignal())


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="deadline_hours = 24"):
        Pace(deadline_hours=0).on_resolved()
