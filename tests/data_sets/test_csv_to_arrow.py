"""CSV to Parquet: RFC 4180 at every block boundary, exact types, and where bad rows are."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from d2l_brightspace.data_sets.csv_to_arrow import BadCsv, Converted, convert, read_header
from d2l_brightspace.data_sets.dictionary import Column, DataSet
from d2l_brightspace.data_sets.table_layout import Layout

DATA_SET = DataSet(
    "Things",
    (
        Column("Id", "bigint", key=True, nullable=False),
        Column("Name", "text"),
        Column("Points", "decimal", 19, 9),
        Column("IsDeleted", "bool", role="deleted"),
        Column("LastModified", "timestamp", role="modified"),
        Column("Guid", "uuid"),
        Column("Score", "double"),
    ),
)
HEADER = "Id,Name,Points,IsDeleted,LastModified,Guid,Score"
GOOD = "1,a,1.5,False,2024-01-15T10:30:00.000Z,ABC,0.5"
NOON = datetime(2024, 1, 15, 10, 30, tzinfo=timezone.utc)
TRAPS = [
    "plain",
    "two\nlines",
    "two\r\nlines",
    'a "quoted" word',
    "comma, comma",
    '"\n"',
    "\n\n\n",
    "naïve 学生 🎓",
    None,
]


def loaded(text: str | bytes, folder: Path, **options: Any) -> tuple[Converted, list[dict]]:
    data = text.encode() if isinstance(text, str) else text
    layout = Layout(options.pop("data_set", DATA_SET), str.lower, options.pop("extra", ()))
    target = folder / "x.parquet"
    options = {"name": "things, full", "load_id": "1", **options}
    outcome = convert(lambda: io.BytesIO(data), target, layout, **options)
    table = pq.read_table(target)
    assert table.schema == layout.schema
    return outcome, table.drop_columns(["_dlt_load_id"]).to_pylist()


def lines(*rows: str) -> str:
    return "\r\n".join([HEADER, *rows]) + "\r\n"


def test_every_type_is_exact(tmp_path):
    outcome, rows = loaded(
        lines(f"{2**63 - 1},x,10.123456789,True," + GOOD.split(",", 4)[4]), tmp_path
    )
    assert rows == [
        {
            "id": 2**63 - 1,
            "name": "x",
            "points": Decimal("10.123456789"),
            "isdeleted": True,
            "lastmodified": NOON,
            "guid": "abc",
            "score": 0.5,
        }
    ]
    assert (outcome.rows, outcome.deleted) == (1, 1)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ids=["minimal", "all"])
@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b""], ids=["bom", "no bom"])
def test_traps_at_every_block_boundary(quoting, bom, tmp_path):
    """D2L's own sample loader cuts rows in two where a block of lines ends."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting)
    writer.writerow(["Id", "Name"])
    writer.writerows(enumerate(TRAPS))
    data = bom + text.getvalue().encode()
    small = DataSet("Things", DATA_SET.columns[:2])
    expected = [{"id": number, "name": name} for number, name in enumerate(TRAPS)]
    for block in range(1, len(data) + 2):
        outcome, rows = loaded(data, tmp_path, data_set=small, block_bytes=block)
        assert rows == expected, block
        assert outcome.rows_in_file == len(TRAPS)


@pytest.mark.parametrize(
    "time",
    [
        "2024-01-15T10:30:00.000Z",
        "2024-01-15T10:30:00Z",
        "2024-01-15 10:30:00",
        "2024-01-15 10:30:00.000",
        "2024-01-15 10:30:00.0000000",
        "2024-01-15T10:30:00.0000000Z",
        "2024-01-15T10:30:00+00:00",
    ],
)
def test_every_form_of_a_time_is_read(time, tmp_path):
    _, rows = loaded(lines(GOOD.replace("2024-01-15T10:30:00.000Z", time)), tmp_path)
    assert rows[0]["lastmodified"] == NOON


def test_times_of_several_forms_in_one_file(tmp_path):
    other = GOOD.replace("1,a", "2,a").replace("T10:30:00.000Z", " 10:30:00.1234567")
    _, rows = loaded(lines(GOOD, other), tmp_path)
    assert [row["lastmodified"].microsecond for row in rows] == [0, 123456]


def test_ancient_and_far_times_are_kept(tmp_path):
    first = GOOD.replace("2024-01-15T10:30:00.000Z", "0001-01-01T00:00:00.000Z")
    last = GOOD.replace("2024-01-15T10:30:00.000Z", "9999-12-31T23:59:59.9999999Z")
    _, rows = loaded(lines(first, last), tmp_path)
    assert [row["lastmodified"].year for row in rows] == [1, 9999]


def test_empty_is_null_in_every_type(tmp_path):
    _, rows = loaded(lines("1,,,,,,"), tmp_path)
    assert [*rows[0].values()] == [1, None, None, None, None, None, None]


def test_columns_are_found_by_name(tmp_path):
    text = "Brand New,NAME,Id\r\nnew,x,1\r\n"
    _, rows = loaded(text, tmp_path, extra=("Brand New",))
    assert rows[0]["name"] == "x"
    assert rows[0]["brand new"] == "new"
    assert rows[0]["points"] is None


