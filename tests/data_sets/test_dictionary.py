"""The dictionary: complete, and in agreement with what dlt will make of it."""

from __future__ import annotations

from dlt.common.normalizers.naming.snake_case import NamingConvention

from d2l_brightspace.data_sets.dictionary import dictionary, table_name
from d2l_brightspace.sandbox.data_hub import UNDOCUMENTED, shapes


def test_it_knows_every_data_set_and_column():
    known = {one.name: [column.name for column in one.columns] for one in dictionary().values()}
    theirs = {
        name: [column.name for column in shape.columns]
        for name, shape in shapes().items()
        if name != UNDOCUMENTED
    }
    assert known == theirs
    assert (len(known), sum(map(len, known.values()))) == (139, 1532)


def test_keys_and_roles_are_those_of_the_reference():
    data_sets = dictionary().values()
    assert [one.name for one in data_sets if not one.keys] == ["Question Relationships"]
    assert [one.name for one in data_sets if one.has_nullable_key] == ["Survey User Answers"]
    assert sum(one.column_of("deleted") is not None for one in data_sets) == 42
    assert sum(one.column_of("version") is not None for one in data_sets) == 45


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
