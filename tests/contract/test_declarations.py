"""Every declaration against D2L's documents and against the others: one suite for all tables.

A new declaration is tested by being in `ENDPOINTS`; nothing is added here.
"""

from __future__ import annotations

import pytest

from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.model import COURSE_OFFERINGS, ORG_UNIT_ID, Endpoint, ancestors
from d2l_brightspace.sandbox.reference import reference

from . import documented

MASKED_THOUGH_NOT_DOCUMENTED = {
    # what a stack trace quotes is as free as the message above it
    ("log_messages", "ExceptionStackTrace"),
    ("log_messages", "StackTrace"),
}
"""Columns with a privacy class where the documents have none: the package is the stricter one."""
CORE = [
    "versions",
    "org_units",
    "users",
    "courses",
    "parent_courses",
    "classlist",
    "my_enrollments",
    "enrollments",
    "log_messages",
    "log_message_groups",
]
_UNMARKED = {"none", "person_key", "behaviour", "network"}
"""Privacy classes of columns that stay readable when marked ones are masked."""

each = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
each_reference = pytest.mark.parametrize(
    ("endpoint", "reference"),
    [(one, to) for one in ENDPOINTS.values() for to in one.references],
    ids=[f"{e.name}-{to['referenced_table']}" for e in ENDPOINTS.values() for to in e.references],
)


# --- the route ----------------------------------------------------------------------------------


@each
def test_product_path_and_slashes(endpoint: Endpoint) -> None:
    assert endpoint.route == documented.template(endpoint.name)


@each
def test_paging(endpoint: Endpoint) -> None:
    found = documented.route(endpoint.name).paging
    assert endpoint.paging == documented.PAGING.get(found, found)


@each
def test_scope(endpoint: Endpoint) -> None:
    assert endpoint.scope == documented.scope(endpoint.name)


@each
def test_every_query_parameter_is_documented(endpoint: Endpoint) -> None:
    found = documented.route(endpoint.name)
    known = {param.name for param in found.params} | {parent.param for parent in found.parents}
    sent = set(endpoint.params)
    if endpoint.since:
        sent |= {endpoint.since.param, endpoint.since.until or endpoint.since.param}
    assert sent <= known
    assert {param.name for param in found.params if param.required} <= sent


@each
def test_what_is_newer_is_asked_for_as_documented(endpoint: Endpoint) -> None:
    found = documented.route(endpoint.name).incremental
    if endpoint.since is None or endpoint.since.field is None:
        return  # not every table that could be has to be
    assert found is not None
    assert (endpoint.since.param, endpoint.since.field) == (
        found.param,
        documented.column(found.field),
    )
    assert endpoint.columns[endpoint.since.field]["data_type"] == "timestamp"


@each
def test_a_page_is_no_larger_than_allowed(endpoint: Endpoint) -> None:
    assert (endpoint.paging == "page_number") == (endpoint.page_size is not None)
    if endpoint.page_size is not None:
        found = documented.route(endpoint.name).page_size_param
        assert found is not None
        assert endpoint.page_size.param == found.name
        assert endpoint.page_size.rows <= (found.max or endpoint.page_size.rows)


@each
def test_several_parents_are_asked_for_only_where_the_route_takes_a_list(
    endpoint: Endpoint,
) -> None:
    takes_list = any(parent.takes_list for parent in documented.route(endpoint.name).parents)
    assert (endpoint.parents_per_request > 1) == takes_list


@each
def test_the_documented_bookmark_is_a_column(endpoint: Endpoint) -> None:
    if endpoint.bookmark_field is not None:
        assert endpoint.bookmark_field in endpoint.columns
        assert endpoint.paging == "bookmark"


# --- parents ------------------------------------------------------------------------------------


@each
def test_a_parent_is_declared_before_and_has_the_columns_that_the_path_names(
    endpoint: Endpoint,
) -> None:
    tables = list(ENDPOINTS)
    if endpoint.parent is None:
        assert not endpoint.parent_columns
        return
    assert endpoint.parent_columns
    if endpoint.parent == COURSE_OFFERINGS:
        assert endpoint.parent_columns == (ORG_UNIT_ID,)
        return
    assert tables.index(endpoint.parent) < tables.index(endpoint.name)
    assert set(endpoint.parent_columns) <= set(ENDPOINTS[endpoint.parent].columns)


@each
def test_the_chain_of_parents_ends_in_courses_or_in_nothing(endpoint: Endpoint) -> None:
    *_, top = [endpoint, *ancestors(endpoint, ENDPOINTS)]
    assert top.parent in (None, COURSE_OFFERINGS)


@each
def test_what_is_replaced_is_a_declared_column_and_the_same_as_above(endpoint: Endpoint) -> None:
    if endpoint.replaces is not None:
        assert endpoint.replaces in endpoint.columns
        assert endpoint.replaces in endpoint.parent_columns
    for above in ancestors(endpoint, ENDPOINTS):
        assert above.replaces == endpoint.replaces, "the subtree of a unit is one"


# --- the key ------------------------------------------------------------------------------------


