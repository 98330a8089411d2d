"""Every table of the reference is served as its entry says, with the rows the sandbox names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from d2l_brightspace.sandbox.faults import GARBAGE
from d2l_brightspace.sandbox.lists import NOT_SERVED, OF_DATA_HUB, Row
from d2l_brightspace.sandbox.reference import Field, TableRoute, reference

from .caller import Api, Serve

REFERENCE = reference()
VERSIONS = {"lp": "lp/1.63/", "le": "le/1.99/", "bas": "bas/1.6/", "": ""}
SERVED = [
    one for name, one in REFERENCE.routes.items() if name not in NOT_SERVED.keys() | OF_DATA_HUB
]
LE = "le/1.99"
WINDOW = {"startDateTime": "2026-01-01T00:00:00.000Z", "endDateTime": "2026-12-31T00:00:00.000Z"}
FIXED = {**WINDOW, "objectType": "Dropbox", "assessmentType": "Rubric"}


@pytest.fixture(scope="module")
def small() -> Iterator[Api]:
    """Four courses, one of them forbidden, and two rows on a page; no test changes it."""
    settings = SandboxSettings(
        courses=4, users=6, class_size=5, log_messages=5, page_size=2, forbidden_courses=1
    )
    with Sandbox(settings) as sandbox:
        caller = Api(sandbox)
        yield caller
        caller.close()


@pytest.fixture(scope="module")
def course(small: Api) -> int:
    """A course that may be read and has quizzes."""
    return int(small.sandbox.rows("quizzes")[0].keys["orgUnitId"])


def address(route: TableRoute, keys: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Path and parameters of the list of some parents."""
    path = VERSIONS[route.product] + route.path
    query = {
        one.name: FIXED[one.name] for one in route.params if one.required and one.name in FIXED
    }
    for parent in route.parents:
        if parent.param:
            query[parent.param] = keys[parent.placeholder]
        else:
            path = path.replace(f"{{{parent.placeholder}}}", str(keys[parent.placeholder]))
    return path, query


def walk(api: Api, route: TableRoute, keys: dict[str, Any], **more: Any) -> list[list[Any]]:
    """The pages of a list, by the rules of its style."""
    path, query = address(route, keys)
    query |= more
    if route.paging == "paged_result_set":
        return [page["Items"] for page in api.pages(path, **query)]
    if route.paging in {"object_list", "limit_offset"}:
        pages = [api.json(path, **query)]
        while pages[-1]["Next"]:
            assert urlsplit(pages[-1]["Next"]).netloc == urlsplit(api.sandbox.url).netloc
            pages.append(api.json(pages[-1]["Next"]))
        assert all(set(page) == {"Next", "Objects"} for page in pages)
        return [page["Objects"] for page in pages]
    if route.paging == "page_number":
        (name,) = {"page", "pageNumber"} & {param.name for param in route.params}
        found = []
        while not found or found[-1]:
            found.append(api.json(path, **query, **{name: len(found) + 1}))
        return found[:-1]
    answer = api.json(path, **query)
    return [[answer]] if route.paging in {"object", "tree"} else [answer]


def sent(row: Row) -> Any:
    return row.block["value"] if set(row.block) == {"value"} else row.block


# -- all of them ---------------------------------------------------------------------------------


def test_what_is_not_served_says_why() -> None:
    assert set(NOT_SERVED) <= set(REFERENCE.routes)
    assert all(len(reason) > 20 for reason in NOT_SERVED.values())
    assert len(SERVED) >= 138


@pytest.mark.parametrize("route", SERVED, ids=lambda route: route.table)
def test_rows_over_the_wire_are_those_of_the_sandbox(small: Api, route: TableRoute) -> None:
    sandbox = small.sandbox
    by_parents: dict[str, tuple[dict[str, Any], list[Any]]] = {}
    for row in sandbox.rows(route.table):
        by_parents.setdefault(str(row.keys), (row.keys, []))[1].append(sent(row))
    for keys, rows in list(by_parents.values())[:12]:
        pages = walk(small, route, keys)
        got = [one for page in pages for one in page]
        assert sorted(map(str, got)) == sorted(map(str, rows))
    assert by_parents


def test_keys_are_unique_and_values_have_their_types(small: Api) -> None:
    for route in SERVED:
        rows = small.sandbox.rows(route.table)
        known = {parent.placeholder for parent in route.parents} | REFERENCE.fields(
            route.table
        ).keys()
        key = [name for name in route.key if name in known]
        keys = Counter(tuple(str(row.get(name)) for name in key) for row in rows)
        assert keys, route.table
        assert max(keys.values()) == 1, route.table
        for row in rows:
            _check(row.block, REFERENCE.fields(route.table), route.table)


