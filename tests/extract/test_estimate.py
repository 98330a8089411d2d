"""What a load is said to take, against what one takes."""

from __future__ import annotations

from pathlib import Path

import dlt
import pytest

from d2l_brightspace import BearerAuth, d2l_brightspace_source, run
from d2l_brightspace.connection import connect
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.extract.estimate import Estimate, TableEstimate, estimate
from d2l_brightspace.extract.parents import CourseOfferings
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from d2l_brightspace.tables import chosen_tables

TABLES = ["courses", "parent_courses", "classlist", "quiz_attempts", "users", "log_messages"]


def test_an_estimate_is_near_to_what_a_load_takes(tmp_path: Path) -> None:
    settings = SandboxSettings(courses=30, users=400, page_size=20, log_messages=0, request_cost=7)
    with Sandbox(settings) as sandbox:
        credentials = BearerAuth(sandbox.credentials["bearer"]["token"])
        session = connect(sandbox.url, credentials)
        try:
            found = estimate(
                session, chosen_tables(TABLES), ENDPOINTS, CourseOfferings(session, None)
            )
            asked = len(sandbox.requests)
            cut = estimate(
                session,
                chosen_tables(["courses"]),
                ENDPOINTS,
                CourseOfferings(session, None),
                most_course_pages=1,
            )
        finally:
            session.close()
        assert asked < 35
        before = len(sandbox.requests)
        pipeline = dlt.pipeline(
            "estimated",
            destination=dlt.destinations.duckdb(str(tmp_path / "x.duckdb")),
            pipelines_dir=str(tmp_path / "pipelines"),
        )
        run(pipeline, d2l_brightspace_source(sandbox.url, credentials, tables=TABLES))
        taken = len(sandbox.requests) - before
    by_table = {one.table: one for one in found.tables}
    # quizzes are read although nobody wants them: they lead to the attempts
    assert by_table.keys() == {*TABLES, "quizzes"}
    assert by_table["courses"].requests == by_table["quizzes"].requests == 30
    assert by_table["parent_courses"].requests == 2
    # of 21 pages of users five were read
    assert (by_table["users"].requests, by_table["users"].at_least) == (5, True)
    assert taken - 16 == pytest.approx(found.requests, rel=0.2)
    assert (found.courses, found.courses_at_least, found.at_least) == (30, False, True)
    assert found.cost_reported
    assert found.credits == 7 * found.requests
    assert (cut.courses, cut.courses_at_least, cut.at_least) == (20, True, True)
    assert "for at least 20 courses" in str(cut)
    assert found.as_json()["tables"][0]["table"] == "users"


def test_the_slower_of_answers_and_credits_counts() -> None:
    tables = (TableEstimate("classlist", 60_000),)
    by_answers = Estimate(
        1000, False, tables, seconds_per_request=0.2, requests_in_flight=20, credits_left=1e6
    )
    assert by_answers.seconds == 600
    assert by_answers.limited_by == "answers"
    assert str(by_answers) == "about 60,000 requests for 1,000 courses, 600,000 credits, 10 minutes"
    by_credits = Estimate(
        1000, False, tables, seconds_per_request=0.2, requests_in_flight=20, credits_left=0
    )
    assert by_credits.seconds == pytest.approx(720)
    assert by_credits.limited_by == "credits"
    one_long_list = Estimate(
        0,
        False,
        (TableEstimate("users", 5000),),
        seconds_per_request=0.2,
        requests_in_flight=20,
        longest_list=5000,
    )
    assert one_long_list.seconds == 1000
