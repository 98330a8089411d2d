"""Fields that nobody declared: the names and types that their columns get, and keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention

from d2l_brightspace.extract.arrow import Part, Tabulator
from d2l_brightspace.extract.undeclared import settle_undeclared

from .test_arrow import ARROW, COLUMNS, at, tabulate

NORMALIZE: Callable[[str], str] = NamingConvention().normalize_path


def undeclared(**fields: list[Any]) -> pa.Table:
    """A table of undeclared fields, as a tabulator without columns makes it."""
    length = len(next(iter(fields.values())))
    blocks = [{name: values[at] for name, values in fields.items()} for at in range(length)]
    return Tabulator({}, [])([Part(blocks)]).table


def settled(
    known: dict[str, str] | None = None, table: pa.Table | None = None, **fields: list[Any]
) -> dict[str, list[Any]]:
    table = undeclared(**fields) if table is None else table
    found: dict[str, list[Any]] = settle_undeclared(table, known or {}, NORMALIZE, {}).to_pydict()
    return found


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([True, None, False], pa.bool_(), [True, None, False]),
        ([7, None], pa.int64(), [7, None]),
        ([7, 7.5], pa.float64(), [7.0, 7.5]),
        ([7.5, None], pa.float64(), [7.5, None]),
        (["a", None, ""], pa.string(), ["a", None, ""]),
        (["7"], pa.string(), ["7"]),
        (["2026-11-22T04:44:00.000Z"], pa.string(), ["2026-11-22T04:44:00.000Z"]),
        ([[1, 2]], pa.string(), ["[1,2]"]),
        ([{"a": 1}], pa.string(), ['{"a":1}']),
        ([7, "a"], pa.string(), ["7", "a"]),
        ([True, 7], pa.string(), ["true", "7"]),
        ([2**63, 1], pa.string(), ["9223372036854775808", "1"]),
    ],
    ids=repr,
)
def test_types_are_inferred(values: list[Any], kind: pa.DataType, expected: list[Any]) -> None:
    table = settle_undeclared(undeclared(NewField=values), {}, NORMALIZE, {})
    assert {field.name: field.type for field in table.schema} == {"NewField": kind}
    assert table["NewField"].to_pylist() == expected


def test_a_field_of_nulls_makes_no_column() -> None:
    assert settled(NewField=[None, None], Other=[1, None]) == {"Other": [1, None]}


def test_declared_columns_stay_as_they_are() -> None:
    table = tabulate({"Identifier": 1, "New": 1, "Type": {"New": "a"}}).table
    after = settle_undeclared(table, {}, NORMALIZE, {})
    assert after.schema.names == [*COLUMNS, "New", "Type__New"]
    assert after.select(list(COLUMNS)) == table.select(list(COLUMNS))
    assert not after.schema.field("Identifier").nullable
    assert after["Type__New"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    ("known", "values", "fitting", "others"),
    [
        ("bigint", [7, "8", None, "x"], [7, 8, None, None], [None, None, None, "x"]),
        ("bigint", [7.5, True, [1]], [None] * 3, ["7.5", "true", "[1]"]),
        ("double", [7, "7.5", {"a": 1}], [7.0, 7.5, None], [None, None, '{"a":1}']),
        ("bool", [True, "false", "x"], [True, False, None], [None, None, "x"]),
        ("text", [7, True, "x"], ["7", "true", "x"], None),
        ("bigint", [7, 8], [7, 8], None),
    ],
    ids=repr,
)
def test_types_are_kept_and_others_go_to_a_variant(
    known: str, values: list[Any], fitting: list[Any], others: list[Any] | None
) -> None:
    found = settled({"new_field": known}, NewField=values)
    assert found.pop("NewField") == fitting
    assert found == ({"NewField__v_text": others} if others else {})


@pytest.mark.parametrize("known", ["bigint", "double", "bool", "text"])
def test_kept_types_outlast_a_page_of_nulls(known: str) -> None:
    table = settle_undeclared(undeclared(NewField=[None]), {"new_field": known}, NORMALIZE, {})
    assert table.schema.field("NewField").type == ARROW[known]


def test_types_unknown_to_us_are_inferred() -> None:
    assert settled({"new_field": "decimal"}, NewField=[7]) == {"NewField": [7]}


@pytest.mark.parametrize(
    ("known", "value", "expected"),
    [
        ("timestamp", "2026-11-22T04:44:00.000Z", at(2026, 11, 22, 4, 44)),
        ("timestamp", 0, at(1970, 1, 1)),
        ("json", [1, 2], "[1,2]"),
        ("json", {"a": 1}, '{"a":1}'),
    ],
    ids=repr,
)
def test_kept_types_that_are_converted(known: str, value: Any, expected: Any) -> None:
    assert settled({"new_field": known}, NewField=[value]) == {"NewField": [expected]}


def test_a_name_that_is_taken() -> None:
    table = tabulate({"Identifier": 1, "Name": "a", "name": "b", "NAME": None}).table
    found = settled(table=table)
    assert found["Name"] == ["a"]
    assert found["name_undeclared"] == ["b"]


@pytest.mark.parametrize(
    "names", [("UserName", "User_Name"), ("Id", "ID"), ("A B", "A-B")], ids=repr
)
def test_two_new_fields_of_one_name(names: tuple[str, str]) -> None:
    found = settled(**{names[0]: [1], names[1]: [2]})
    assert sorted(column[0] for column in found.values()) == [1, 2]
    assert len({NORMALIZE(name) for name in found}) == 2


def test_three_new_fields_of_one_name() -> None:
    found = settled(Id=[1], ID=[2], id=[3])
    assert sorted(column[0] for column in found.values()) == [1, 2, 3]
    assert len({NORMALIZE(name) for name in found}) == 3


@pytest.mark.parametrize(
    "names",
    [("UserName", "User_Name"), ("Id", "ID"), ("New", "New__v_text"), ("Type\x1fNew", "Type__New")],
    ids=repr,
)
def test_fields_of_one_name_keep_theirs_when_one_is_absent(names: tuple[str, str]) -> None:
    given: dict[str, str] = {}

    def columns(*fields: str) -> dict[str, list[Any]]:
        table = undeclared(**{name: [f"of {name}"] for name in fields})
        found: dict[str, list[Any]] = settle_undeclared(table, {}, NORMALIZE, given).to_pydict()
        return found

    both = {value[0]: column for column, value in columns(*names).items()}
    for name in names:
        assert columns(name) == {both[f"of {name}"]: [f"of {name}"]}


def test_a_field_of_nulls_takes_no_name() -> None:
    given: dict[str, str] = {}
    settle_undeclared(undeclared(User_Name=[None]), {}, NORMALIZE, given)
    assert given == {}


def test_a_field_that_is_called_like_a_nested_one() -> None:
    found = settled(table=tabulate({"Identifier": 1, "Type": {"Id": 3}, "Type__Id": 4}).table)
    assert found["Type__Id"] == [3]
    assert [4] in found.values()


def test_new_fields_of_one_path() -> None:
    table = tabulate({"Identifier": 1, "Type": {"New": 3}, "Type__New": 4}).table
    found = settled(table=table)
    assert found["Type__New"] == [3]
    assert [4] in found.values()


def test_a_field_that_is_called_like_a_variant() -> None:
    found = settled({"new": "bigint"}, New=["x"], New__v_text=["y"])
    assert found == {"New": [None], "New__v_text": ["x"], "New__v_text_undeclared": ["y"]}


@pytest.mark.parametrize("name", ["_dlt_id", "_dlt_load_id", "_dlt_anything"])
def test_names_of_dlt_are_not_taken(name: str) -> None:
    found = settled(**{name: ["evil"]})
    assert found == {f"{name.lstrip('_')}_undeclared": ["evil"]}


def test_columns_of_new_fields_have_an_order() -> None:
    blocks = [
        {"Identifier": 1, **{f"New{at}": at for at in order}} for order in ((3, 1, 2), (2, 3))
    ]
    after = settle_undeclared(tabulate(*blocks).table, {}, NORMALIZE, {})
    assert after.schema.names[len(COLUMNS) :] == ["New1", "New2", "New3"]
