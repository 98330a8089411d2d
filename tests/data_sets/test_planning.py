"""Which extracts are applied: every rule, without network or clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from d2l_brightspace.data_sets.planning import Extract, Plan, Progress, after, plan

DAY_0 = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
WEEK = timedelta(days=7)


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


def full(number: float, *, ready: bool = True, version: str = "9.8") -> Extract:
    return Extract("full", day(number), "link" if ready else None, 1, version)


def diff(number: float, *, ready: bool = True, version: str = "9.8") -> Extract:
    return Extract("differential", day(number), "link" if ready else None, 1, version)


def diffs(first: int, last: int) -> list[Extract]:
    return [diff(number) for number in range(first, last + 1)]


def applied(found: Plan) -> list[tuple[str, int]]:
    return [(one.kind, (one.created - DAY_0).days) for one in found.extracts]


def at(full_day: float, until: float, **more: bool) -> Progress:
    return Progress(day(full_day), day(until), "9.8", **more)


def test_the_first_run_takes_the_newest_full_and_what_came_after_it():
    offered = [diff(8), full(0), diff(6), full(7), diff(9)]
    found = plan(offered, None, WEEK)
    assert applied(found) == [("full", 7), ("differential", 8), ("differential", 9)]
    assert (found.reason, found.gap, found.replaces) == ("first", False, True)


def test_without_any_full_nothing_is_applied():
    assert plan(diffs(1, 3), None, WEEK) == Plan()


def test_a_full_that_is_not_ready_is_not_taken():
    assert applied(plan([full(0), full(7, ready=False), *diffs(1, 2)], None, WEEK)) == [
        ("full", 0),
        ("differential", 1),
        ("differential", 2),
    ]


def test_later_runs_take_every_newer_differential_in_order():
    found = plan([diff(3), full(0), diff(1), diff(2)], at(0, 1), WEEK)
    assert applied(found) == [("differential", 2), ("differential", 3)]
    assert not found.replaces


def test_nothing_new_is_nothing_to_do():
    assert plan([full(0), *diffs(1, 3)], at(0, 3), WEEK) == Plan()


def test_an_extract_that_is_listed_twice_is_applied_once():
    assert applied(plan([full(0), diff(1), diff(1)], at(0, 0), WEEK)) == [("differential", 1)]


@pytest.mark.parametrize("every", [None, WEEK])
def test_without_differentials_each_new_full_is_taken(every):
    found = plan([full(0), full(7)], at(0, 0), every)
    assert (applied(found), found.reason) == ([("full", 7)], "no differentials")


def test_a_data_set_without_a_key_takes_fulls_only():
    found = plan([full(0), *diffs(1, 9), full(7)], at(0, 0), None, mergeable=False)
    assert applied(found) == [("full", 7)]


def test_a_gap_takes_the_next_full():
    found = plan([full(0), full(28), *diffs(16, 30)], at(0, 3), None)
    assert (applied(found), found.reason) == (
        [("full", 28), ("differential", 29), ("differential", 30)],
        "gap",
    )
    assert not found.gap


def test_a_gap_that_no_full_can_mend_is_remembered_until_one_can():
    gap = plan([full(0), *diffs(16, 18)], at(0, 3), None)
    assert applied(gap) == [("differential", 16), ("differential", 17), ("differential", 18)]
    assert gap.gap
    progress = after(gap, at(0, 3))
    assert progress == at(0, 18, gap=True)
    mended = plan([full(0), full(21), *diffs(16, 22)], progress, None)
    assert applied(mended) == [("full", 21), ("differential", 22)]
    assert (mended.reason, mended.gap) == ("gap", False)


def test_a_full_from_before_the_gap_does_not_mend_it():
    found = plan([full(2), *diffs(17, 18)], at(0, 3), WEEK)
    assert [kind for kind, _ in applied(found)] == ["differential", "differential"]
    assert found.gap


def test_the_first_differentials_of_all_are_no_gap():
    found = plan([full(0), *diffs(1, 2)], at(0, 0), None)
    assert (applied(found), found.gap) == ([("differential", 1), ("differential", 2)], False)


def test_a_first_full_older_than_what_is_kept_of_differentials_leaves_a_gap():
    assert plan([full(0), *diffs(7, 20)], None, None).gap


def test_a_full_is_taken_on_schedule():
    offered = [full(0), full(7), *diffs(1, 9)]
    assert applied(plan(offered, at(0, 8), timedelta(days=8))) == [("differential", 9)]
    found = plan(offered, at(0, 8), WEEK)
    assert (applied(found), found.reason) == (
        [("full", 7), ("differential", 8), ("differential", 9)],
        "schedule",
    )


def test_a_new_major_version_takes_the_next_full():
    offered = [full(0), *diffs(1, 6), full(7, version="10.0"), diff(8, version="10.0")]
    found = plan(offered, at(0, 6), None)
    assert (applied(found), found.reason) == ([("full", 7), ("differential", 8)], "version")


def test_a_differential_that_is_not_ready_holds_up_those_after_it():
    offered = [full(0), diff(1), diff(2, ready=False), diff(3)]
    assert applied(plan(offered, at(0, 0), None)) == [("differential", 1)]


def test_an_expired_differential_is_a_gap():
    expired = [diff(number, ready=False) for number in range(1, 5)]
    found = plan([full(0), *expired, *diffs(5, 18)], at(0, 2), None)
    assert found.gap
    assert applied(found)[0] == ("differential", 5)


def test_progress_follows_the_plan():
    first = plan([full(0), *diffs(1, 2)], None, None)
    assert after(first, None) == at(0, 2)
    assert after(Plan(), at(0, 2)) == at(0, 2)
    assert after(plan([full(0), *diffs(1, 3)], at(0, 2), None), at(0, 2)) == at(0, 3)
