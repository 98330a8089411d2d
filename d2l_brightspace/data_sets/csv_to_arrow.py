"""CSV to typed Parquet, in blocks, so that memory stays flat with the size of the file.

A file is read by pyarrow's CSV parser, which is fast and strict about types. Only where that
fails is the file read again line by line, to say which row and column is bad, or to put bad rows
aside. Values (`docs/brightspace-api.md`, Data Hub): UTF-8 with BOM, empty for null, `True` or
`False`, UTC times with or without `T`, `Z` and a fraction of up to seven digits.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from d2l_brightspace.client.errors import ProtocolError

from .dictionary import Column
from .table_layout import LOAD_ID, Layout, arrow_type, find_columns

BLOCK_BYTES = 4 * 1024 * 1024
LARGEST_ROW_BYTES = 16 * 1024 * 1024
"""A row must fit into a block; blocks grow up to this where one does not."""
LONGEST_HEADER_BYTES = 1024 * 1024
MOST_COLUMNS = 1500
"""The widest data set has 38; Postgres can have 1600."""
ROWS_AT_ONCE = 10_000
_PIECE_BYTES = 256 * 1024
_SHOWN = 100
"""Letters of a foreign name that a message shows."""

Open = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens the CSV at its beginning; a file may be read more than once."""


class BadCsv(ProtocolError):
    """A file is no CSV, or a row of it cannot be in its table; names file, line and column."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be in its table."""

    line: int
    """Line of the file on which the row begins, 1 being the header."""
    column: str | None
    """None where it is not about one column."""
    problem: str
    cells: tuple[str, ...]


@dataclass
class Converted:
    """What became of a CSV file."""

    path: Path
    rows_in_file: int = 0
    rows: int = 0
    deleted: int = 0
    """Rows that are marked as deleted."""
    bad: list[BadRow] = field(default_factory=list)


def read_header(open_csv: Open, name: str) -> list[str]:
    """The column names of a file; a column without one is called by its place.

    Raises:
        BadCsv: If there is none, if two columns have one name, or if it is absurdly long.
    """
    with open_csv() as raw:
        line = _header_line(raw, name)
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in line:
        raise BadCsv(f"{name}: it is no UTF-8 (UTF-16?); nothing was loaded")
    try:
        header = next(csv.reader([line.decode("utf-8-sig")], strict=True), [])
    except (csv.Error, UnicodeError):
        header = []
    if not any(header):
        raise BadCsv(f"{name}: there is no header, so this is no data set; nothing was loaded")
    if len(header) > MOST_COLUMNS:
        raise BadCsv(
            f"{name}: the header has {len(header)} columns, more than {MOST_COLUMNS}; nothing was "
            "loaded"
        )
    names = [cell or f"column_{place}" for place, cell in enumerate(header, 1)]
    name_twice, times = Counter(names).most_common(1)[0]
    if times > 1:
        shown = name_twice[:_SHOWN]
        raise BadCsv(f"{name}: two columns are called {shown!r}; nothing was loaded")
    return names


def _header_line(raw: BinaryIO, name: str) -> bytes:
    pieces: list[bytes] = []
    left, quotes = LONGEST_HEADER_BYTES, 0
    while piece := raw.readline(left + 1):
        pieces.append(piece)
        left -= len(piece)
        quotes += piece.count(b'"')
        if left < 0:
            raise BadCsv(
                f"{name}: the header is longer than {LONGEST_HEADER_BYTES / 1e6:.0f} MB, so this "
                "is no data set; nothing was loaded"
            )
        if quotes % 2 == 0:
            break
    return b"".join(pieces).rstrip(b"\r\n")


def convert(
    open_csv: Open,
    target: Path,
    layout: Layout,
    *,
    name: str,
    load_id: str,
    keep_bad_rows: bool = False,
    block_bytes: int = BLOCK_BYTES,
    written: Callable[[Path, int], object] = lambda _path, _size: None,
) -> Converted:
    """Write a CSV file as Parquet.

    Args:
        open_csv: Opens the file.
        target: Parquet file to write.
        layout: The table; columns are found by name, missing ones are null.
        name: What error texts call the file.
        load_id: Value of `_dlt_load_id`.
        keep_bad_rows: Whether to return bad rows instead of raising at the first.
        block_bytes: Size of the blocks in which the file is read.
        written: Called with the file and its size to be, as it grows; may raise.

    Raises:
        BadCsv: If it is no CSV, or has a bad row.
    """
    header = read_header(open_csv, name)
    readings = list(_READINGS)
    while readings:
        try:
            tables = _read(open_csv, header, layout, readings[0], block_bytes)
            return _write(target, layout, load_id, tables, Converted(target), written)
        except pa.ArrowInvalid as error:  # its text holds values, so it goes no further
            if isinstance(error, _UnusualCsv):
                break
            if "straddl" in str(error) and block_bytes < LARGEST_ROW_BYTES:
                block_bytes *= 4
            else:
                readings.pop(0)
    outcome = Converted(target)
    rows = _read_line_by_line(open_csv, header, layout, _Bad(name, outcome, keep=keep_bad_rows))
    return _write(target, layout, load_id, rows, outcome, written)


