"""Which tables a user has chosen: by name, by group, by pattern."""

from __future__ import annotations

from typing import Any

import pytest

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.tables import GROUPS, chosen_tables

CORE = [name for name, endpoint in ENDPOINTS.items() if endpoint.group == "core"]


def names(*tables: str) -> list[str]:
    return [endpoint.name for endpoint in chosen_tables(tables)]


def test_without_a_choice_it_is_the_core() -> None:
    assert [endpoint.name for endpoint in chosen_tables(None)] == CORE
    assert names("core") == CORE


@pytest.mark.parametrize("table", ENDPOINTS)
def test_each_table_can_be_chosen_alone(table: str) -> None:
    assert table in names(table)


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_can_be_chosen(group: str) -> None:
    whole = [name for name, endpoint in ENDPOINTS.items() if endpoint.group == group]
    assert whole
    assert names(group) == names(f"{group}.*") == whole


@pytest.mark.parametrize(
    ("tables", "chosen"),
    [
        (["users"], ["users"]),
        (["quiz_*"], ["quiz_attempts"]),
        (["discussion_*s"], ["discussion_forums", "discussion_topics", "discussion_posts"]),
        (["discussions.*_posts"], ["discussion_posts"]),
        (["discussions.discussion_topics"], ["discussion_topics"]),
        (["log_messages", "users", "users", "user?"], ["users", "log_messages"]),
    ],
    ids=" ".join,
)
def test_names_and_patterns(tables: list[str], chosen: list[str]) -> None:
    found = names(*tables)
    assert [name for name in found if name in chosen] == chosen
    if not any("*" in name for name in tables):
        assert found == chosen


def test_everything_comes_in_the_order_of_loading_and_once() -> None:
    assert names(*reversed(ENDPOINTS), "*", *GROUPS) == list(ENDPOINTS)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("classlists", "classlist"),
        ("quiz_attempt", "quiz_attempts"),
        ("Users", "users"),
        ("dicussions", "discussions"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        chosen_tables(["core", name])
    assert f"{name!r}, which is no table" in str(caught.value)
    assert f"Did you mean {nearest!r}?" in str(caught.value)


@pytest.mark.parametrize("name", ["xyzzy", "core.*_nothing", "users.*"])
def test_a_name_like_no_other_is_refused_with_the_groups(name: str) -> None:
    with pytest.raises(ConfigurationError, match="Groups: core, ") as caught:
        chosen_tables([name])
    assert "Did you mean" not in str(caught.value) or name


@pytest.mark.parametrize("tables", ["users", [], ()], ids=repr)
def test_what_is_no_list_of_names_is_refused(tables: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a list of names"):
        chosen_tables(tables)


@pytest.mark.parametrize("tables", [[""], ["users", " "], [None]], ids=repr)
def test_an_empty_name_is_no_choice(tables: Any) -> None:
    with pytest.raises(ConfigurationError, match="holds an empty name") as caught:
        chosen_tables(tables)
    assert 'tables = ["core", "quiz_attempts"]' in str(caught.value)