def _check(block: dict[str, Any], fields: Any, table: str) -> None:
    for field in fields.values():
        value, absent = _look(block, field.name)
        if not absent:
            assert _fits(value, field), (table, field, value)


def _look(block: Any, path: str) -> tuple[Any, bool]:
    """The value of a dotted path, and whether an object above it is null."""
    for part in path.split("."):
        if block is None:
            return None, True
        block = block[part]
    return block, False


def _fits(value: Any, field: Field) -> bool:
    if value is None:
        return field.nullable or field.wire == "U-prefixed"
    if field.element:
        if field.element in REFERENCE.blocks:
            for one in value:
                _check(one, REFERENCE.blocks[field.element].fields, field.name)
        return isinstance(value, list)
    if field.type == "d2lid":
        return isinstance(value, str if field.wire == "string" else int)
    if field.type == "utc_datetime":
        pattern = r"U?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z?"
        return bool(re.fullmatch(pattern, value)) and value.endswith("Z") != value.startswith("U")
    if field.type.startswith("enum:"):
        words = [one.partition("=")[0] for one in field.type[len("enum:") :].split(",")]
        return str(value) in words
    kinds = {"bool": bool, "int": int, "decimal": (int, float), "object": dict}
    return isinstance(value, kinds.get(field.type, str))


def test_the_same_settings_give_the_same_rows_in_whatever_order_they_are_asked_for() -> None:
    names = ("discussion_posts", "quizzes", "grade_values")
    one, other = Sandbox(SandboxSettings()), Sandbox(SandboxSettings())
    forwards = {name: one.rows(name) for name in names}
    backwards = {name: other.rows(name) for name in reversed(names)}
    assert forwards == backwards
    assert Sandbox(SandboxSettings(seed=2)).rows("quizzes") != forwards["quizzes"]


# -- families ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "parents"),
    [
        ("quizzes", {"orgUnitId"}),
        ("quiz_attempts", {"orgUnitId", "quizId"}),
        ("discussion_forums", {"orgUnitId"}),
        ("discussion_topics", {"orgUnitId", "forumId"}),
        ("discussion_posts", {"orgUnitId", "forumId", "topicId"}),
        ("content_toc_topics", {"orgUnitId"}),
        ("issued_awards", {"userId"}),
    ],
)
def test_rows_name_their_parents(small: Api, table: str, parents: set[str]) -> None:
    rows = small.sandbox.rows(table)
    assert all(set(row.keys) == parents for row in rows)
    for row in rows:
        named = {name.lower(): value for name, value in row.block.items()}
        for name in parents - {"orgUnitId", "userId"}:
            assert named[name.lower()] == row.keys[name]


def test_people_are_members_of_the_course_and_posts_hang_together(small: Api) -> None:
    world = small.sandbox.world
    attempts = small.sandbox.rows("quiz_attempts")
    for row in attempts:
        members = {one.user_id for one in world.class_list(int(row.keys["orgUnitId"]))}
        assert row.block["UserId"] in members
    posts = {row.block["PostId"]: row.block for row in small.sandbox.rows("discussion_posts")}
    named = [
        one
        for post in posts.values()
        for one in (post["ThreadId"], post["ParentPostId"], *post["ReplyPostIds"])
    ]
    assert {one for one in named if one is not None} <= posts.keys()


def test_some_lists_are_empty(small: Api) -> None:
    quizzes = small.sandbox.rows("quizzes")
    with_attempts = {row.keys["quizId"] for row in small.sandbox.rows("quiz_attempts")}
    without = [row for row in quizzes if row.block["QuizId"] not in with_attempts]
    assert with_attempts
    assert without
    path = f"{LE}/{without[0].keys['orgUnitId']}/quizzes/{without[0].block['QuizId']}/attempts/"
    assert small.json(path) == {"Next": None, "Objects": []}


# -- paths, parents, permissions -----------------------------------------------------------------