def _write(
    target: Path,
    layout: Layout,
    load_id: str,
    parts: Iterator[list[pa.Array]],
    outcome: Converted,
    grows: Callable[[Path, int], object],
) -> Converted:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    deleted = layout.data_set.column_of("deleted")
    # it is read once and deleted: compressing it, or looking for repetition, would be time lost
    with (
        target.open("wb") as sink,
        pq.ParquetWriter(
            sink,
            layout.schema,
            compression="none",
            use_dictionary=[LOAD_ID],
            write_statistics=False,
        ) as writer,
        ThreadPoolExecutor(1) as pool,
    ):
        written: Future[None] = pool.submit(lambda: None)
        for arrays in parts:
            table = layout.tabulate(arrays, load_id)
            written.result()
            grows(target, sink.tell() + table.nbytes)
            written = pool.submit(writer.write_table, table)
            outcome.rows += table.num_rows
            if deleted:
                outcome.deleted += pc.sum(table[layout.names[deleted.name]]).as_py() or 0
        written.result()
    outcome.rows_in_file = outcome.rows + len(outcome.bad)
    return outcome


# --- by pyarrow -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    """One way to read times; a file keeps to one, so the first that fits is taken."""

    type: pa.DataType
    finish: Callable[[pa.Array], pa.Array] = lambda array: array


def _parse_times(texts: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    plain = pc.replace_substring_regex(texts, _ANY_TIME, r"\1 \2\3")
    return plain.cast(pa.timestamp("us"))


_ANY_TIME = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,6})?\d{0,3}(?:Z|\+00:00)?$"
_READINGS = (
    _Reading(pa.timestamp("us", "UTC")),
    _Reading(pa.timestamp("us")),
    _Reading(pa.string(), _parse_times),
)


class _UnusualCsv(pa.ArrowInvalid):  # type: ignore[misc]  # pyarrow has no types
    """A file that has to be read line by line."""


