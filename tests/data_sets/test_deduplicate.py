"""Of several versions of a row, the newest is kept, whatever file it came in."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from d2l_brightspace.data_sets.deduplicate import KeyTooSmall, deduplicate
from d2l_brightspace.data_sets.dictionary import Column, DataSet
from d2l_brightspace.data_sets.table_layout import Layout

ID = Column("Id", "bigint", key=True, nullable=False)
NOTE = Column("Note", "text")
VERSION = Column("Version", "bigint", role="version")
MODIFIED = Column("LastModified", "timestamp", role="modified")


def kept(
    folder: Path, columns: tuple[Column, ...], *files: list[tuple], has_full: bool = False
) -> list[list[tuple]]:
    layout = Layout(DataSet("Things", columns), str.lower)
    paths = []
    for number, rows in enumerate(files):
        path = folder / f"it's {number}.parquet"
        arrays = [pa.array(values) for values in zip(*rows, strict=True)]
        table = layout.tabulate([_cast(one, c) for one, c in zip(arrays, columns)], "1")  # noqa: B905
        pq.write_table(table, path)
        paths.append(path)
    lost = deduplicate(paths, layout, folder / "scratch", has_full=has_full)
    found = []
    for path in paths:
        table = pq.read_table(path)
        assert table.schema == layout.schema
        found.append([tuple(row.values())[1:] for row in table.to_pylist()])
    assert lost == [len(before) - len(after) for before, after in zip(files, found, strict=True)]
    return found


def _cast(array: pa.Array, column: Column) -> pa.Array:
    types = {"bigint": pa.int64(), "timestamp": pa.timestamp("us", "UTC"), "text": pa.string()}
    return array.cast(types[column.kind])


def at(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=timezone.utc)


def test_rows_with_different_keys_are_all_kept(tmp_path):
    assert kept(tmp_path, (ID, NOTE), [(1, "a"), (2, "b")], [(3, "c")]) == [
        [(1, "a"), (2, "b")],
        [(3, "c")],
    ]


def test_the_later_extract_wins(tmp_path):
    assert kept(tmp_path, (ID, NOTE), [(1, "a"), (2, "b")], [(1, "c")]) == [[(2, "b")], [(1, "c")]]


def test_rows_of_one_file_that_nothing_orders_are_never_dropped(tmp_path):
    with pytest.raises(KeyTooSmall):
        kept(tmp_path, (ID, NOTE), [(1, "a"), (2, "b"), (1, "c")])


def test_rows_of_one_differential_are_ordered_by_version(tmp_path):
    columns = (ID, NOTE, VERSION)
    found = kept(tmp_path, columns, [(1, "a", 2), (2, "b", 1), (1, "c", 1)])
    assert found == [[(1, "a", 2), (2, "b", 1)]]


def test_a_full_holds_each_row_once(tmp_path):
    with pytest.raises(KeyTooSmall):
        kept(tmp_path, (ID, NOTE, VERSION), [(1, "a", 2), (1, "c", 1)], has_full=True)


def test_the_higher_version_wins_over_the_later_extract(tmp_path):
    columns = (ID, NOTE, VERSION)
    assert kept(tmp_path, columns, [(1, "a", 3)], [(1, "b", 2)]) == [[(1, "a", 3)], []]


def test_of_the_same_version_the_later_modification_wins(tmp_path):
    columns = (ID, VERSION, MODIFIED)
    first, second = [(1, 2, at(5))], [(1, 2, at(4))]
    assert kept(tmp_path, columns, first, second) == [first, []]


def test_a_row_without_a_version_is_older_than_one_with(tmp_path):
    columns = (ID, NOTE, VERSION)
    assert kept(tmp_path, columns, [(1, "a", 1)], [(1, "b", None)]) == [[(1, "a", 1)], []]


@pytest.mark.parametrize("copies", [2, 3])
def test_a_row_that_is_repeated_as_it_is_stays_once(copies, tmp_path):
    files = [[(1, "a", 1), (9, "z", 1)], *[[(1, "a", 1)]] * (copies - 1)]
    found = kept(tmp_path, (ID, NOTE, VERSION), *files)
    assert [row for file in found for row in file] == [(9, "z", 1), (1, "a", 1)]


def test_without_a_key_every_row_is_kept(tmp_path):
    assert kept(tmp_path, (NOTE,), [("a",), ("a",)]) == [[("a",), ("a",)]]


@pytest.mark.parametrize("few_rows", [0, 10], ids=["database", "memory"])
def test_the_way_of_few_rows_and_of_many_is_the_same(tmp_path, monkeypatch, few_rows):
    from d2l_brightspace.data_sets import deduplicate as module

    monkeypatch.setattr(module, "FEW_ROWS", few_rows)
    found = kept(tmp_path, (ID, NOTE), [(1, "a"), (2, "b")], [(3, "c"), (4, None)])
    assert found == [[(1, "a"), (2, "b")], [(3, "c"), (4, None)]]
    found = kept(tmp_path, (ID, NOTE), [(1, "a"), (2, "b")], [(2, "c")])
    assert found == [[(1, "a")], [(2, "c")]]