def test_slashes_parents_and_versions_are_exact(small: Api, course: int) -> None:
    quiz = small.sandbox.rows("quizzes", orgUnitId=course)[0].block["QuizId"]
    other = next(
        row.keys["orgUnitId"]
        for row in small.sandbox.rows("quizzes")
        if row.keys["orgUnitId"] != course
    )
    for path in (
        f"{LE}/{course}/quizzes",
        f"{LE}/{course}/overview/",
        f"{LE}/1/quizzes/",
        f"{LE}/{course}/quizzes/1/attempts/",
        f"{LE}/{other}/quizzes/{quiz}/attempts/",
        f"{LE}/{course}/quizzes/x/attempts/",
        f"le/1.93/{course}/calendar/events/occurrences/",
        f"{LE}/{course}/competencies/structure",
    ):
        assert small.get(path, **WINDOW).status_code == 404, path
    assert small.get(f"le/1.94/{course}/calendar/events/occurrences/", **WINDOW).status_code == 200
    assert small.get(f"{LE}/{course}/calendar/events/occurrences/").status_code == 400


def test_forbidden_course(small: Api) -> None:
    (forbidden,) = small.sandbox.world.forbidden
    answer = small.get(f"{LE}/{forbidden}/quizzes/")
    assert (answer.status_code, answer.json()["title"]) == (403, "Not Authorized")
    assert f"orgUnitId: {forbidden}, securityVariableName: " in answer.json()["detail"]
    truth = small.sandbox.truth("quizzes", "quiz_attempts", "issued_awards")
    assert truth["quizzes"] == len(small.sandbox.rows("quizzes"))
    assert truth["skipped"] == [{"resource": "quizzes", "org_unit_id": forbidden}]
    assert truth["unreachable"] == [{"resource": "quiz_attempts", "org_unit_id": forbidden}]
    assert forbidden not in {row.keys["orgUnitId"] for row in small.sandbox.rows("quiz_attempts")}


def test_scope_is_asked_for(serve: Serve) -> None:
    api = serve(scopes="quizzing:attempts:read")
    course = api.sandbox.world.course_ids[0]
    assert api.get(f"{LE}/{course}/quizzes/").status_code == 403
    assert api.get(f"{LE}/{course}/quizzes/1/attempts/").status_code == 404
    assert api.anonymous(f"{LE}/{course}/quizzes/").status_code == 401


# -- pages ---------------------------------------------------------------------------------------


