"""Blocks to typed columns: every type with every JSON type, tables, keys."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pytest
from dlt.common.json import json

from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.model import Endpoint
from d2l_brightspace.extract.arrow import (
    Part,
    Rows,
    Tabulator,
    UnexpectedValue,
    add_constant,
    concat,
    to_array,
    to_rows,
)
from d2l_brightspace.extract.field_tree import UNDECLARED

CANARY = "canary-0451"
ARROW = {
    "bigint": pa.int64(),
    "text": pa.string(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "json": pa.string(),
}
COLUMNS: Any = {
    "Identifier": {"data_type": "bigint", "nullable": False},
    "Name": {"data_type": "text"},
    "Points": {"data_type": "double"},
    "IsActive": {"data_type": "bool"},
    "StartDate": {"data_type": "timestamp"},
    "Tags": {"data_type": "json"},
    "Type__Id": {"data_type": "bigint"},
    "Type__Owner__Name": {"data_type": "text"},
}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]


def tabulate(*blocks: dict[str, Any], keys: tuple[str, ...] = ("Identifier",)) -> Rows:
    return Tabulator(COLUMNS, keys)([Part(blocks)])


# --- every type with every JSON type ------------------------------------------------------------

FITTING = [
    ("bigint", 7, 7),
    ("bigint", "7", 7),
    ("bigint", "-7", -7),
    ("bigint", 7.0, 7),
    ("bigint", "", None),
    ("bigint", 2**63 - 1, 2**63 - 1),
    ("bigint", -(2**63), -(2**63)),
    ("bigint", "9223372036854775807", 2**63 - 1),
    ("bigint", 2**53 + 1, 2**53 + 1),
    ("text", "Botany", "Botany"),
    ("text", "", ""),
    ("text", "Ünïcode 🌱", "Ünïcode 🌱"),
    ("text", 7, "7"),
    ("text", 7.5, "7.5"),
    ("text", True, "true"),
    ("text", {"Text": "a"}, '{"Text":"a"}'),
    ("text", [1, "a"], '[1,"a"]'),
    ("double", 7, 7.0),
    ("double", 7.5, 7.5),
    ("double", "7.5", 7.5),
    ("double", "7", 7.0),
    ("double", "", None),
    ("double", 0.1234567890123456789, 0.12345678901234568),
    ("double", 2**53 + 1, float(2**53)),
    ("double", 2**70, float(2**70)),
    ("bool", True, True),
    ("bool", False, False),
    ("bool", "true", True),
    ("bool", "True", True),
    ("bool", "FALSE", False),
    ("bool", 1, True),
    ("bool", 0, False),
    ("bool", "1", True),
    ("bool", "0", False),
    ("bool", "", None),
    ("timestamp", "2026-11-22T04:44:00.000Z", at(2026, 11, 22, 4, 44)),
    ("timestamp", "2026-11-22T04:44:00Z", at(2026, 11, 22, 4, 44)),
    ("timestamp", "2026-11-22T04:44:00", at(2026, 11, 22, 4, 44)),
    ("timestamp", "2026-11-22 04:44:00Z", at(2026, 11, 22, 4, 44)),
    ("timestamp", "2026-11-22T04:44:00+02:00", at(2026, 11, 22, 2, 44)),
    ("timestamp", "2026-11-22T04:44:00.5-05:30", at(2026, 11, 22, 10, 14, 0, 500_000)),
    ("timestamp", "", None),
    ("timestamp", 1_700_000_000, at(2023, 11, 14, 22, 13, 20)),
    ("timestamp", 0, at(1970, 1, 1)),
    ("timestamp", -1, at(1969, 12, 31, 23, 59, 59)),
    ("timestamp", "0001-01-01T00:00:00.000Z", at(1, 1, 1)),
    ("timestamp", "9999-12-31T23:59:59.999Z", at(9999, 12, 31, 23, 59, 59, 999_000)),
    ("json", "[1,2]", "[1,2]"),
    ("json", '"a"', '"a"'),
]
OF_ANOTHER_TYPE: dict[str, list[Any]] = {
    "bigint": [7.5, "7.5", "7.0", CANARY, "7 people", True, [7], {"Id": 7}, 2**63, str(2**63)],
    "double": [CANARY, "7,5", True, [7.5], {"Points": 7.5}],
    "bool": [2, -1, 0.5, "yes", CANARY, [True], {"IsActive": True}],
    "timestamp": [
        CANARY,
        "2026-11-22",
        "22.11.2026 04:44",
        "2026-02-30T00:00:00Z",
        "2026-11-22T25:00:00Z",
        1_700_000_000_000,
        10**30,
        1.5,
        True,
        ["2026-11-22T04:44:00Z"],
        {"Date": "2026-11-22T04:44:00Z"},
    ],
    # the blocks' values are texts of JSON by then
    "json": [[1, 2], {"a": 1}, 7, True],
}
MISFITS = [(kind, value) for kind, values in OF_ANOTHER_TYPE.items() for value in values]


@pytest.mark.parametrize(("kind", "value", "expected"), FITTING, ids=repr)
def test_values(kind: str, value: Any, expected: Any) -> None:
    array = to_array("Field", [value], kind)
    assert array.type == ARROW[kind]
    assert array.to_pylist() == [expected]


@pytest.mark.parametrize(("kind", "value", "expected"), FITTING, ids=repr)
def test_values_are_the_same_beside_others(kind: str, value: Any, expected: Any) -> None:
    others = [(one, made) for other, one, made in FITTING if other == kind]
    array = to_array("Field", [None, value, *(one for one, _ in others), None], kind)
    assert array.to_pylist() == [None, expected, *(made for _, made in others), None]


@pytest.mark.parametrize(("kind", "value"), MISFITS, ids=repr)
@pytest.mark.parametrize("beside", [[], [None, "", None]], ids=["alone", "beside others"])
def test_values_of_another_type(kind: str, value: Any, beside: list[Any]) -> None:
    with pytest.raises(UnexpectedValue) as caught:
        to_array("Activation__Field", [*beside, value], kind)
    assert str(caught.value) == f"The field Activation.Field holds a value that is no {kind}"
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("kind", ARROW)
@pytest.mark.parametrize("values", [[], [None], [None, None]], ids=len)
def test_columns_without_values_keep_their_type(kind: str, values: list[None]) -> None:
    array = to_array("Field", values, kind)
    assert array.type == ARROW[kind]
    assert array.to_pylist() == values


@pytest.mark.parametrize("digits", range(8))
@pytest.mark.parametrize("zone", ["Z", "+00:00", "", "+02:00"])
def test_fractions_of_seconds(digits: int, zone: str) -> None:
    fraction = f".{'1234567'[:digits]}" if digits else ""
    hour = 2 if zone == "+02:00" else 4
    micros = int("1234567"[:digits].ljust(6, "0")[:6])
    array = to_array("Field", [f"2026-11-22T04:44:05{fraction}{zone}"], "timestamp")
    assert array.to_pylist() == [at(2026, 11, 22, hour, 44, 5, micros)]


def test_dates_in_many_forms_in_one_column() -> None:
    values = [
        "2026-11-22T04:44:00.1234567Z",
        "",
        None,
        0,
        "2026-11-22T04:44:00",
        "1999-01-01 00:00:00+01:00",
    ]
    assert to_array("Field", values, "timestamp").to_pylist() == [
        at(2026, 11, 22, 4, 44, 0, 123_456),
        None,
        None,
        at(1970, 1, 1),
        at(2026, 11, 22, 4, 44),
        at(1998, 12, 31, 23),
    ]


@pytest.mark.parametrize("value", [10**17, 2**62])
def test_a_unix_timestamp_out_of_range(value: int) -> None:
    with pytest.raises(UnexpectedValue, match="Field"):
        to_array("Field", [value], "timestamp")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-inf", "1e400"])
def test_words_are_no_double(value: str) -> None:
    with pytest.raises(UnexpectedValue):
        to_array("Field", [value], "double")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", "0x10"),
        ("timestamp", "2026-11-22T04:44Z"),
        ("timestamp", "2026-11-22"),
        ("timestamp", "2026-11-22T04Z"),
        ("timestamp", "2026-11-22T04:44:00+0200"),
        ("timestamp", "0000-01-01T00:00:00Z"),
        ("timestamp", "9999-12-31T23:59:59-05:00"),
    ],
)
def test_a_value_means_the_same_beside_an_empty_one(kind: str, value: str) -> None:
    def taken(values: list[str]) -> Any:
        try:
            return to_array("Field", values, kind)[0].cast(pa.string()).as_py()
        except UnexpectedValue:
            return "refused"

    assert taken([value]) == taken([value, ""])


# --- tables -------------------------------------------------------------------------------------


def test_a_row() -> None:
    rows = tabulate(
        {
            "Identifier": "6606",
            "Name": "Botany",
            "Points": 7,
            "IsActive": True,
            "StartDate": "2026-11-22T04:44:00.000Z",
            "Tags": ["a"],
            "Type": {"Id": 3, "Owner": {"Name": "Ada"}},
        }
    )
    assert rows.keyless == 0
    assert rows.table.schema.types == [ARROW[hint["data_type"]] for hint in COLUMNS.values()]
    assert rows.table.to_pylist() == [
        {
            "Identifier": 6606,
            "Name": "Botany",
            "Points": 7.0,
            "IsActive": True,
            "StartDate": at(2026, 11, 22, 4, 44),
            "Tags": '["a"]',
            "Type__Id": 3,
            "Type__Owner__Name": "Ada",
        }
    ]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
def test_an_empty_page_has_every_declared_column(endpoint: Endpoint) -> None:
    columns: Any = endpoint.columns
    table = Tabulator(columns, [])([]).table
    assert table.num_rows == 0
    assert {field.name: field.type for field in table.schema} == {
        name: ARROW[hint["data_type"]] for name, hint in columns.items()
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
def test_a_page_of_nulls_has_every_declared_column(endpoint: Endpoint) -> None:
    columns: Any = endpoint.columns
    table = Tabulator(columns, [])([Part([{}, {}])]).table
    assert table.schema.names == list(columns)
    assert table.num_rows == 2
    assert all(column.null_count == 2 for column in table.columns)


@pytest.mark.parametrize(
    "block",
    [{}, {"Type": None}, {"Type": {}}, {"Type": {"Id": None, "Owner": None}}],
    ids=["absent", "null", "empty", "null within"],
)
def test_nested_blocks_that_hold_nothing(block: dict[str, Any]) -> None:
    (row,) = tabulate({"Identifier": 1} | block).table.to_pylist()
    assert row["Type__Id"] is None
    assert row["Type__Owner__Name"] is None
    assert UNDECLARED not in str(row)


def test_nested_blocks_come_and_go() -> None:
    table = tabulate(
        {"Identifier": 1, "Type": None},
        {"Identifier": 2, "Type": {"Id": "3"}},
        {"Identifier": 3},
        {"Identifier": 4, "Type": {"Owner": {"Name": "Ada"}}},
    ).table
    assert table["Type__Id"].to_pylist() == [None, 3, None, None]
    assert table["Type__Owner__Name"].to_pylist() == [None, None, None, "Ada"]


@pytest.mark.parametrize("value", [CANARY, 7, [1], True], ids=repr)
@pytest.mark.parametrize(("name", "wrap"), [("Type", False), ("Type.Owner", True)])
def test_what_is_no_nested_block(value: Any, name: str, wrap: bool) -> None:
    block = {"Type": {"Owner": value} if wrap else value}
    with pytest.raises(UnexpectedValue) as caught:
        tabulate({"Identifier": 1}, block)
    assert str(caught.value) == f"The field {name} is no block"


@pytest.mark.parametrize("strict", [(), ("Type__Id",)], ids=["key", "cursor"])
def test_an_unreadable_key_or_cursor_is_an_error_that_does_not_quote_it(
    strict: tuple[str, ...],
) -> None:
    block = {"Identifier": 2 if strict else CANARY, "Type": {"Id": CANARY}}
    with pytest.raises(UnexpectedValue) as caught:
        Tabulator(COLUMNS, ["Identifier"], strict=strict)([Part([{"Identifier": 1}, block])])
    name = "Type.Id" if strict else "Identifier"
    assert str(caught.value) == f"The field {name} holds a value that is no bigint"


def test_other_unreadable_values_become_null_and_are_counted() -> None:
    rows = tabulate(
        {"Identifier": 1, "StartDate": "2026-11-24T00:00:00Z", "Points": 1, "IsActive": True},
        {"Identifier": 2, "StartDate": CANARY, "Points": CANARY, "IsActive": CANARY},
        {"Identifier": 3, "StartDate": [CANARY], "Points": None, "Type": {"Id": 2**64}},
        {"Identifier": 4, "StartDate": "", "Points": "", "Type": {"Id": "7"}},
    )
    assert rows.table["Identifier"].to_pylist() == [1, 2, 3, 4]
    assert rows.table["StartDate"].to_pylist() == [at(2026, 11, 24), None, None, None]
    assert rows.table["Points"].to_pylist() == [1.0, None, None, None]
    assert rows.table["IsActive"].to_pylist() == [True, None, None, None]
    assert rows.table["Type__Id"].to_pylist() == [None, None, None, 7]
    assert rows.unreadable == {"StartDate": 2, "Points": 1, "IsActive": 1, "Type.Id": 1}
    assert not rows.is_whole
    twice = concat([rows, rows])
    assert twice.unreadable == {"StartDate": 4, "Points": 2, "IsActive": 2, "Type.Id": 2}


# --- fields that nobody declares ----------------------------------------------------------------


@pytest.mark.parametrize(
    "batches",
    [
        [[{f"New{n}": 1 for n in range(11)}]],
        [[{"Identifier": 1, f"New{n}": 1} for n in range(11)]],
        [[{"Type": {f"New{n}": 1 for n in range(11)}}]],
        [[{f"New{n}": 1 for n in range(8)}], [{f"Newer{n}": 1 for n in range(8)}]],
    ],
    ids=["one row", "many rows", "nested", "many pages"],
)
def test_too_many_undeclared_fields_are_an_error(batches: list[list[dict[str, Any]]]) -> None:
    tabulate = Tabulator(COLUMNS, [], most_undeclared=10)
    for blocks in batches[:-1]:
        tabulate([Part(blocks)])
    with pytest.raises(UnexpectedValue, match=r"more than 10 fields.*max_undeclared_fields"):
        tabulate([Part(batches[-1])])


def test_what_was_too_much_does_not_count_for_what_comes_after() -> None:
    tabulate = Tabulator(COLUMNS, [], most_undeclared=10)
    fits = [Part([{f"New{n}": 1 for n in range(10)}])]
    for _ in range(3):
        tabulate(fits)
        with pytest.raises(UnexpectedValue):
            tabulate([Part([{"OneMore": 1}])])
    assert tabulate(fits).table.num_columns == len(COLUMNS) + 10


def test_numbers_that_drift_stay_one_column() -> None:
    blocks = [{"Identifier": at, "Points": points} for at, points in enumerate([7, 8, 7.5, "6"])]
    assert tabulate(*blocks).table["Points"].to_pylist() == [7.0, 8.0, 7.5, 6.0]


def test_numbers_that_drift_between_pages_stay_one_column() -> None:
    pages = [tabulate({"Identifier": 1, "Points": points}) for points in (7, 7.5, None, "6")]
    assert concat(pages).table["Points"].to_pylist() == [7.0, 7.5, None, 6.0]


@pytest.mark.parametrize("same", [[6606, "6606"], ["6606", 6606], [6606.0, "6606"]], ids=repr)
def test_ids_as_numbers_and_strings_join(same: list[Any]) -> None:
    table = tabulate(*({"Identifier": one} for one in same)).table
    assert table["Identifier"].to_pylist() == [6606, 6606]


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [{}, {"Identifier": None}, {"Identifier": ""}], ids=repr)
def test_a_row_without_its_key_is_counted_and_left_out(key: dict[str, Any]) -> None:
    rows = tabulate({"Identifier": 1}, {"Name": CANARY} | key, {"Identifier": 3})
    assert rows.keyless == 1
    assert rows.table["Identifier"].to_pylist() == [1, 3]


def test_every_key_must_be_there() -> None:
    rows = tabulate(
        {"Identifier": 1, "Type": {"Id": 1}},
        {"Identifier": 2, "Type": None},
        {"Identifier": None, "Type": {"Id": 3}},
        {"Identifier": None, "Type": None},
        keys=("Identifier", "Type__Id"),
    )
    assert rows.keyless == 3
    assert rows.table["Identifier"].to_pylist() == [1]


def test_a_page_of_keyless_rows() -> None:
    rows = tabulate({}, {"Name": "a"})
    assert (rows.keyless, rows.table.num_rows) == (2, 0)
    assert rows.table.schema.names == list(COLUMNS)


def test_nought_is_a_key() -> None:
    assert tabulate({"Identifier": 0}).keyless == 0


# --- putting tables together --------------------------------------------------------------------


def test_concat_counts_and_fills() -> None:
    rows = concat(
        [
            tabulate({"Identifier": 1, "New": "a"}),
            tabulate({"Identifier": None}, {"Identifier": 2}),
            tabulate(),
            tabulate({"Identifier": 3, "Newer": 1}, {}),
        ]
    )
    assert rows.keyless == 2
    assert rows.table["Identifier"].to_pylist() == [1, 2, 3]
    new, newer = (rows.table[UNDECLARED + name].to_pylist() for name in ("New", "Newer"))
    assert new == ['"a"', None, None]
    assert newer == [None, None, "1"]


def test_concat_of_one_is_that_one() -> None:
    rows = tabulate({"Identifier": 1})
    assert concat([rows]) is rows


@pytest.mark.parametrize("count", [0, 2])
def test_a_constant_stands_in_front(count: int) -> None:
    table = add_constant(
        tabulate(*[{"Identifier": 1}] * count).table, "org_unit_id", 6606, pa.int64()
    )
    assert table.schema.names[0] == "org_unit_id"
    assert not table.schema.field("org_unit_id").nullable
    assert table["org_unit_id"].to_pylist() == [6606] * count


def test_rows_for_tables_with_json() -> None:
    table = tabulate({"Identifier": 1, "Tags": ["a", {"b": 1}]}, {"Identifier": 2}).table
    rows = to_rows(table, ["Tags"])
    assert [row["Tags"] for row in rows] == [["a", {"b": 1}], None]
    assert [row["Identifier"] for row in rows] == [1, 2]


def test_no_rows_for_tables_with_json() -> None:
    assert to_rows(tabulate().table, ["Tags"]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2], "[1,2]"),
        ([], "[]"),
        ({"a": None}, '{"a":null}'),
        ("a", '"a"'),
        (7, "7"),
        (True, "true"),
        (None, None),
    ],
    ids=repr,
)
def test_json_columns_hold_any_json(value: Any, text: str | None) -> None:
    assert tabulate({"Identifier": 1, "Tags": value}).table["Tags"].to_pylist() == [text]


def test_json_columns_are_known() -> None:
    assert Tabulator(COLUMNS, []).json_columns == ["Tags"]


# --- the keys of a list -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "ids"),
    [
        ([{"Name": "a"}, {"Name": "b"}], [7, 7]),
        ([{"Type": None}, {"Type": {"Id": 3}}], [7, 3]),
        ([{"Type": {"Id": "3"}}, {"Type": {"Id": None}}], [3, 7]),
        ([{"Type": {"Id": 3}}, {"Type": {"Id": 4}}], [3, 4]),
    ],
    ids=["all lack it", "one lacks the block", "one is null", "none lacks it"],
)
def test_rows_that_lack_the_key_of_their_list_are_given_it(
    blocks: list[dict[str, Any]], ids: list[int]
) -> None:
    parts = [Part(blocks, {"Type__Id": 7, "org_unit_id": 6606})]
    table = Tabulator(COLUMNS, [])(parts).table
    assert table["Type__Id"].to_pylist() == ids
    assert "org_unit_id" not in table.schema.names  # not declared here


def test_each_list_has_keys_of_its_own() -> None:
    columns = {"org_unit_id": {"data_type": "bigint", "nullable": False}, **COLUMNS}
    parts = [Part([{}, {}], {"org_unit_id": 1}), Part([], {"org_unit_id": 2})]
    table = Tabulator(columns, ["org_unit_id"])([*parts, Part([{}], {"org_unit_id": 3})]).table
    assert table["org_unit_id"].to_pylist() == [1, 1, 3]


# --- fields that are never loaded ---------------------------------------------------------------


@pytest.mark.parametrize("field", ["Password", "Type__Owner__Secret", "Vault"])
def test_a_dropped_field_is_in_no_column(field: str) -> None:
    block: Any = CANARY
    for name in reversed(field.split("__")):
        block = {name: block}
    table = Tabulator(COLUMNS, [], [field])([Part([{"Identifier": 1, **block}])]).table
    assert table.schema.names == list(COLUMNS)
    assert CANARY not in str(table.to_pylist())


# --- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "blocks",
    [
        [{"Identifier": 1, "Name": "a"}, {"Name": "b", "Identifier": 2}],
        [{"Identifier": 1, "Name": "a"}, {"Identifier": 2, "Points": 7}],
        [{"Identifier": 1}, {"Identifier": 2, "Points": 7, "New": "b"}],
    ],
    ids=["another order", "as many others", "more"],
)
def test_blocks_of_several_shapes(blocks: list[dict[str, Any]]) -> None:
    table = tabulate(*blocks).table
    for field in ("Identifier", "Name", "Points"):
        assert table[field].to_pylist() == [block.get(field) for block in blocks]
    assert (f"{UNDECLARED}New" in table.schema.names) == ("New" in blocks[1])


def test_undeclared_values_travel_as_json() -> None:
    table = tabulate({"Identifier": 1, "New": [1, {"a": None}]}).table
    assert json.loads(table[f"{UNDECLARED}New"][0].as_py()) == [1, {"a": None}]
