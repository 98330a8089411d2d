"""Attributes of users as columns."""

from __future__ import annotations

import pytest

from d2l_brightspace import ConfigurationError
from d2l_brightspace.data_sets.pivot import KeyValues, create_pivot_view
from tests.data_sets.test_flows import replace_newest

HEADER = "UserId,AttributeId,Value,LastModified,ModifiedBy,IsDeleted,Version\r\n"


def row(user: int, attribute: str, value: str, *, deleted: bool = False) -> str:
    return f"{user},{attribute},{value},2026-01-01 00:00:00,1,{deleted},1\r\n"


@pytest.fixture
def one(tenant, loader):
    return loader(tenant("User Attribute Values"))


def test_attributes_become_columns(one):
    rows = [
        row(1, "Home Campus", "North"),
        row(1, "2nd 'Major'; DROP", "Art"),
        row(2, "home campus", "South"),
        row(2, "user_id", "x"),
        row(3, "Home Campus", "gone", deleted=True),
    ]
    replace_newest(one, "User Attribute Values", HEADER + "".join(rows))
    one.run()
    columns = create_pivot_view(one.pipeline())
    assert columns == ["_2nd_major_drop", "home_campus", "home_campus_2", "user_id_2"]
    assert one.query("SELECT * FROM user_attributes ORDER BY user_id") == [
        (1, "Art", "North", None, None),
        (2, None, None, "South", "x"),
    ]
    assert create_pivot_view(one.pipeline()) == columns


@pytest.mark.parametrize("rows", [0, 501])
def test_what_makes_no_columns_is_reported(one, rows):
    text = HEADER + "".join(row(n, f"a{n}", "x") for n in range(rows))
    replace_newest(one, "User Attribute Values", text)
    one.run()
    with pytest.raises(ConfigurationError, match=f"holds {rows} different names"):
        create_pivot_view(one.pipeline())


def test_other_tables_can_be_given(one):
    one.run()
    of = KeyValues("user_attribute_values", ("attribute_id",), "user_id", "value")
    assert len(create_pivot_view(one.pipeline(), "by_attribute", of)) > 1