def test_page_numbers(serve: Serve) -> None:
    api = serve(items_of={"discussion_posts": 5})
    route = REFERENCE.routes["discussion_posts"]
    posts = api.sandbox.rows("discussion_posts")
    keys = posts[0].keys
    pages = walk(api, route, keys, pageSize=2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len(walk(api, route, keys)) == 1
    path, _ = address(route, keys)
    for wrong in ({"pageNumber": 0}, {"pageSize": 0}, {"pageSize": 1001}, {"pageNumber": "x"}):
        assert api.get(path, **wrong).status_code == 400, wrong


def test_more_than_one_page_of_a_thousand(serve: Serve) -> None:
    small = {"discussion_forums": 1, "discussion_topics": 1, "discussion_posts": 2001}
    api = serve(courses=1, items_of=small)
    keys = api.sandbox.rows("discussion_posts")[0].keys
    pages = walk(api, REFERENCE.routes["discussion_posts"], keys)
    assert [len(page) for page in pages] == [1000, 1000, 1]


def test_links_keep_what_was_asked_for_and_no_credentials(small: Api, course: int) -> None:
    answer = small.get(f"{LE}/{course}/grades/values/", pageSize=1, x_a="app")
    assert answer.status_code == 200  # a bearer token goes before the rest
    assert answer.json()["Next"].count("pageSize=1") == 1
    assert "x_a" not in answer.json()["Next"]
    assert small.get(f"{LE}/{course}/grades/values/", pageSize=201).status_code == 400
    offset = small.json("bas/1.6/awards/", limit=2)
    assert offset["Next"].endswith("limit=2&offset=2")


def test_bookmark_of_a_removed_row_leads_nowhere(serve: Serve) -> None:
    api = serve(page_size=1)
    row = api.sandbox.rows("course_completions")[0]
    path, _ = address(REFERENCE.routes["course_completions"], row.keys)
    bookmark = api.json(path)["PagingInfo"]["Bookmark"]
    api.sandbox.remove("course_completions", CompletionId=row.block["CompletionId"])
    assert api.get(path, bookmark=bookmark).status_code == 404


def test_lists_of_ids_leave_unknown_ones_out_and_are_bounded(small: Api, course: int) -> None:
    users = [row.block["Identifier"] for row in small.sandbox.rows("classlist", orgUnitId=course)]
    path = f"{LE}/{course}/content/completions/"
    rows = small.json(path, userIdsCSV=f"{users[0]},1,{users[1]}")
    assert [row["UserId"] for row in rows] == users[:2]
    assert small.get(path, userIdsCSV=",".join(map(str, range(101)))).status_code == 400
    assert small.get(path).status_code == 400


def test_filters(small: Api) -> None:
    row = next(one for one in small.sandbox.rows("grade_values") if one.block["LastModified"])
    path, _ = address(REFERENCE.routes["grade_values"], row.keys)
    rows = small.json(path, modifiedSince=row.block["LastModified"], pageSize=200)["Objects"]
    assert row.block in rows
    assert all(one["LastModified"] >= row.block["LastModified"] for one in rows)
    attempt = small.sandbox.rows("quiz_attempts")[0]
    path, _ = address(REFERENCE.routes["quiz_attempts"], attempt.keys)
    rows = small.json(path, userId=attempt.block["UserId"])["Objects"]
    assert {one["UserId"] for one in rows} == {attempt.block["UserId"]}
    assert small.json(path, userId=1)["Objects"] == []


# -- changes and faults --------------------------------------------------------------------------


def test_rows_come_go_and_change(serve: Serve) -> None:
    api = serve()
    sandbox = api.sandbox
    quiz = sandbox.rows("quiz_attempts")[0].keys["quizId"]
    before = sandbox.truth("quizzes", "quiz_attempts")
    (row,) = sandbox.change("quizzes", {"Name": "Renamed", "Header.IsDisplayed": None}, QuizId=quiz)
    path, _ = address(REFERENCE.routes["quizzes"], row.keys)
    (now,) = [one for one in api.json(path)["Objects"] if one["QuizId"] == quiz]
    assert (now["Name"], now["Header"]["IsDisplayed"]) == ("Renamed", None)
    new = sandbox.add("quizzes", orgUnitId=row.keys["orgUnitId"])
    assert api.json(path)["Objects"][-1] == new.block
    sandbox.remove("quizzes", QuizId=quiz)
    after = sandbox.truth("quizzes", "quiz_attempts")
    assert after["quizzes"] == before["quizzes"]
    assert after["quiz_attempts"] < before["quiz_attempts"] + 3
    assert api.get(f"{LE}/{row.keys['orgUnitId']}/quizzes/{quiz}/attempts/").status_code == 404
    for wrong in (
        lambda: sandbox.remove("quizzes", QuizId=quiz),
        lambda: sandbox.remove("users", UserId=1),
        lambda: sandbox.add("quizzes", orgUnitId=1),
        lambda: sandbox.rows("competencies"),
        lambda: sandbox.fail("nothing", 500),
        lambda: sandbox.fail("quizzes", 500, courseId=1),
    ):
        with pytest.raises(KeyError):
            wrong()


def test_a_course_that_goes_takes_its_lists_along(serve: Serve) -> None:
    api = serve()
    before = api.sandbox.rows("quiz_attempts")
    course = before[0].keys["orgUnitId"]
    api.sandbox.world.remove_course(int(course))
    left = [row for row in before if row.keys["orgUnitId"] != course]
    assert api.sandbox.rows("quiz_attempts") == left
    assert api.get(f"{LE}/{course}/quizzes/").status_code == 404


def test_one_list_fails_and_requests_are_counted(serve: Serve) -> None:
    api = serve()
    sandbox = api.sandbox
    keys = sandbox.rows("quiz_attempts")[0].keys
    path, _ = address(REFERENCE.routes["quiz_attempts"], keys)
    sandbox.fail("quiz_attempts", 403, **keys)
    sandbox.fail("quizzes", GARBAGE, times=1)
    sandbox.fail("classlist", 500, orgUnitId=keys["orgUnitId"])
    course = f"{LE}/{keys['orgUnitId']}"
    assert api.get(path).status_code == 403
    assert api.get(f"{course}/quizzes/").content == GARBAGE
    assert api.get(f"{course}/quizzes/").json()["Next"] is None
    assert api.get(f"{course}/classlist/paged/").status_code == 500
    sandbox.heal()
    assert api.get(path).status_code == 200
    statuses = [
        one["status"] for one in sandbox.requests_of("quiz_attempts", quizId=keys["quizId"])
    ]
    assert statuses == [403, 200]
    assert len(sandbox.requests_of("quizzes")) == 2
    assert not sandbox.requests_of("quizzes", orgUnitId=1)


def test_settings_are_checked() -> None:
    for wrong in ({"items": -1}, {"items": 10_000}, {"items_of": {"quizzes": -1}}):
        with pytest.raises(ValueError, match="items"):
            SandboxSettings(**wrong)
    with pytest.raises(ValueError, match="quizes"):
        Sandbox(SandboxSettings(items_of={"quizes": 1})).rows("quizzes")
    assert not Sandbox(SandboxSettings(items=0)).rows("quizzes")
