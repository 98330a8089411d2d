"""The configuration for plain `rest_api`: what is in it, and what comes from the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

import dlt
import pytest
import responses
from dlt.sources.rest_api import rest_api_resources, rest_api_source

import d2l_brightspace
from d2l_brightspace import (
    BearerAuth,
    BookmarkPaginator,
    ConfigurationError,
    IdKeyAuth,
    ObjectListPaginator,
    PageNumberPaginator,
    rest_api_config,
)
from d2l_brightspace import rest_api as module
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.model import PageSize
from d2l_brightspace.tables import GROUPS, chosen_tables

SETTINGS = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
HOST = "school.brightspace.com"
ROOT = f"https://{HOST}/d2l/api"
TOKEN = "not-to-be-shown"


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """Answers without a server; whatever is not expected is refused."""
    with responses.RequestsMock() as mock:
        yield mock


def config(tables: list[str] | None = None, **arguments: Any) -> Any:
    return rest_api_config(tables, host=HOST, credentials=BearerAuth(TOKEN), **arguments)


def resource(written: Any, name: str) -> Any:
    return next(one for one in written["resources"] if name_of(one) == name)


def name_of(one: Any) -> str:
    return str(one["name"]) if isinstance(one, dict) else str(one.name)


def test_one_table() -> None:
    written = config(["users"])
    (users,) = written["resources"]
    paginator = users["endpoint"].pop("paginator")
    assert isinstance(paginator, BookmarkPaginator)
    assert written["client"]["base_url"] == f"{ROOT}/"
    assert users["endpoint"] == {"path": "lp/1.62/users/", "params": {}, "data_selector": "Items"}
    assert (users["name"], users["selected"], users["primary_key"]) == ("users", True, ["UserId"])
    assert users["write_disposition"] == "merge"
    assert users["columns"] == ENDPOINTS["users"].columns


def test_a_table_read_course_by_course() -> None:
    written = config(["classlist"])
    assert list(map(name_of, written["resources"])) == [
        "course_offering_type",
        "course_offerings",
        "classlist",
    ]
    classlist = resource(written, "classlist")
    path = "le/1.98/{resources.course_offerings.org_unit_id}/classlist/paged/"
    assert classlist["endpoint"]["path"] == path
    assert classlist["include_from_parent"] == ["org_unit_id"]
    assert isinstance(classlist["endpoint"]["paginator"], ObjectListPaginator)
    assert classlist["write_disposition"]["strategy"] == "delete-insert"
    courses = resource(written, "course_offerings")
    assert courses["selected"] is False
    assert courses["endpoint"]["params"] == {"orgUnitType": "{resources.course_offering_type.Id}"}


def test_parents_of_a_chosen_table_come_along_unselected() -> None:
    written = config(["quiz_attempts"], org_unit_ids=[6606])
    selected = {name_of(one): one["selected"] for one in written["resources"][1:]}
    assert selected == {"quizzes": False, "quiz_attempts": True}
    path = "le/1.98/{resources.quizzes.org_unit_id}/quizzes/{resources.quizzes.QuizId}/attempts/"
    assert resource(written, "quiz_attempts")["endpoint"]["path"] == path


def test_logs_are_incremental_in_milliseconds() -> None:
    endpoint = resource(config(["log_messages"], start_date="2026-01-01"), "log_messages")[
        "endpoint"
    ]
    incremental = endpoint["incremental"]
    convert = incremental.pop("convert")
    assert incremental == {
        "cursor_path": "MessageTimestamp",
        "initial_value": "2026-01-01T00:00:00.000Z",
        "start_param": "dateRangeStart",
        "end_param": "dateRangeEnd",
        "lag": 3600.0,
        "on_cursor_value_missing": "include",
    }
    assert convert("2026-03-01T09:00:00.123456Z") == "2026-03-01T09:00:00.123Z"
    assert convert("2026-03-01T09:00:00+02:00") == "2026-03-01T07:00:00.000Z"
    assert convert(None) is None
    assert endpoint["paginator"].bookmark_field == "LogMessageId"


def test_posts_are_asked_for_by_page_number() -> None:
    endpoint = resource(config(["discussion_posts"]), "discussion_posts")["endpoint"]
    assert isinstance(endpoint["paginator"], PageNumberPaginator)
    assert endpoint["params"] == {"pageSize": 1000, "pageNumber": 1}
    assert endpoint["data_selector"] == "$"


@pytest.mark.parametrize("table", ENDPOINTS)
@pytest.mark.parametrize("org_unit_ids", [None, [6606]], ids=["all", "named"])
def test_every_table_is_a_valid_configuration(table: str, org_unit_ids: list[int] | None) -> None:
    source = rest_api_source(config([table], org_unit_ids=org_unit_ids))
    chosen = [endpoint.name for endpoint in chosen_tables([table])]
    assert list(source.selected_resources) == chosen


def test_all_tables_together_share_nothing() -> None:
    first, second = config(list(GROUPS)), config(list(GROUPS))
    paginators = [
        one["endpoint"]["paginator"]
        for one in chain(first["resources"], second["resources"])
        if not isinstance(one["endpoint"]["paginator"], str)
    ]
    assert len({id(one) for one in paginators}) == len(paginators)
    first["resources"][-1]["columns"].clear()
    assert second["resources"][-1]["columns"]
    assert len(rest_api_resources(second)) == len(ENDPOINTS) + 2


def test_what_cannot_be_expressed_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    users = ENDPOINTS["users"]
    for changes, problem in [
        ({"paging": "tree"}, "its paging is 'tree'"),
        ({"paging": "page_number"}, "its paging is 'page_number'"),
        ({"parent": "roles"}, "read for each row of 'roles'"),
        ({"path": "ep/users/"}, "version of the API 'ep'"),
        ({"parent": "my_enrollments", "path": "lp/{OrgUnit__Id}/users/"}, "a nested field"),
    ]:
        odd = replace(users, **changes)  # type: ignore[arg-type]
        monkeypatch.setattr(module, "chosen_tables", lambda _, odd=odd: [odd])
        monkeypatch.setattr(module, "ENDPOINTS", {**ENDPOINTS, "users": odd})
        with pytest.raises(ConfigurationError, match=f"the table 'users': .*{problem}"):
            config(["users"])


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'classlist'"):
        config(["claslist"])


def test_nothing_configured_leaves_host_and_credentials_to_the_user() -> None:
    written: Any = rest_api_config(["users"])
    assert written["client"] == {}
    written["client"] = {"base_url": f"{ROOT}/", "auth": BearerAuth(TOKEN)}
    assert list(rest_api_source(written).resources) == ["users"]


def test_what_is_not_given_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOST": HOST,
        "CREDENTIALS__TOKEN": TOKEN,
        "LP_VERSION": "1.50",
        "ORG_UNIT_IDS": "[6606]",
        "START_DATE": "2026-01-01",
        "LOGGING__SEARCH": "a{b}",
        "LOGGING__OVERLAP_MINUTES": "1",
    }.items():
        monkeypatch.setenv(SETTINGS + name, value)
    written: Any = rest_api_config(["courses", "log_messages"])
    assert written["client"]["base_url"] == f"{ROOT}/"
    assert written["client"]["auth"].token == TOKEN
    assert [list(page) for page in [resource(written, "course_offerings")]] == [
        [{"org_unit_id": 6606}]
    ]
    endpoint = resource(written, "log_messages")["endpoint"]
    assert endpoint["path"] == "lp/1.50/logging/"
    assert endpoint["params"] == {"search": "a{{b}}"}
    assert endpoint["incremental"]["lag"] == 60
    assert endpoint["incremental"]["initial_value"] == "2026-01-01T00:00:00.000Z"


def test_half_a_scheme_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{SETTINGS}CREDENTIALS__APP_ID", "app")
    with pytest.raises(dlt.common.configuration.exceptions.ConfigFieldMissingException):
        rest_api_config(["users"])


def test_given_credentials_win_over_configured_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{SETTINGS}CREDENTIALS__TOKEN", "another")
    auth = IdKeyAuth("a", "b", "c", "d")
    written: Any = rest_api_config(["users"], credentials=auth)
    assert written["client"]["auth"] is auth


def test_a_wrong_host_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="`host`"):
        rest_api_config(["users"], host="https://school.brightspace.com/d2l")


def test_nothing_secret_is_shown() -> None:
    written = config()
    assert TOKEN not in repr(written)
    assert TOKEN not in str(written)
    assert TOKEN not in repr(rest_api_source(written))


def test_the_name_is_the_function_whatever_was_imported_before() -> None:
    assert d2l_brightspace.rest_api_config is rest_api_config is module.rest_api_config


def test_attempts_of_quizzes_of_courses(
    wire: responses.RequestsMock, pipeline: dlt.Pipeline
) -> None:
    quiz = {"QuizId": "7", "Name": "Bones", "Password": TOKEN, "Header": None}
    answers = {
        "6606/quizzes/": {"Next": None, "Objects": [quiz]},
        "6607/quizzes/": {"Next": None, "Objects": []},
        "6606/quizzes/7/attempts/": {
            "Next": f"{ROOT}/le/1.98/6606/quizzes/7/attempts/?bookmark=1",
            "Objects": [{"AttemptId": 1, "QuizId": 7, "UserId": 5}],
        },
        "6606/quizzes/7/attempts/?bookmark=1": {
            "Next": None,
            "Objects": [{"AttemptId": 2, "UserId": 5}],
        },
    }
    for path, answer in answers.items():
        url, _, query = path.partition("?")
        asked = responses.matchers.query_param_matcher(dict(parse_qsl(query)))
        wire.get(f"{ROOT}/le/1.98/{url}", json=answer, match=[asked])
    written = config(["quizzes"], org_unit_ids=[6606, 6607])
    for _ in range(2):
        pipeline.run(rest_api_source(written))
    with pipeline.sql_client() as client:
        quizzes = client.execute_sql("SELECT org_unit_id, quiz_id, name FROM quizzes")
        attempts = client.execute_sql(
            "SELECT org_unit_id, quiz_id, attempt_id FROM quiz_attempts ORDER BY 3"
        )
    assert quizzes == [(6606, 7, "Bones")]
    # the second has no QuizId of its own
    assert attempts == [(6606, 7, 1), (6606, 7, 2)]
    assert "password" not in pipeline.default_schema.tables["quizzes"]["columns"]
    assert TOKEN not in json.dumps(pipeline.default_schema.to_dict(), default=str)


def test_posts_of_topics_of_forums_come_page_by_page(
    wire: responses.RequestsMock, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = replace(ENDPOINTS["discussion_posts"], page_size=PageSize("pageSize", 2))
    monkeypatch.setattr(module, "ENDPOINTS", {**ENDPOINTS, "discussion_posts": posts})
    monkeypatch.setattr(module, "chosen_tables", lambda _: [posts])
    forums = f"{ROOT}/le/1.98/6606/discussions/forums/"
    wire.get(forums, json=[{"ForumId": 1}])
    wire.get(f"{forums}1/topics/", json=[{"TopicId": 2}])
    for number, ids in enumerate([[5, 6], [7, 8], []], start=1):
        asked = responses.matchers.query_param_matcher({"pageSize": 2, "pageNumber": number})
        rows = [{"PostId": one, "Attachments": [{"FileId": 1}]} for one in ids]
        wire.get(f"{forums}1/topics/2/posts/", json=rows, match=[asked])

    pipeline.run(rest_api_source(config(["discussion_posts"], org_unit_ids=[6606])))

    assert pipeline.default_schema.data_table_names() == ["discussion_posts"]
    with pipeline.sql_client() as client:
        found = client.execute_sql(
            "SELECT org_unit_id, forum_id, topic_id, post_id FROM discussion_posts ORDER BY 4"
        )
    assert found == [(6606, 1, 2, post) for post in (5, 6, 7, 8)]


def test_a_null_for_a_nested_block_is_left_out() -> None:
    tidy = resource(config(["quizzes"]), "quizzes")["processing_steps"][0]["map"]
    row = {
        "_course_offerings_org_unit_id": "6606",
        "Header": None,
        "Footer": {"Text": None, "IsDisplayed": None},
        "Password": TOKEN,
        "DueDate": None,
        "New": None,
    }
    assert tidy(row) == {
        "org_unit_id": "6606",
        "Footer": {"IsDisplayed": None},
        "DueDate": None,
        "New": None,
    }


def test_a_tenant_without_a_type_for_courses_is_an_error(wire: responses.RequestsMock) -> None:
    wire.get(f"{ROOT}/lp/1.62/outypes/", json=[{"Id": 1, "Code": "Organization", "Name": "Org"}])
    with pytest.raises(Exception, match="No org unit type is called 'Course Offering'"):
        list(rest_api_source(config(["classlist"])))