@each
def test_the_key_is_the_documented_one(endpoint: Endpoint) -> None:
    key = [documented.column(name) for name in documented.route(endpoint.name).key]
    assert list(endpoint.keys) == key


@each
def test_the_columns_of_the_key_are_the_required_ones(endpoint: Endpoint) -> None:
    required = {name for name, hint in endpoint.columns.items() if not hint["nullable"]}
    of_path = {ORG_UNIT_ID} & set(endpoint.columns)
    assert set(endpoint.keys) <= required
    assert required == set(endpoint.keys) | of_path


# --- the columns --------------------------------------------------------------------------------


@each
def test_every_documented_field_is_a_column_or_dropped(endpoint: Endpoint) -> None:
    fields = set(documented.fields(endpoint.name))
    assert not fields & set(endpoint.columns) & set(endpoint.dropped)
    of_path = set(endpoint.columns) - fields
    assert fields == (set(endpoint.columns) | set(endpoint.dropped)) - of_path
    assert of_path <= set(endpoint.parent_columns), "neither documented nor in the path"


@each
def test_types_are_the_documented_ones(endpoint: Endpoint) -> None:
    fields = documented.fields(endpoint.name)
    declared = {name: hint["data_type"] for name, hint in endpoint.columns.items()}
    expected = {
        name: documented.data_type(fields[name]) if name in fields else "bigint"
        for name in declared
    }
    assert declared == expected


@each
def test_no_field_is_the_block_around_another_one(endpoint: Endpoint) -> None:
    names = {*endpoint.columns, *endpoint.dropped}
    assert not [n for n in names for other in names if other.startswith(f"{n}__")]


@each
def test_the_table_and_every_column_say_something_in_one_line(endpoint: Endpoint) -> None:
    described = {name: hint["description"] for name, hint in endpoint.columns.items()}
    for name, text in {"": endpoint.description, **described}.items():
        assert text == " ".join(text.split()), name
        assert text.endswith((".", "…")), name
        assert text[0].isupper() or text.startswith("e"), name
        assert len(text) > len("Id of it."), name
        words = {word.strip(".,;()").lower() for word in text.split()}
        assert words - {name.lower(), "the", "a", "of", "an"}, name
    assert endpoint.description.startswith("One row ")


# --- privacy ------------------------------------------------------------------------------------


@each
def test_privacy_classes_are_the_documented_ones(endpoint: Endpoint) -> None:
    fields = documented.fields(endpoint.name)
    differing = {
        (endpoint.name, name)
        for name, hint in endpoint.columns.items()
        if hint["x-privacy-class"] != ((fields[name].pii if name in fields else "") or "none")  # type: ignore[typeddict-item]
    }
    tables = {(table, name) for table, name in MASKED_THOUGH_NOT_DOCUMENTED}
    assert differing == {one for one in tables if one[0] == endpoint.name}


@each
def test_columns_that_name_a_person_are_marked_and_no_others(endpoint: Endpoint) -> None:
    for name, hint in endpoint.columns.items():
        is_marked = bool(hint.get("x-annotation-pii"))
        assert is_marked == (hint["x-privacy-class"] not in _UNMARKED), name  # type: ignore[typeddict-item]


@each
def test_passwords_and_keys_are_dropped(endpoint: Endpoint) -> None:
    fields = documented.fields(endpoint.name)
    assert {name for name in fields if documented.is_secret(name)} <= set(endpoint.dropped)
    assert set(endpoint.dropped) <= set(fields), "dropped, but not documented"
    assert not set(endpoint.dropped) & set(endpoint.columns)


def test_there_is_a_secret_to_drop() -> None:
    assert ENDPOINTS["quizzes"].dropped == ("Password",)


# --- references ---------------------------------------------------------------------------------


@each_reference
def test_a_reference_leads_to_the_key_of_a_table(endpoint: Endpoint, reference: dict) -> None:  # type: ignore[type-arg]
    target = ENDPOINTS[reference["referenced_table"]]
    assert set(reference["referenced_columns"]) == set(target.keys)
    pairs = zip(reference["columns"], reference["referenced_columns"], strict=True)
    for name, other in pairs:
        assert endpoint.columns[name]["data_type"] == target.columns[other]["data_type"]
    assert reference["label"]


@each
def test_no_table_is_referred_to_twice(endpoint: Endpoint) -> None:
    tables = [one["referenced_table"] for one in endpoint.references]
    assert len(tables) == len(set(tables)), "dlt keeps only the last one"
    assert endpoint.name not in tables


# --- all of them --------------------------------------------------------------------------------


def test_each_is_called_as_its_table_and_is_documented() -> None:
    assert all(name == endpoint.name for name, endpoint in ENDPOINTS.items())
    assert set(ENDPOINTS) <= set(reference().routes)


def test_the_core_is_as_it_was() -> None:
    assert [name for name, endpoint in ENDPOINTS.items() if endpoint.group == "core"] == CORE


@each
def test_a_group_is_one_word_and_no_other_table(endpoint: Endpoint) -> None:
    assert endpoint.group.replace("_", "").isalpha()
    table = ENDPOINTS.get(endpoint.group)
    assert table is None or table.group == endpoint.group, "a name must not mean two things"