@pytest.mark.parametrize("text", [HEADER, HEADER + "\r\n", "\ufeff" + HEADER + "\n"])
def test_an_empty_data_set_is_an_empty_table(text, tmp_path):
    outcome, rows = loaded(text, tmp_path)
    assert (rows, outcome.rows_in_file) == ([], 0)


@pytest.mark.parametrize(
    ("row", "line", "words"),
    [
        ("x,a,1,,,,", 3, "column Id: it is no bigint"),
        ("7.5,a,1,,,,", 3, "column Id: it is no bigint"),
        ("99999999999999999999,a,1,,,,", 3, "column Id: it is no bigint"),
        (",a,1,,,,", 3, "column Id: the key is missing"),
        ("2,a,1.0000000001,,,,", 3, "column Points: it is no decimal"),
        ("2,a,NaN,,,,", 3, "column Points: it is no decimal"),
        ("2,a,1,maybe,,,", 3, "column IsDeleted: it is no bool"),
        ("2,a,1,,31/12/2024,,", 3, "column LastModified: it is no timestamp"),
        ("2,a,1,,2024-02-30 00:00:00,,", 3, "column LastModified: it is no timestamp"),
        ("2,a,1,,,,much", 3, "column Score: it is no double"),
        ("2,a,1", 3, "it has 3 cells where the header has 7"),
        ("2,a,1,,,,,", 3, "it has 8 cells where the header has 7"),
        ('2,a,x,"a"b,,,', 3, "its quotes are wrong"),
        ('2,"two\nlines",1,,,,\r\n3,b,x,,,,', 5, "column Points: it is no decimal"),
    ],
)
def test_a_bad_row_stops_the_data_set_with_its_place(row, line, words, tmp_path):
    with pytest.raises(BadCsv, match=f"^things, full, line {line}(, |: ){words}"):
        loaded(lines(GOOD, row), tmp_path)


def test_no_value_is_in_the_message(tmp_path):
    with pytest.raises(BadCsv) as caught:
        loaded(lines("secret,a,1,,,,"), tmp_path)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or "secret" not in str(caught.value.__context__)


def test_bad_rows_are_put_aside_and_the_others_loaded(tmp_path):
    text = lines(GOOD, "x,a,1,,,,", '2,"two\nlines",,,,,', "3,a,1", "4,,,,,,")
    outcome, rows = loaded(text, tmp_path, keep_bad_rows=True)
    assert [row["id"] for row in rows] == [1, 2, 4]
    assert [(bad.line, bad.column) for bad in outcome.bad] == [(3, "Id"), (6, None)]
    assert (outcome.rows_in_file, outcome.rows) == (5, 3)
    assert outcome.bad[0].cells == ("x", "a", "1", "", "", "", "")


def test_bytes_that_are_no_utf8_are_a_bad_row(tmp_path):
    data = lines(GOOD).encode() + b"2,Andr\xe9,1,,,,\r\n"
    with pytest.raises(BadCsv, match="line 3, column Name: it is no text"):
        loaded(data, tmp_path)


@pytest.mark.parametrize("keep", [False, True], ids=["stop", "quarantine"])
@pytest.mark.parametrize("column", ["first", "last"])
def test_a_quote_that_is_never_closed_swallows_nothing(column, keep, tmp_path):
    data_set = DataSet("Things", (Column("Id", "bigint", key=True), Column("Name")))
    row = '"2,b' if column == "first" else '2,"b'
    text = "\r\n".join(["Id,Name", "1,a", row, *(f"{n},c" for n in range(3, 99))]) + "\r\n"
    with pytest.raises(BadCsv, match="line 3: a quote is opened here and never closed"):
        loaded(text, tmp_path, data_set=data_set, keep_bad_rows=keep)


def test_a_field_larger_than_the_limits_of_parsers(tmp_path):
    text = "x" * 5_000_000
    _, rows = loaded(f'Id,Name\r\n1,"{text}\n"\r\n', tmp_path)
    assert rows[0]["name"] == text + "\n"


@pytest.mark.parametrize(
    ("text", "words"), [("", "no header"), ("\r\n", "no header"), ("Id,Id\r\n", "two columns")]
)
def test_a_file_without_a_good_header_is_refused(text, words):
    with pytest.raises(BadCsv, match=words):
        read_header(lambda: io.BytesIO(text.encode()), "things, full")


def test_an_empty_text_key_is_an_empty_text(tmp_path):
    data_set = DataSet("Things", (Column("Id", "bigint", key=True), Column("Group", key=True)))
    data_set = DataSet("Things", tuple(_strict(column) for column in data_set.columns))
    _, rows = loaded("Id,Group\r\n1,\r\n", tmp_path, data_set=data_set)
    assert rows == [{"id": 1, "group": ""}]


def test_a_key_that_may_be_null_has_a_row_key(tmp_path):
    data_set = DataSet("Things", (Column("Id", "bigint", key=True), Column("Part", key=True)))
    _, rows = loaded("Id,Part\r\n1,\r\n1,x\r\n", tmp_path, data_set=data_set)
    assert [row["row_key"] for row in rows] == ["1|", "1|x"]


def _strict(column: Column) -> Column:
    return Column(column.name, column.kind, key=True, nullable=False)
