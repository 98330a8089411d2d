"""Rate limit, changes while it runs, journal, controls and command line."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests import ROOT

from .caller import Api, Serve

WHO = "lp/1.50/users/whoami"
HEADERS = ("X-Rate-Limit-Remaining", "X-Request-Cost", "X-Rate-Limit-Reset")


# -- rate limit ----------------------------------------------------------------------------------


def test_credits_run_out_and_come_back(serve: Serve) -> None:
    api = serve(clock=lambda: 1_000.0, credits=25, refill=2)
    for expected in (["15", "10", "5"], ["5", "10", "10"]):
        headers = api.get(WHO).headers
        assert [headers[name] for name in HEADERS] == expected
    refused = api.get(WHO)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3"
    assert not set(HEADERS) & set(refused.headers)
    api.sandbox.clock.advance(2.4)
    assert api.get(WHO).status_code == 429
    api.sandbox.clock.advance(0.2)
    assert api.get(WHO).status_code == 200


def test_each_application_has_its_own_credits(serve: Serve) -> None:
    api = serve(clock=lambda: 1_000.0, credits=10)
    known = api.sandbox.credentials["refresh_token"]
    known = {**known, "grant_type": "refresh_token"}
    token = requests.post(api.sandbox.token_url, data=known, timeout=5).json()["access_token"]
    assert [api.get(WHO).status_code for _ in range(2)] == [200, 429]
    assert api.get(WHO, token).status_code == 200
    assert "X-Request-Cost" not in api.anonymous("versions/").headers


def test_refusals_cost_credits_too(serve: Serve) -> None:
    api = serve(scopes="role:detail:read")
    answer = api.get(WHO)
    assert (answer.status_code, answer.headers["X-Request-Cost"]) == (403, "10")


def test_limiter_can_be_off(serve: Serve) -> None:
    assert not set(HEADERS) & set(serve(credits=0).get(WHO).headers)


# -- changes while it runs -----------------------------------------------------------------------


def test_people_leave_and_courses_empty(serve: Serve) -> None:
    api = serve()
    world, before = api.sandbox.world, api.sandbox.truth()
    first, second, third = world.course_ids
    someone = world.class_list(first)[0].user_id
    world.unenroll(first, someone)
    world.empty_course(second)
    assert len(api.json(f"le/1.82/{first}/classlist/")) == 4
    assert api.json(f"le/1.82/{second}/classlist/paged/") == {"Next": None, "Objects": []}
    assert len(api.items(f"lp/1.50/enrollments/orgUnits/{second}/users/")) == 1
    assert api.sandbox.truth()["classlist"] == before["classlist"] - 6
    world.empty_course(third, keep_caller=False)
    assert api.json(f"lp/1.50/enrollments/orgUnits/{third}/users/")["PagingInfo"] == {
        "Bookmark": None,
        "HasMoreItems": False,
    }
    assert api.sandbox.truth()["parent_courses"] == 2


def test_courses_and_users_come_and_go(serve: Serve) -> None:
    api = serve()
    world, before = api.sandbox.world, api.sandbox.truth()
    course = world.add_course("Pottery 001")
    user = world.add_user("Nova", "Sample", email="nova@example.edu")
    world.enroll(course.unit_id, user.user_id)
    world.update_user(user.user_id, last_name="Changed")
    after = api.sandbox.truth()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        *("org_units", "users", "courses", "parent_courses"),
        *("classlist", "my_enrollments", "enrollments"),
    }
    listed = api.json(f"le/1.82/{course.unit_id}/classlist/")
    assert [row["LastName"] for row in listed] == ["Changed"]
    world.remove_user(user.user_id)
    world.remove_course(course.unit_id)
    assert api.sandbox.truth() == before
    assert world.add_user("Nova", "Sample").user_id > user.user_id


def test_forbidding_and_allowing(serve: Serve) -> None:
    api = serve()
    course = api.sandbox.world.course_ids[0]
    api.sandbox.world.forbid(course)
    assert api.get(f"lp/1.50/courses/{course}").status_code == 403
    truth = api.sandbox.truth()
    assert (truth["courses"], truth["classlist"], truth["enrollments"]) == (2, 10, 12)
    assert truth["skipped"] == [
        {"resource": name, "org_unit_id": course}
        for name in ("courses", "classlist", "enrollments")
    ]
    api.sandbox.world.allow(course)
    assert api.get(f"lp/1.50/courses/{course}").status_code == 200


def test_more_log_messages(serve: Serve) -> None:
    api = serve()
    moment = api.sandbox.world.log_messages[0].at
    added = api.sandbox.world.add_log_messages(3, at=moment)
    assert [row["LogMessageId"] for row in api.items("lp/1.50/logging/")][-3:] == [
        message.message_id for message in added
    ]
    assert {message.at for message in added} == {moment}


def test_mistakes_are_errors(serve: Serve) -> None:
    world = serve().sandbox.world
    for wrong in (
        lambda: world.forbid(1),
        lambda: world.enroll(1, world.caller_id),
        lambda: world.unenroll(world.course_ids[0], 1),
    ):
        with pytest.raises(KeyError):
            wrong()
    with pytest.raises(ValueError, match="caller"):
        world.remove_user(world.caller_id)
    with pytest.raises(ValueError, match="page_size"):
        SandboxSettings(page_size=0)


# -- truth, seed, journal ------------------------------------------------------------------------


def test_truth_is_what_the_routes_give(api: Api) -> None:
    truth, world = api.sandbox.truth(), api.sandbox.world
    readable = [course for course in world.course_ids if course not in world.forbidden]
    lists = [api.json(f"le/1.82/{course}/classlist/") for course in readable]
    members = [api.items(f"lp/1.50/enrollments/orgUnits/{course}/users/") for course in readable]
    assert truth["courses"] == len(readable) == 5
    assert truth["classlist"] == sum(map(len, lists)) == 60
    assert truth["enrollments"] == sum(map(len, members)) == 65
    assert truth["users"] == len(api.items("lp/1.50/users/"))
    assert truth["log_messages"] == len(api.items("lp/1.50/logging/"))
    assert truth["versions"] == len(api.anonymous("versions/").json())


def test_same_seed_same_tenant() -> None:
    one, same, other = (Sandbox(SandboxSettings(seed=seed)) for seed in (5, 5, 6))
    assert one.world == same.world
    assert one.credentials == same.credentials
    assert one.world != other.world
    assert one.credentials["bearer"] != other.credentials["bearer"]


def test_only_seed_0_calls_course_offerings_3() -> None:
    kinds = [
        Sandbox(SandboxSettings(seed=seed)).world.unit_types["Course Offering"].type_id
        for seed in range(3)
    ]
    assert kinds[0] == 3
    assert 3 not in kinds[1:]


def test_journal(serve: Serve) -> None:
    api = serve()
    api.get(WHO)
    api.anonymous("lp/1.50/users/?bookmark=7&x_a=secret&x_d=secret")
    found = list(api.sandbox.requests)
    assert found == [
        {
            "method": "GET",
            "path": f"/d2l/api/{WHO}",
            "query": {},
            "status": 200,
            "scheme": "bearer",
        },
        {
            "method": "GET",
            "path": "/d2l/api/lp/1.50/users/",
            "query": {"bookmark": "7"},
            "status": 403,
            "scheme": "id_key",
        },
    ]
    api.sandbox.requests.clear()
    assert len(api.sandbox.requests) == 0


def test_latency_does_not_add_up(serve: Serve) -> None:
    api = serve(latency_ms=50)
    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: requests.get(api.url("versions/"), timeout=5), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert 0.05 <= time.monotonic() - start < 0.4
    assert api.sandbox.requests.peak_in_flight > 1


def test_large_answers_are_compressed_when_the_client_can(api: Api) -> None:
    path = f"{api.sandbox.url}/d2l/api/versions/"
    small = requests.get(f"{path[:-9]}lr/versions/", timeout=5)
    assert "Content-Encoding" not in small.headers
    users = api.get("lp/1.50/users/")
    assert users.headers["Content-Encoding"] == "gzip"


def test_stop_closes_the_port() -> None:
    with Sandbox(SandboxSettings(courses=1)) as sandbox:
        assert requests.get(f"{sandbox.url}/d2l/api/versions/", timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{sandbox.url}/d2l/api/versions/", timeout=5)


# -- controls and command line -------------------------------------------------------------------


def test_controls(serve: Serve) -> None:
    api = serve()
    world, base = api.sandbox.world, f"{api.sandbox.url}/sandbox"
    course = world.course_ids[0]
    user = world.class_list(course)[0].user_id

    def post(name: str, **body: Any) -> requests.Response:
        return requests.post(f"{base}/{name}", json=body, timeout=5)

    assert requests.get(f"{base}/truth", timeout=5).json() == api.sandbox.truth()
    assert requests.get(f"{base}/credentials", timeout=5).json() == api.sandbox.credentials
    assert post("unenroll", orgUnitId=course, userId=user).json()["classlist"] == 14
    assert post("empty-course", orgUnitId=course).json()["classlist"] == 10
    assert post("forbid", orgUnitId=course).json()["courses"] == 2
    assert post("allow", orgUnitId=course).json()["courses"] == 3
    assert post("log-messages", count=5).json()["log_messages"] == 15
    assert post("forbid", orgUnitId=1).status_code == 404
    assert post("forbid").status_code == 404
    assert requests.post(f"{base}/forbid", data="[", timeout=5).status_code == 400
    assert requests.get(f"{base}/requests", timeout=5).json() == []


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "d2l_brightspace.sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_command_line_prints_settings_to_paste_and_ends_cleanly(ending: signal.Signals) -> None:
    with command("--courses", "2", "--seed", "4", "--credits", "0") as process:
        assert process.stdout
        lines: list[str] = []
        while not lines or not lines[-1].startswith("user_key"):
            lines.append(process.stdout.readline())
        printed = "".join(lines)
        url = printed.partition('host = "')[2].partition('"')[0]
        token = printed.partition('\ntoken = "')[2].partition('"')[0]
        headers = {"Authorization": f"Bearer {token}"}
        who = requests.get(f"{url}/d2l/api/{WHO}", headers=headers, timeout=5)
        assert who.status_code == 200
        assert printed.count("[sources.d2l_brightspace_source.credentials]") == 4
        process.send_signal(ending)
        _, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) == (0, "")


def test_port_in_use_is_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with command("--port", str(port)) as process:
            output, errors = process.communicate(timeout=5)
    assert (process.returncode, output) == (2, "")
    assert errors == f"Port {port} is in use; choose another one with --port.\n"


def test_help_teaches() -> None:
    with command("--help") as process:
        output, _ = process.communicate(timeout=5)
    assert process.returncode == 0
    assert "--forbidden-courses" in output
    assert "example:" in output
