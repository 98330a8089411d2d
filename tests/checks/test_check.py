"""`d2l-brightspace check` as a whole: what it asks, what it finds, and that it always finishes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.utils import formatdate
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from d2l_brightspace import BearerAuth, IdKeyAuth
from d2l_brightspace.checks.account import AccountCheck, lasts_for
from d2l_brightspace.cli.main import main
from d2l_brightspace.client.auth.tokens import claims_of
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from d2l_brightspace.sandbox.scopes import EVERY_SCOPE
from tests.hostile.tenant import tenant
from tests.wire_server import Answer, Request, Server

PREFIX = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
HOUR = 3600
Check = Callable[..., "Result"]


class Result:
    """What one check has printed, as a program reads it."""

    def __init__(self, done: Any) -> None:
        self.exit_code = done.exit_code
        self.stderr = done.stderr
        self.document = json.loads(done.stdout)
        assert done.exit_code == self.document["exit_code"]

    def __getitem__(self, name: str) -> dict[str, Any]:
        (found,) = (one for one in self.document["checks"] if one["name"] == name)
        return dict(found)

    def outcomes(self, section: str) -> dict[str, str]:
        return {
            one["name"]: one["outcome"]
            for one in self.document["checks"]
            if one["section"] == section
        }


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Set settings, in a folder that has no others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", "duckdb")
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", str(tmp_path / "loaded.duckdb"))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))
    return lambda name, value: monkeypatch.setenv(PREFIX + name, value)


@pytest.fixture
def check(settings: Callable[[str, str], None]) -> Check:
    """Run a check of a host with a token."""

    def run(url: str, token: str, *arguments: str) -> Result:
        settings("HOST", url)
        settings("CREDENTIALS__TOKEN", token)
        return Result(CliRunner().invoke(main, ["check", "--json", *arguments]))

    return run


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(Sandbox(SandboxSettings(**more)))


def token_of(sandbox: Sandbox) -> str:
    return sandbox.credentials["bearer"]["token"]


def jwt(**claims: Any) -> str:
    """A token whose signature nobody looks at."""
    parts = [json.dumps(one).encode() for one in ({"alg": "none"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts), "x"])


def test_all_is_well_and_nothing_is_left_behind(
    check: Check, start: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = start(courses=8)
    result = check(sandbox.url, token_of(sandbox), "--tables", "*")
    assert result.exit_code == 0
    assert result.document["ok"]
    tables = result.outcomes("tables")
    assert tables.keys() == {"list of courses", *ENDPOINTS}
    assert set(tables.values()) == {"OK"}
    assert set(result.outcomes("host").values()) == {"OK"}
    assert result["API lp"]["detail"].startswith("1.63 is used")
    assert result["user"]["detail"] == f"user id {sandbox.world.caller_id}"
    assert result["data sets"]["outcome"] == "OK"
    assert "on offer; newest extract of" in result["data sets"]["detail"]
    assert result["course packages"]["outcome"] == "not checked"
    assert " left, 10 a request" in result["credits"]["detail"]
    # small questions, and none that changes anything
    assert {one["method"] for one in sandbox.requests} == {"GET"}
    assert len(sandbox.requests) < 80
    assert "GB free" in result["warehouse"]["detail"]
    assert not (tmp_path / "loaded.duckdb").exists()


def test_scopes_that_are_missing_end_nothing(check: Check, start: Callable[..., Sandbox]) -> None:
    missing = (
        "users:own_profile:read",
        "users:profile:read",
        "organizations:organization:read",
        "users:userdata:read",
        "datasets:bds:read",
        "datahub:dataexports:read",
    )
    given = " ".join(one for one in EVERY_SCOPE.split() if one not in missing)
    sandbox = start(courses=3, scopes=given)
    result = check(sandbox.url, token_of(sandbox), "--tables", "core,quizzes")
    assert result.exit_code == 1
    tables = result.outcomes("tables")
    assert tables.pop("org_units") == tables.pop("users") == "scope missing"
    assert tables.pop("list of courses") == "warning"
    assert set(tables.values()) == {"OK"}
    assert result["user"]["outcome"] == result["data sets"]["outcome"] == "scope missing"
    assert result["users"]["scope"] == "users:userdata:read"
    assert "only the caller's own courses" in result["list of courses"]["detail"]
    assert result.document["estimate"]["courses"] == 3


def test_what_is_not_there_to_be_asked_for(check: Check, start: Callable[..., Sandbox]) -> None:
    sandbox = start(courses=4)
    sandbox.remove("quizzes")
    sandbox.fail("discussion_forums", 404)
    for course in sandbox.world.course_ids[:2]:
        sandbox.world.forbid(course)
    result = check(sandbox.url, token_of(sandbox), "--tables", "quizzes,discussions,classlist")
    assert result.outcomes("tables") == {
        "list of courses": "OK",
        "classlist": "OK",  # one course may be closed
        "quizzes": "OK",
        "quiz_attempts": "not checked",
        "discussion_forums": "nothing there",
        "discussion_topics": "nothing there",
        "discussion_posts": "nothing there",
    }
    assert result["quiz_attempts"]["detail"] == "no row of quizzes was found in 3 courses"
    assert "discussion_forums, which leads to it" in result["discussion_topics"]["detail"]
    assert result.exit_code == 1

    empty = start(courses=0)
    result = check(empty.url, token_of(empty), "--tables", "users,classlist")
    assert result.outcomes("tables") == {
        "list of courses": "no course",
        "users": "OK",
        "classlist": "no course",
    }


def test_what_a_token_says_of_itself(check: Check) -> None:
    world = tenant(courses=2)
    token = jwt(
        scope="users:userdata:read import:job:create canary:\x1b[2J:read", exp=time.time() + 61
    )
    world.tokens = {token}

    def answer(request: Request) -> Answer:
        if request.path.endswith(("/whoami", "/classlist/paged/")):
            return Answer(403, {"title": "Not Authorized"})  # without a word about a scope
        return world(request)

    with Server(answer) as server:
        server.latency = 0.05
        result = check(server.url, token, "--tables", "users,classlist")
    assert result["classlist"]["outcome"] == "scope missing"
    assert result["users"]["outcome"] == "OK"
    assert result["scopes"]["detail"].endswith("import:job:create users:userdata:read")
    assert result["scopes"]["detail"].isprintable()
    assert result["access token"]["detail"] == "works for about 1 min from now"
    assert result["course packages"]["outcome"] == "scope missing"
    assert "import:job:create" not in result["course packages"]["scope"]
    assert result["credits"]["detail"].startswith("no limit is reported")
    assert token not in json.dumps(result.document)


def test_the_time_by_which_signatures_are_corrected(
    settings: Callable[[str, str], None], start: Callable[..., Sandbox]
) -> None:
    sandbox = start(courses=1, clock_offset=-HOUR)
    settings("HOST", sandbox.url)
    for name, value in sandbox.credentials["id_key"].items():
        settings(f"CREDENTIALS__{name.upper()}", value)
    result = Result(CliRunner().invoke(main, ["check", "--json", "--tables", "users"]))
    assert result.exit_code == 0
    assert result["scheme"]["detail"] == "ID-Key"
    assert result["signatures"]["outcome"] == "warning"
    assert "s ahead of Brightspace's" in result["signatures"]["detail"]
    assert "scopes" not in result.outcomes("credentials")


@pytest.mark.parametrize("text", ["opaque", "a.b.c", "a.!!.c", "a.W10.c", f"a.{'W' * 9}.c", ""])
def test_what_is_no_token_that_can_be_read(text: str) -> None:
    assert claims_of(text) is None


def test_a_token_that_ends_before_the_load_does() -> None:
    account = AccountCheck(expires_at=1600.0)
    warning = lasts_for(account, BearerAuth("t"), seconds=1200, now=1000)
    assert warning is not None
    assert "works for about 10 min, the load takes 20, and a bearer token" in warning.detail
    assert lasts_for(account, BearerAuth("t"), seconds=500, now=1000) is None
    renewed = IdKeyAuth("a", "b", "c", "d")
    assert lasts_for(account, renewed, seconds=1200, now=1000) is None


def test_credentials_that_are_not_accepted(check: Check, start: Callable[..., Sandbox]) -> None:
    sandbox = start(courses=1)
    result = check(sandbox.url, "canary-token")
    assert result["log-in"]["outcome"] == "failed"
    assert set(result.outcomes("tables").values()) == {"not checked"}
    assert result["users"]["detail"] == "the log-in failed"
    assert result["warehouse"]["outcome"] == "OK"
    assert result.exit_code == 1
    assert "canary" not in json.dumps(result.document)


def test_a_clock_that_is_off_by_an_hour(check: Check) -> None:
    world = tenant()

    def answer(request: Request) -> Answer:
        found = world(request)
        found.headers["Date"] = formatdate(time.time() + HOUR, usegmt=True)
        return found

    with Server(answer) as server:
        result = check(server.url, "token", "--tables", "users")
    assert result["clock"]["outcome"] == "warning"
    assert "this machine's is 3,600 s behind the host's" in result["clock"]["detail"].replace(
        "3,599", "3,600"
    ).replace("3,601", "3,600")
    assert result.outcomes("tables") == {"users": "OK"}  # no course is needed, none looked for


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nowhere.invalid", "nowhere.invalid cannot be reached: there is no such name"),
        ("127.0.0.1:9", "No answer from 127.0.0.1:9: the connection was refused"),
    ],
)
def test_a_host_that_is_not_reached(check: Check, url: str, words: str) -> None:
    began = time.monotonic()
    result = check(url, "token")
    assert time.monotonic() - began < 5
    assert result.exit_code == 3
    assert words in result[url]["detail"]
    assert "Check `host`" in result[url]["detail"]
    assert result["users"] == {
        "section": "tables",
        "name": "users",
        "outcome": "not checked",
        "detail": "the host is not reached",
        "scope": None,
        "needed": True,
    }
    assert result["warehouse"]["outcome"] == "OK"


def test_a_host_that_is_no_brightspace(check: Check) -> None:
    page = Answer(body=b"<!doctype html><p>[bold]Welcome[/]</p>", content_type="text/html")
    with Server(lambda _: page) as server:
        result = check(server.url, "canary-token")
        assert [one.path for one in server.requests] == [
            "/d2l/api/versions/",
            "/d2l/auth/api/cancel",
        ]
        assert not any("authorization" in one.headers for one in server.requests)
        server.fault("cancel", Answer(403))
        again = check(server.url, "canary-token")
    assert result.exit_code == 1
    assert "It is no Brightspace. Check `host`" in result["Brightspace"]["detail"]
    assert "log-in route answers as a Brightspace's does" in again["Brightspace"]["detail"]
    with Server(lambda _: Answer(302, headers={"Location": "https://login.example.edu/x?y"})) as s:
        moved = check(s.url, "canary-token")
    assert "sends whoever asks to login.example.edu. " in moved["Brightspace"]["detail"]
    with Server(lambda _: Answer(503)) as busy:
        down = check(busy.url, "canary-token")
        assert len(busy.requests) == 1
    assert "(status 503): run later" in down["Brightspace"]["detail"]


def test_the_destination(
    check: Check, start: Callable[..., Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = start(courses=1)

    def checked(destination: str = "warehouse") -> tuple[str, str]:
        found = check(
            sandbox.url, token_of(sandbox), "--tables", "versions", "--destination", destination
        )
        assert found.exit_code == (0 if found[destination]["outcome"] == "OK" else 1)
        return found[destination]["outcome"], found[destination]["detail"]

    with duckdb.connect(tmp_path / "loaded.duckdb") as database:
        database.execute("CREATE TABLE mine AS SELECT 1 AS one")
    assert checked()[0] == "OK"
    with duckdb.connect(tmp_path / "loaded.duckdb") as database:
        schemas = database.execute("SELECT schema_name FROM information_schema.schemata")
        assert not [one for one in schemas.fetchall() if "brightspace" in one[0]]
        assert database.execute("FROM mine").fetchall() == [(1,)]
    (tmp_path / "loaded.duckdb").write_text("no database")
    assert checked() == ("failed", "warehouse: the file is no DuckDB database")
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", str(tmp_path / "gone" / "x.duckdb"))
    assert "is not there" in checked()[1]
    assert "There is no destination 'elsewhere'" in checked("elsewhere")[1]
    assert "Set them in [destination.postgres]" in checked("postgres")[1]
    # that which nobody configured is a file, as for the load
    monkeypatch.delenv("DESTINATION__WAREHOUSE__CREDENTIALS")
    monkeypatch.delenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE")
    outcome, detail = checked()
    assert (outcome, "warehouse.duckdb, " in detail) == ("OK", True)
    assert not [*tmp_path.glob("warehouse*")]


def test_settings_that_are_missing_or_wrong(
    settings: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", "/proc/nowhere")
    missing = Result(CliRunner().invoke(main, ["check", "--json"]))
    assert missing.exit_code == 2
    assert missing["settings"]["outcome"] == "failed"
    assert "Missing settings: " in missing.stderr
    assert missing["warehouse"]["outcome"] == "OK"
    assert missing["working folder"]["outcome"] == "failed"
    assert "Set DLT_DATA_DIR" in missing["working folder"]["detail"]
    settings("HOST", "school.example.edu")
    settings("CREDENTIALS__TOKEN", "canary-token")
    wrong = Result(CliRunner().invoke(main, ["check", "--json", "--tables", "quizes"]))
    assert wrong.exit_code == 2
    assert "Did you mean 'quizzes'" in wrong["settings"]["detail"]
    empty = CliRunner().invoke(main, ["check", "--tables", " , "])
    assert empty.exit_code == 2
    assert "names nothing" in empty.output


def test_what_people_read(
    check: Check, start: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = start(courses=1)
    check(sandbox.url, token_of(sandbox), "--tables", "versions")  # for its settings
    done = CliRunner().invoke(main, ["check", "--tables", "users,parent_courses"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    (line,) = (one for one in lines if one.startswith("  parent_courses"))
    assert line.split() == ["parent_courses", "OK", "[scope", "enrollment:own_enrollment:read]"]
    assert lines[-1] == "All that was chosen can be loaded."
    assert done.stderr == "Checking; this may take a minute.\n"
