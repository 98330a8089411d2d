"""What a run counts, and what can be said of it while it lasts."""

from __future__ import annotations

import pytest

from d2l_brightspace.client.activity import Activity
from d2l_brightspace.data_sets.source import _AUDIT_TABLES, CODES
from d2l_brightspace.extract import progress as module
from d2l_brightspace.extract.load_runs import BOOKKEEPING
from d2l_brightspace.extract.progress import (
    CourseProgress,
    RunProgress,
    TableProgress,
    count_progress,
    current_progress,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def by_course(run: RunProgress, *, is_limited: bool = False) -> CourseProgress:
    return run.courses([run.table("classlist"), run.table("courses")], is_limited=is_limited)


def test_courses_are_done_when_all_their_lists_are(clock: list[float]) -> None:
    run = RunProgress(["classlist", "courses", "users"])
    run.phase = "reading"
    courses = by_course(run)
    courses.find(100)
    run.table("classlist").courses = 50
    assert run.snapshot().courses_done == 25
    assert not run.snapshot().courses_complete
    assert run.snapshot().seconds_left is None  # more courses may be found

    courses.is_complete = True
    clock[0] = 10.0
    assert run.snapshot().seconds_left == pytest.approx(30.0)

    run.finish("courses")  # a table that is over reads no further course
    assert run.snapshot().courses_done == 75
    run.finish("classlist", PermissionError())
    last = run.snapshot()
    assert (last.courses, last.courses_done, last.seconds_left) == (100, 100, None)
    assert (last.tables, last.tables_read, last.tables_failed) == (3, 1, 1)


def test_where_not_all_courses_are_wanted_nobody_says_how_long_it_takes(
    clock: list[float],
) -> None:
    run = RunProgress()
    run.phase = "reading"
    courses = by_course(run, is_limited=True)
    courses.find(100)
    courses.is_complete = True
    run.table("classlist").courses = 50
    clock[0] = 10.0
    assert run.snapshot().seconds_left is None
    assert not run.snapshot().courses_complete


def test_a_run_without_courses_has_none() -> None:
    run = RunProgress(["users"])
    run.courses([], is_limited=False)
    assert run.snapshot().courses is None


def test_a_data_set_is_done_when_it_waits_for_dlt_only(clock: list[float]) -> None:
    run = RunProgress(["users", "roles", "tools", "logs"])
    run.phase = "reading"
    for number in (4, 99):  # how many there are is asked once
        run.expect_data_sets(lambda number=number: number)
    users, roles = run.table("users"), run.table("roles")
    users.doing, users.ended = "downloading", 1.0
    receive = users.receiver()
    receive(500)
    receive(700)
    assert run.snapshot().data_sets_done == 0
    assert run.snapshot().bytes == 700
    assert run.snapshot().doing == [("users", "downloading")]
    users.receiver()(1_000)
    users.doing = ""
    assert users.bytes == 1_700
    run.finish_data_set("tools", ValueError())
    roles.doing, roles.ended = "", 1.0
    clock[0] = 6.0
    snapshot = run.snapshot()
    assert (snapshot.data_sets, snapshot.data_sets_done, snapshot.skipped) == (4, 3, 1)
    assert snapshot.seconds_left == pytest.approx(2.0)


def test_a_session_counts_from_when_it_is_watched() -> None:
    activity, run = Activity(), RunProgress()
    activity.count_request()
    run.watch(activity)
    activity.count_request()
    activity.count_credits(10, 400)
    run.watch(activity)  # each resource of a source does so
    activity.count_request()
    counts = run.activity()
    assert (counts.requests, counts.credits_spent, counts.credits_left) == (2, 10, 400)


def test_who_counts_outside_of_a_run_counts_for_nobody() -> None:
    run = RunProgress(["users"])
    with count_progress(run):
        assert current_progress() is run
    current_progress().table("users").rows += 5
    assert run.snapshot().rows == 0


def test_what_is_over_is_reported_at_once() -> None:
    over: list[TableProgress] = []
    run = RunProgress(["users"], over.append)
    run.finish("users", ValueError())
    assert [(one.table, one.state, one.error) for one in over] == [
        ("users", "failed", "ValueError")
    ]


def test_the_tables_of_loads_are_no_tables_of_brightspace() -> None:
    assert {*_AUDIT_TABLES, CODES, "load_runs"} == BOOKKEEPING