class _Guarded(io.RawIOBase):
    """A stream that pyarrow (26.0) reads rightly where it would lose or swallow something.

    Where a block ends with a carriage return, pyarrow drops the line feed that begins the next,
    also within quotes; so no block ends so. A quote that is never closed it takes for a long text;
    so quotes are counted. And it loads a NUL, which Postgres refuses with all rows of the run.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._held = b""
        self.quotes = 0
        self.has_nul = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = (size if size >= 0 else sys.maxsize) - len(self._held)
        pieces = [self._held]
        # zipfile takes twice the time for pieces of megabytes
        while left > 0 and (piece := self._raw.read(min(left, _PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
        data, self._held = b"".join(pieces), b""
        if len(data) > 1 and data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        self.quotes += data.count(b'"')
        self.has_nul = self.has_nul or b"\0" in data
        return data


def _read(
    open_csv: Open, header: Sequence[str], layout: Layout, times: _Reading, block_bytes: int
) -> Iterator[list[pa.Array]]:
    from pyarrow import csv as arrow_csv

    names = _names_in_file(header, layout)
    types = {
        name: times.type if column.kind == "timestamp" else arrow_type(column)
        for name, column in zip(names, layout.columns, strict=True)
    }
    with open_csv() as raw:
        guarded = _Guarded(raw)
        reader = arrow_csv.open_csv(
            guarded,
            # by our names, as its own check of them is what a cell without a name would fail
            read_options=arrow_csv.ReadOptions(
                block_size=block_bytes, column_names=list(header), skip_rows_after_names=1
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=names,
                include_missing_columns=True,
                null_values=[""],
                strings_can_be_null=True,
                true_values=["True", "true", "TRUE", "1"],
                false_values=["False", "false", "FALSE", "0"],
            ),
        )
        for batch in reader:
            if guarded.has_nul:
                raise _UnusualCsv("a NUL")
            yield [
                times.finish(array) if column.kind == "timestamp" else array
                for array, column in zip(batch.columns, layout.columns, strict=True)
            ]
        if guarded.quotes % 2:
            raise pa.ArrowInvalid("a quote is never closed")


def _names_in_file(header: Sequence[str], layout: Layout) -> list[str]:
    """What the file calls the columns of the table; a name no file has for one it lacks."""
    found = find_columns(header, [column.name for column in layout.columns])
    return [found.get(column.name, f"\0{column.name}") for column in layout.columns]


# --- line by line ---------------------------------------------------------------------------------


@dataclass
class _Bad:
    """Decides what becomes of bad rows."""

    name: str
    outcome: Converted
    keep: bool

    def found(self, row: BadRow) -> None:
        if not self.keep:
            column = f", column {row.column}" if row.column else ""
            raise BadCsv(
                f"{self.name}, line {row.line}{column}: {row.problem}. Nothing of this data set "
                'was loaded; with bad_rows = "quarantine" such rows go to the table bad_rows'
            )
        self.outcome.bad.append(row)

    def fatal(self, line: int, problem: str) -> BadCsv:
        return BadCsv(f"{self.name}, line {line}: {problem}. Nothing of this data set was loaded")


def _read_line_by_line(
    open_csv: Open, header: Sequence[str], layout: Layout, bad: _Bad
) -> Iterator[list[pa.Array]]:
    places = {name: place for place, name in enumerate(header)}
    wanted = [
        (column, places.get(name))
        for column, name in zip(layout.columns, _names_in_file(header, layout), strict=True)
    ]
    rows = _good_rows(open_csv, len(header), wanted, bad)
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        yield [
            pa.array(values, arrow_type(column))
            for (column, _), values in zip(wanted, zip(*chunk, strict=True), strict=True)
        ]


def _good_rows(
    open_csv: Open, width: int, wanted: list[tuple[Column, int | None]], bad: _Bad
) -> Iterator[list[Any]]:
    for line, cells, problem in _rows(open_csv, bad):
        wrong_width = f"it has {len(cells)} cells where the header has {width}"
        if problem or len(cells) != width:
            bad.found(BadRow(line, None, problem or wrong_width, tuple(cells)))
            continue
        column: Column | None = None
        try:
            values = []
            for column, place in wanted:
                values.append(_value(column, "" if place is None else cells[place]))
        except ValueError as error:
            bad.found(BadRow(line, column.name if column else None, str(error), tuple(cells)))
        else:
            yield values


def _rows(open_csv: Open, bad: _Bad) -> Iterator[tuple[int, list[str], str]]:
    """The rows below the header: line, cells and what is wrong with it as a whole."""
    csv.field_size_limit(max(LARGEST_ROW_BYTES, csv.field_size_limit()))
    with open_csv() as raw, _text(_WithoutLongLines(raw, bad)) as text:
        reader = csv.reader(text, strict=True)
        next(reader)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "end of data" in str(error):
                    raise bad.fatal(line, "a quote is opened here and never closed") from None
                if "field larger" in str(error):
                    raise bad.fatal(line, _TOO_LARGE) from None
                yield line, [], "its quotes are wrong"
                continue
            if cells:  # an empty line is no row
                yield line, cells, ""


_TOO_LARGE = f"a cell is larger than {LARGEST_ROW_BYTES / 1e6:.0f} MB"


class _WithoutLongLines(io.RawIOBase):
    """A stream that ends with an error where a line would fill the memory."""

    def __init__(self, raw: BinaryIO, bad: _Bad) -> None:
        self._raw = raw
        self._bad = bad
        self._unbroken = 0
        self._lines = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        last = data.rfind(b"\n")
        self._lines += data.count(b"\n")
        self._unbroken = self._unbroken + len(data) if last < 0 else len(data) - last
        if self._unbroken > LARGEST_ROW_BYTES:
            raise self._bad.fatal(self._lines, _TOO_LARGE)
        buffer[: len(data)] = data
        return len(data)


def _value(column: Column, text: str) -> Any:
    if not text:
        if column.key and not column.nullable and arrow_type(column) != pa.string():
            raise ValueError("the key is missing")
        return None
    try:
        return _PARSERS[column.kind](text) if column.kind != "decimal" else _decimal(column, text)
    except _NulError:
        raise ValueError("it holds a NUL character, which databases refuse") from None
    except (ValueError, InvalidOperation):
        raise ValueError(f"it is no {column.kind}") from None


def _integer(text: str) -> int:
    number = int(text) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", text) else 2**63
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _decimal(column: Column, text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError
    pa.scalar(number).cast(arrow_type(column))  # raises where digits would be lost
    return number


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[word]


def _time(text: str) -> datetime:
    plain = re.sub(_ANY_TIME, r"\1 \2\3", text.strip())
    parsed = pa.array([plain]).cast(pa.timestamp("us"))[0].as_py()
    return cast("datetime", parsed).replace(tzinfo=timezone.utc)


class _NulError(ValueError):
    """A text holds a NUL."""


def _words(text: str) -> str:
    if "\0" in text:
        raise _NulError
    if any("\udc80" <= letter <= "\udcff" for letter in text):
        raise ValueError
    return text


_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_PARSERS: dict[str, Callable[[str], Any]] = {
    "bigint": _integer,
    "bool": _boolean,
    "timestamp": _time,
    "double": float,
    "text": _words,
    "uuid": _words,
}


def _text(raw: io.RawIOBase) -> io.TextIOWrapper:
    # bytes that are no UTF-8 become lone surrogates, which `_words` refuses
    buffered = io.BufferedReader(raw, _PIECE_BYTES)
    return io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="surrogateescape", newline="")
