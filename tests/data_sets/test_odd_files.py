"""Files that are not what Data Hub documents: their data set copes or is skipped, no other is."""

from __future__ import annotations

import io
import re
import time
import zipfile

import pytest

from d2l_brightspace.data_sets.csv_to_arrow import BadCsv, convert, read_header
from d2l_brightspace.data_sets.dictionary import Column, DataSet
from d2l_brightspace.data_sets.table_layout import Layout, find_columns


@pytest.fixture
def one(tenant, loader):
    return loader(tenant("Users", "Grade Results"))


def offer(one, data: bytes, name: str = "Users") -> None:
    extract = one.sandbox.hub.data_sets[name].extracts[-1]
    with zipfile.ZipFile(extract.path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", data)


def columns(one, table: str = "users") -> list[str]:
    found = one.query(
        f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
    )
    return [name for (name,) in found]


def assert_skipped(one, words: str) -> None:
    """Users was skipped, with these words, and the other data set was loaded."""
    [(resource, detail)] = one.query("SELECT resource, detail FROM skipped_requests")
    assert resource == "users"
    assert re.search(words, detail), detail
    assert one.table("grade_results") == one.truth("Grade Results")


def test_a_foreign_column_never_replaces_a_documented_one(one):
    offer(one, b"user_id,UserId,USERNAME,UserName\r\nforged,7,forged,real\r\n")
    one.run()
    assert one.query("SELECT user_id, user_name FROM users") == [(7, "real")]
    assert one.query("SELECT user_id_undeclared, username FROM users") == [("forged", "forged")]
    assert one.extracts("unknown_columns", "data_set = 'users'") == [("user_id, USERNAME",)]


def test_lineage_cannot_be_forged(one):
    offer(one, b"UserId,_dlt_load_id,_dlt_id,row_key\r\n7,forged,forged,forged\r\n")
    one.run()
    [(load_id,)] = one.query("SELECT _dlt_load_id FROM users")
    assert (load_id,) in one.query("SELECT load_id FROM _dlt_loads")
    assert one.query("SELECT dlt_load_id_undeclared, row_key_undeclared FROM users") == [
        ("forged", "forged")
    ]
    assert "_dlt_id" not in columns(one)


def test_foreign_columns_keep_their_names_from_run_to_run(one):
    offer(one, b"UserId,user_id\r\n7,a\r\n")
    one.run()
    one.sandbox.hub.advance(7)
    offer(one, b"User_Id,user_id,UserId\r\nb,a,7\r\n")
    one.run(full_every_days=1)
    found = one.query("SELECT user_id, user_id_undeclared, user_id_undeclared_2 FROM users")
    assert found == [(7, "a", "b")]


def test_columns_without_a_name_or_without_latin_letters_are_loaded(one):
    offer(one, "UserId,,学号,学\r\n7,a,b,c\r\n".encode())
    one.run()
    assert one.query("SELECT user_id, column_2 FROM users") == [(7, "a")]
    assert len(set(columns(one))) == len(columns(one))
    [row] = one.query("SELECT * FROM users")
    assert {"a", "b", "c"} <= set(row)


def test_utf_16_is_a_skip(one):
    offer(one, "UserId,UserName\r\n1,a\r\n".encode("utf-16"))
    one.run()
    assert_skipped(one, "it is no UTF-8")


def test_a_nul_is_a_bad_row(one):
    offer(one, b"UserId,UserName\r\n1,a\r\n2,b\0c\r\n")
    one.run()
    assert_skipped(one, "line 3.*column UserName: it holds a NUL")
    one.run(bad_rows="quarantine")
    assert one.query("SELECT user_id FROM users") == [(1,)]
    [(cells,)] = one.query("SELECT cells FROM bad_rows")
    assert "\0" not in cells


def test_what_nobody_foresaw_is_a_skip_without_values(one, monkeypatch):
    from d2l_brightspace.data_sets import load

    convert = load.convert

    def broken(*arguments, name, **more):
        if name.startswith("users"):
            raise LookupError("secret value")
        return convert(*arguments, name=name, **more)

    monkeypatch.setattr(load, "convert", broken)
    one.run()
    assert_skipped(one, "LookupError in test_odd_files.py")
    assert "secret" not in str(one.query("SELECT detail FROM skipped_requests"))
    monkeypatch.undo()
    one.run()
    assert one.table("users") == one.truth("Users")


# --- caps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b",".join(b"c%d" % n for n in range(20_000)), "20000 columns"),
        (b"x" * 3_000_000, "longer than 1 MB"),
        (b'"' + b"x\r\n" * 1_000_000, "longer than 1 MB"),
        (b"\0" * 100, "UTF-16"),
    ],
    ids=["columns", "one-line", "open-quote", "nuls"],
)
def test_an_absurd_header_is_refused_at_once(data, words):
    stream = io.BytesIO(data + b"\r\n1\r\n")
    began = time.process_time()
    with pytest.raises(BadCsv, match=words):
        read_header(lambda: stream, "users")
    assert time.process_time() - began < 1
    assert stream.closed


@pytest.mark.parametrize("line_break", [b"", b"\r\n"], ids=["one-line", "many-lines"])
def test_an_absurd_cell_is_refused(tmp_path, line_break):
    data = b'Id,Name\r\n1,"' + (b"x" * 999 + line_break) * 40_000 + b'"\r\n'
    layout = Layout(
        DataSet("Things", (Column("Id", "bigint", key=True), Column("Name"))), str.lower
    )
    with pytest.raises(BadCsv, match=r"line \d+: a cell is larger than 17 MB"):
        convert(
            lambda: io.BytesIO(data),
            tmp_path / "x",
            layout,
            name="things",
            load_id="1",
            keep_bad_rows=True,
        )


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (["UserId", "user_id"], {"UserId": "UserId"}),
        (["user_id", "UserId"], {"UserId": "UserId"}),
        (["USERID", "UserId"], {"UserId": "UserId"}),
        (["USERID"], {"UserId": "USERID"}),
        (["User Id"], {"UserId": "User Id"}),
        (["Other"], {}),
    ],
    ids=str,
)
def test_columns_are_found_by_the_nearest_name(header, found):
    assert find_columns(header, ["UserId"]) == found
