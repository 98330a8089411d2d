"""The dictionary: complete, and in agreement with what dlt will make of it."""

from __future__ import annotations

from dlt.common.normalizers.naming.snake_case import NamingConvention

from d2l_brightspace.data_sets.dictionary import (
    by_name,
    by_schema_id,
    codes,
    dictionary,
    references_of,
    table_name,
)
from d2l_brightspace.data_sets.table_layout import Layout
from d2l_brightspace.sandbox.data_hub import shapes, without_types


def test_it_knows_every_data_set_and_column():
    known = {one.name: [column.name for column in one.columns] for one in dictionary().values()}
    theirs = {
        name: [column.name for column in shape.columns]
        for name, shape in shapes().items()
        if name not in without_types()
    }
    assert {name: columns for name, columns in known.items() if columns} == theirs
    assert (len(known), len(theirs), sum(map(len, known.values()))) == (151, 142, 1574)


def test_keys_and_roles_are_those_of_the_reference():
    data_sets = dictionary().values()
    assert [one.name for one in data_sets if one.columns and not one.keys] == [
        "Outcomes Set Course",
        "Question Relationships",
    ]
    assert [one.name for one in data_sets if one.has_nullable_key] == ["Survey User Answers"]
    assert sum(one.column_of("deleted") is not None for one in data_sets) == 47
    assert sum(one.column_of("version") is not None for one in data_sets) == 50


def test_no_two_names_become_one():
    naming = NamingConvention()
    for data_set in dictionary().values():
        names = [naming.normalize_identifier(column.name) for column in data_set.columns]
        assert len(set(names)) == len(names), data_set.name


def test_tables_are_called_as_d2l_calls_them():
    assert table_name("User Enrollments") == "user_enrollments"
    assert table_name("Creator+ Practices Adoption") == "creator_practices_adoption"
    assert all(naming_is_stable(table) for table in dictionary())


def naming_is_stable(table: str) -> bool:
    return NamingConvention().normalize_table_identifier(table) == table


def hints_of_all():
    normalize = NamingConvention().normalize_identifier
    return {
        (table, name): hint
        for table, data_set in dictionary().items()
        for name, hint in Layout(data_set, normalize).hints().items()
        if name not in ("_dlt_load_id", "row_key")
    }


def test_every_column_has_a_privacy_class():
    hints = hints_of_all()
    assert len(hints) == 1574
    assert all(hint["x-privacy-class"] != "unclassified" for hint in hints.values())
    marked = [hint["x-privacy-class"] for hint in hints.values() if "x-annotation-pii" in hint]
    assert len(marked) == 55
    assert set(marked) == {"name", "contact", "identifier", "network", "free_text"}
    assert hints["users", "external_email"]["x-annotation-pii"]
    assert "x-annotation-pii" not in hints["users", "user_id"]


def test_a_column_nobody_documents_may_name_somebody():
    layout = Layout(dictionary()["users"], NamingConvention().normalize_identifier, ("Nickname",))
    assert layout.hints()["nickname"]["x-annotation-pii"]


def test_data_sets_are_found_by_id_and_by_any_of_their_names():
    users = dictionary()["users"]
    assert by_schema_id("B21A6414-38F8-4DA8-9A65-8B5586F9FE3B") is users
    assert by_name("USERS") is users
    assert by_name("Grade Book Settings") is dictionary()["gradebook_settings"]
    assert by_name("no such data set") is None


def test_references_lead_to_keys_that_there_are():
    known = dictionary()
    found = [one for data_set in known.values() for one in references_of(data_set)]
    assert len(found) > 200
    for one in found:
        there = {column.name for column in known[one["referenced_table"]].columns}
        assert set(one["referenced_columns"]) <= there


def test_codes_are_those_of_documented_columns():
    columns = {(one.name, c.name) for one in dictionary().values() for c in one.columns}
    assert len(codes()) == 250
    assert {(one.data_set, one.column) for one in codes()} <= columns
    meanings = {c.code: c.meaning for c in codes() if c.data_set == "Grade Objects"}
    assert meanings["9"] == "Category"
