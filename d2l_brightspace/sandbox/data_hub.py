"""Data Hub: what Brightspace Data Sets hold, and how they change from day to day.

Each day rows are inserted, updated, marked as deleted and deleted for good. A differential holds
what was inserted or updated on its day; a full, made every seventh day, holds every row there is.
Differentials can be had for 14 days (KB 1130). Some data sets get a new column in time.
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5
from zlib import crc32

from .world import START

Value = int | float | bool | str | Decimal | datetime | None
Kind = Literal["Full", "Differential"]

RETENTION_DAYS = 14
FULL_EVERY_DAYS = 7
FULLS_KEPT = 2
NEW_COLUMN = "AddedLater"
NEW_COLUMN_DAY = 5
UNDOCUMENTED = "Tenant Own Events"
_LIKE_THIS = (
    "plain",
    'says "hello", twice',
    "two\nlines",
    "carriage\r\nreturn, and comma",
    '"',
    "naïve 学生 🎓",
    " blanks around ",
    "NULL",
    "x" * 300,
    "",
)


@dataclass(frozen=True)
class Column:
    """One column as D2L documents it."""

    name: str
    type: str
    size: str = ""
    key: bool = False
    nullable: bool = True


@dataclass(frozen=True)
class Shape:
    """The columns of one data set."""

    name: str
    columns: tuple[Column, ...]

    def has(self, column: str) -> bool:
        """Tell whether there is such a column."""
        return any(one.name == column for one in self.columns)

    def chance(self, *of: object) -> int:
        """Return a number that is always the same for the same question."""
        return crc32("|".join(map(str, (self.name, *of))).encode())


@lru_cache(maxsize=1)
def shapes() -> dict[str, Shape]:
    """Every documented data set, and one that is the tenant's own."""
    columns = {
        name: tuple(_column(row) for row in rows)
        for name, rows in groupby(_read("bds_columns.csv"), lambda row: row["data_set"])
    }
    # of some data sets only the name is public: they have columns here that no tenant has
    own = (Column("EventId", "bigint", key=True), Column("Happened At", "nvarchar", "50"))
    names = [row["data_set"] for row in _read("bds_data_sets.csv")]
    return {name: Shape(name, columns.get(name, own)) for name in [*names, UNDOCUMENTED]}


@lru_cache(maxsize=1)
def schema_ids() -> dict[str, str]:
    """The ids that data sets have in every tenant, where they are public."""
    return {row["data_set"]: row["schema_id"] for row in _read("bds_data_sets.csv")}


@lru_cache(maxsize=1)
def without_types() -> frozenset[str]:
    """The data sets of which no columns are public."""
    return frozenset(shapes()) - {row["data_set"] for row in _read("bds_columns.csv")}


def _read(file: str) -> Iterator[dict[str, str]]:
    text = resources.files(__package__).joinpath(file).read_text("utf-8")
    return csv.DictReader(text.splitlines())


def _column(row: dict[str, str]) -> Column:
    key, nullable = row["key"] == "1", row["nullable"] == "1"
    return Column(row["column"], row["type"], row["size"], key, nullable)


@dataclass(frozen=True)
class Row:
    """One row by its number; its values follow from these."""

    number: int
    revision: int = 1
    day: int = 0
    is_deleted: bool = False


@dataclass
class Extract:
    """A file that can be downloaded."""

    kind: Kind
    created: datetime
    version: str
    path: Path
    is_ready: bool = True
    announced: int | None = None
    """Its size as the list has it, where that is not the truth."""

    @property
    def size(self) -> int:
        """Its size as the list has it."""
        return self.path.stat().st_size if self.announced is None else self.announced

    @property
    def identifier(self) -> str:
        """What names it within its plugin."""
        return f"{self.created:%Y%m%d%H%M%S}"


@dataclass
class DataSet:
    """A data set of the tenant with its rows and its extracts."""

    shape: Shape
    has_differential: bool
    gets_new_column: bool
    rows: dict[int, Row] = field(default_factory=dict)
    next_number: int = 1
    extracts: list[Extract] = field(default_factory=list)
    published: dict[int, Row] = field(default_factory=dict)
    """The rows of the newest full with the differentials after it."""
    published_on: int = 0
    """The day of the newest extract."""
    shown_name: str = ""
    """What the tenant's list calls it, where that is not the name of its shape."""
    own_id: str = ""
    """Its SchemaId, where that is not the public one."""
    version: str = "9.8"
    header: dict[str, str] = field(default_factory=dict)
    """What files call columns that were renamed in them."""

    @property
    def name(self) -> str:
        """What the tenant's list calls it."""
        return self.shown_name or self.shape.name

    @property
    def schema_id(self) -> str:
        """The data set's id."""
        public = self.own_id or schema_ids().get(self.shape.name)
        return public or str(uuid5(NAMESPACE_URL, self.shape.name))

    def plugin_id(self, kind: Kind) -> str:
        """The id of its full or of its differential."""
        return str(uuid5(UUID(self.schema_id), kind))

    def columns(self, day: int) -> tuple[Column, ...]:
        """The columns that an extract of this day has."""
        if self.gets_new_column and day >= NEW_COLUMN_DAY:
            return (*self.shape.columns, Column(NEW_COLUMN, "nvarchar", "20"))
        return self.shape.columns

    def evolve(self, day: int) -> list[Row]:
        """Let a day pass and return the rows that its differential holds."""
        numbers = sorted(self.rows)
        gone = {numbers[self.shape.chance(day, "gone") % len(numbers)]} if numbers else set()
        touched = {numbers[self.shape.chance(day, n) % len(numbers)] for n in range(3) if numbers}
        for number in touched - gone:
            row = self.rows[number]
            marked = row.is_deleted or (
                self.shape.has("IsDeleted") and self.shape.chance(day, number) % 3 == 0
            )
            self.rows[number] = Row(number, row.revision + 1, day, marked)
        if day % 2:
            for number in gone:
                del self.rows[number]
        added = range(self.next_number, self.next_number + 2)
        self.next_number = added.stop
        self.rows.update({number: Row(number, 1, day) for number in added})
        return [row for row in self.rows.values() if row.day == day]

    def values(self, row: Row, day: int) -> dict[str, Value]:
        """Return a row as a table should hold it on a day."""
        return {column.name: _value(self.shape, column, row) for column in self.columns(day)}


