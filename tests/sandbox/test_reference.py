"""The reference data file is whole and fits together."""

from __future__ import annotations

import re

from d2l_brightspace.sandbox.reference import NO_SCOPE, Field, reference

REFERENCE = reference()
ROUTES = list(REFERENCE.routes.values())
PAGING = {
    "array",
    "limit_offset",
    "object",
    "object_list",
    "page_number",
    "paged_result_set",
    "tree",
}
TYPES = {
    "bool",
    "d2lid",
    "date",
    "decimal",
    "guid",
    "html",
    "int",
    "object",
    "string",
    "utc_datetime",
}


def knows(table: str, field: str) -> bool:
    """Whether rows of a table have a field, or its requests a placeholder of that name."""
    if table in REFERENCE.child_arrays:
        route, child = REFERENCE.child_arrays[table]
        fields = REFERENCE.blocks[child.block].fields
    else:
        route, fields = REFERENCE.routes[table], REFERENCE.fields(table)
    placeholders = {parent.placeholder for parent in route.parents}
    return field in fields or field in placeholders | {param.name for param in route.params}


def test_routes_are_described_and_their_words_are_known() -> None:
    for route in ROUTES:
        assert route.paging in PAGING, route
        assert route.block in REFERENCE.blocks, route
        assert route.source, route
        assert route.topic, route
        assert route.scope == NO_SCOPE or all(one.count(":") == 2 for one in route.scope.split())
        assert all(param.meaning for param in route.params), route


def test_parents_and_keys_lead_somewhere() -> None:
    for route in ROUTES:
        in_path = [parent.placeholder for parent in route.parents if not parent.param]
        assert sorted(re.findall(r"{(\w+)}", route.path)) == sorted(in_path), route
        assert all(knows(route.table, name) for name in route.key), route
        params = {param.name for param in route.params}
        for parent in route.parents:
            assert knows(parent.table, parent.field), parent
            assert not parent.param or parent.param in params, parent


def test_child_arrays_are_arrays_of_their_blocks() -> None:
    for route, child in REFERENCE.child_arrays.values():
        assert child.block in REFERENCE.blocks
        if "." not in child.field:
            assert REFERENCE.fields(route.table)[child.field].element


def test_every_field_has_a_known_type_and_a_meaning() -> None:
    fields = [field for block in REFERENCE.blocks.values() for field in block.fields.values()]
    assert all(_is_known(field) for field in fields)
    assert all(field.meaning for field in fields)
    assert {field.wire for field in fields} <= {"", "number", "string", "either", "U-prefixed"}
    ids = [field for field in fields if "d2lid" in (field.type, field.element)]
    assert all(field.wire in {"number", "string", "either"} for field in ids)


def _is_known(field: Field) -> bool:
    kind = field.element or field.type
    return kind in TYPES or kind in REFERENCE.blocks or bool(re.fullmatch(r"enum:.+", kind))


def test_nothing_is_lost_between_file_and_reader() -> None:
    assert len(ROUTES) >= 143
    assert len(REFERENCE.blocks) >= 156
    posts = REFERENCE.routes["discussion_posts"]
    assert posts.page_size_param
    assert (posts.page_size_param.default, posts.page_size_param.max) == (1000, 1000)
    assert posts.key == ("PostId",)
    assert [parent.table for parent in posts.parents] == ["discussion_topics"] * 3
    assert REFERENCE.fields("users")["FirstLoginDate"].since == "LMS 20.26.2"
    assert REFERENCE.fields("classlist")["Email"].pii == "contact"