class DataHub:
    """All data sets of a tenant.

    Args:
        names: Display names of the data sets offered; none for all that there are.
        rows: Rows of each data set on the first day.
    """

    def __init__(self, names: Sequence[str] = (), rows: int = 12) -> None:
        """Make the first full of every data set."""
        self.day = 0
        self.folder = Path(tempfile.mkdtemp(prefix="brightspace_sandbox_"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.cut_after: list[int] = []
        """The next downloads break off after so many bytes each."""
        self.quota_refusals = 0
        """So many of the next downloads are refused, as if the quota were used up."""
        self.jobs: dict[str, dict[str, object]] = {}
        """Orders of Advanced Data Sets by their ids."""
        self.storage_url = ""
        """Where the files are, without a slash at its end; another origin than Brightspace's."""
        self._links: dict[str, tuple[str, Path]] = {}
        self.data_sets = {name: _new(shapes()[name], rows) for name in names or shapes()}
        self.make_fulls()

    def by_schema(self, schema_id: str) -> DataSet | None:
        """Find a data set by its id."""
        return next((one for one in self.data_sets.values() if one.schema_id == schema_id), None)

    def by_plugin(self, plugin_id: str) -> tuple[DataSet, Kind] | None:
        """Find a data set by the id of its full or its differential."""
        for one in self.data_sets.values():
            for kind in _KINDS:
                if one.plugin_id(kind) == plugin_id:
                    return one, kind
        return None

    def advance(self, days: int = 1) -> None:
        """Let days pass."""
        for _ in range(days):
            self.day += 1
            for data_set in self.data_sets.values():
                changed = data_set.evolve(self.day)
                if data_set.has_differential:
                    self._publish(data_set, "Differential", changed)
                    data_set.published.update({row.number: row for row in changed})
            if self.day % FULL_EVERY_DAYS == 0:
                self.make_fulls()
            self._expire()

    def make_fulls(self) -> None:
        """Make a full of every data set as it is now."""
        for data_set in self.data_sets.values():
            self._publish_full(data_set)

    def _publish_full(self, data_set: DataSet) -> None:
        self._publish(data_set, "Full", list(data_set.rows.values()))
        data_set.published = dict(data_set.rows)

    def offer_new(
        self, name: str, shown_name: str = "", own_id: str = "", rows: int = 12
    ) -> DataSet:
        """Offer one more data set from now on.

        Args:
            name: Name of its shape.
            shown_name: What the list calls it, and its name here; empty for that of its shape.
            own_id: Its SchemaId; empty for the public one.
            rows: Rows it has.
        """
        data_set = _new(shapes()[name], rows)
        data_set.shown_name, data_set.own_id = shown_name, own_id
        self.data_sets[shown_name or name] = data_set
        self._publish_full(data_set)
        return data_set

    def grow_key(self, name: str, column: str) -> None:
        """Add a column at the end, with which alone a row is named from now on."""
        shape = self.data_sets[name].shape
        columns = (*shape.columns, Column(column, "bigint", key=True, nullable=False))
        self.data_sets[name].shape = Shape(shape.name, columns)

    def retire(self, name: str) -> None:
        """Offer a data set no more."""
        del self.data_sets[name]

    def truth(self, name: str) -> list[dict[str, Value]]:
        """The rows of a table that holds everything that was published."""
        data_set = self.data_sets[name]
        return [data_set.values(row, data_set.published_on) for row in data_set.published.values()]

    def offer_file(self, name: str, path: Path, kind: Kind = "Full") -> None:
        """Offer a ready-made zip as the newest extract of a data set."""
        hours = 1 + len(self.data_sets[name].extracts)
        created = self._now(kind) + timedelta(hours=hours)
        self.data_sets[name].extracts.append(Extract(kind, created, "9.8", path))

    def storage_link(self, path: Path) -> str:
        """Return a signed link to a file."""
        signature = f"{crc32(str(path).encode()):08x}"
        self._links[path.name] = (signature, path)
        return f"{self.storage_url}/storage/{path.name}?sig={signature}"

    def file_of(self, name: str, signature: str) -> Path | None:
        """Return the file of a link, if the signature is the right one."""
        known, path = self._links.get(name, ("", None))
        return path if signature and signature == known else None

    def _now(self, kind: Kind) -> datetime:
        # a full is made after the differential of its day
        return START + timedelta(days=self.day, hours=2 if kind == "Full" else 1)

    def _publish(self, data_set: DataSet, kind: Kind, rows: list[Row]) -> None:
        created = self._now(kind)
        path = self.folder / f"{data_set.plugin_id(kind)}-{self.day}.zip"
        columns = data_set.columns(self.day)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{kind}.csv", _csv(data_set, columns, rows))
        data_set.published_on = self.day
        is_new = data_set.gets_new_column and self.day >= NEW_COLUMN_DAY
        version = "9.9" if is_new and data_set.version == "9.8" else data_set.version
        data_set.extracts.append(Extract(kind, created, version, path))

    def _expire(self) -> None:
        oldest = self._now("Differential") - timedelta(days=RETENTION_DAYS)
        for data_set in self.data_sets.values():
            fulls = [one for one in data_set.extracts if one.kind == "Full"][-FULLS_KEPT:]
            data_set.extracts = [
                one
                for one in data_set.extracts
                if one in fulls or (one.kind == "Differential" and one.created > oldest)
            ]


_KINDS: tuple[Kind, ...] = ("Full", "Differential")


def _new(shape: Shape, rows: int) -> DataSet:
    # without a key nobody could tell which row of a differential replaces which
    has_key = shape.name not in without_types() and any(one.key for one in shape.columns)
    return DataSet(
        shape,
        has_differential=has_key and shape.chance("differential") % 5 > 0,
        gets_new_column=shape.chance("new column") % 6 == 0,
        rows={number: Row(number) for number in range(1, rows + 1)},
        next_number=rows + 1,
    )


# --- values ---------------------------------------------------------------------------------------


def _value(shape: Shape, column: Column, row: Row) -> Value:  # noqa: PLR0911  # by kind
    if column.key:
        return _key(shape, column, row)
    if column.name == "IsDeleted":
        return row.is_deleted
    if column.name == "Version":
        return row.revision
    if column.name.startswith("LastModified") and column.type == "datetime2":
        return START + timedelta(days=row.day, minutes=row.number)
    if column.name == NEW_COLUMN:
        return f"since {row.day}" if row.day >= NEW_COLUMN_DAY else None
    chance = shape.chance(column.name, row.number, row.revision)
    if column.nullable and chance % 5 == 0:
        return None
    return _other(column, chance)


def _key(shape: Shape, column: Column, row: Row) -> Value:
    keys = [one for one in shape.columns if one.key]
    number = row.number if column == keys[-1] else row.number // 3
    if column.nullable and number % 4 == 0:
        return None
    if column.type == "uniqueidentifier":
        return str(uuid5(NAMESPACE_URL, f"{shape.name}/{number}"))
    if column.type == "datetime2":
        return START + timedelta(minutes=number)
    if column.type in ("nvarchar", "varchar"):
        return f"k{number}"
    return 1000 + number


def _other(column: Column, chance: int) -> Value:  # noqa: PLR0911  # by type
    if column.type in ("nvarchar", "varchar"):
        size = int(column.size) if column.size.isdigit() and int(column.size) > 0 else 50
        return _LIKE_THIS[chance % len(_LIKE_THIS)][:size] or None
    if column.type == "uniqueidentifier":
        return str(UUID(int=chance * chance))
    if column.type == "datetime2":
        return START - timedelta(seconds=chance % 10**8, milliseconds=chance % 1000)
    if column.type == "decimal":
        precision, scale = (int(part) for part in column.size.split(","))
        return Decimal(chance % 10 ** min(precision, 9)).scaleb(-scale)
    if column.type == "float":
        return chance / 7
    if column.type == "bit":
        return chance % 2 == 1
    return chance * 7919 if column.type == "bigint" else chance % 30_000


# --- files ----------------------------------------------------------------------------------------


def _csv(data_set: DataSet, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    shape = data_set.shape
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # quotes only where needed, CRLF: as the files of D2L are
    writer.writerow([data_set.header.get(column.name, column.name) for column in columns])
    writer.writerows(_cells(shape, columns, row) for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cells(shape: Shape, columns: Sequence[Column], row: Row) -> Iterator[str]:
    for column in columns:
        value = _value(shape, column, row)
        if value is None:
            yield ""
        elif isinstance(value, datetime):
            yield _TIMES[shape.chance("times") % len(_TIMES)](value)
        elif column.type == "uniqueidentifier":
            yield str(value).upper() if row.revision % 2 else str(value)
        elif isinstance(value, float):
            yield repr(value)
        else:
            yield str(value)


# No real file was found, so there is one of each form that loaders of others accept.
_TIMES = (
    lambda time: f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
    lambda time: f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03d}",
    lambda time: f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond * 10:07d}",
)
