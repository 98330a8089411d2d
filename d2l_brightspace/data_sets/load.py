"""The load of one data set: plan, download, convert, keep the newest, hand on, keep the progress.

The progress is dlt state, which the destination commits together with the rows; so a run that ends
anywhere leaves both as they were, or both as they should be.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.dlt_compat.dlt_ids import DLT_ID, has_dlt_ids
from d2l_brightspace.dlt_compat.imports import UserSteps, past_steps, user_steps
from d2l_brightspace.dlt_compat.pipes import current_load_id
from d2l_brightspace.extract.progress import TableProgress, current_progress
from d2l_brightspace.printable import printable

from .archive import Archive
from .audit_tables import BAD_ROWS, EXTRACTS_LOADED, bad_rows, extract_loaded
from .catalogue import Catalogue, Offer
from .changes import Changes
from .coverage import Coverage
from .csv_to_arrow import Converted, convert, read_header
from .deduplicate import KeyTooSmall, column_that_tells_rows_apart, deduplicate
from .deleted import DELETED_ROWS, deleted_rows, keys_in_table, keys_that_are_gone
from .dictionary import Column, DataSet
from .download import DOWNLOAD_ROUTE, Room, Scratch, download_extract
from .planning import Extract, Plan, Progress, after, plan
from .settings import BadRows, Deletes
from .table_layout import LOAD_ID, Layout, find_columns

_SCOPE = "destination_scope"
_DICTIONARIES_AT_ONCE = 2_000
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadContext:
    """What the data sets of one run share."""

    session: BrightspaceSession
    catalogue: Catalogue
    scratch: Scratch
    turns: threading.Semaphore
    """Bounds how many data sets are worked on at one time."""
    deletes: Deletes = "keep"
    bad_rows: BadRows = "stop"
    full_every: timedelta | None = None
    largest_csv_bytes: float = float("inf")
    deleted_rows: bool = False
    """Whether to note the keys of rows that a new full has no more."""
    coverage: Coverage = field(default_factory=Coverage)
    _claimed: set[tuple[str, str]] = field(default_factory=set)
    _claiming: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, table: str, load_id: str) -> bool:
        """Whether a table is still to be loaded in a run; it is not, from now on."""
        with self._claiming:
            is_free = (table, load_id) not in self._claimed
            self._claimed.add((table, load_id))
            return is_free


@dataclass
class _File:
    """An extract that has become Parquet."""

    extract: Extract
    converted: Converted
    header: list[str]
    seconds: float
    older: int = 0
    """Rows of which another file has a newer version."""
    disappeared: int | None = None
    """Rows of the table that it has no more; None where nobody counted."""


class _KeyHasGrown(Exception):
    """The files do not fit the key that is known.

    Args:
        again: Whether to begin again, with the key as it is known now.
    """

    def __init__(self, *, again: bool) -> None:
        super().__init__(again)
        self.again = again


def _reconcile(file: _File) -> None:
    """Check that every row of a file is loaded, older than another, or put aside.

    Raises:
        ProtocolError: If one got lost on the way.
    """
    converted = file.converted
    there = pq.read_metadata(converted.path).num_rows
    if there + file.older + len(converted.bad) != converted.rows_in_file:
        raise ProtocolError(
            f"Of {converted.rows_in_file} rows in the file {there} are to be loaded, {file.older} "
            f"are older versions and {len(converted.bad)} are bad, which is not all of them; "
            "nothing of it was loaded. Please report this",
            RequestContext(DOWNLOAD_ROUTE),
        )


@dataclass
class DataSetLoad:
    """Loads one data set.

    Attributes:
        context: What it shares with the others.
        offer: The data set as the tenant has it.
        state: Where its progress is kept; committed by dlt with the rows.
    """

    context: LoadContext
    offer: Offer
    state: MutableMapping[str, Any]
    resource: str = ""
    """Name of the resource that it is read by."""
    alone: bool = True
    """Whether the resource has no other table."""
    load_id: str = field(default_factory=lambda: current_load_id() or "none")

    def __post_init__(self) -> None:
        self._changes = Changes(self.offer.table)
        self._progress: TableProgress = current_progress().table(self.offer.table)

    @property
    def data_set(self) -> DataSet:
        """What is known of it, with its table and the key that files have shown."""
        known = self.offer.data_set
        if self.state.get("keyless"):
            return replace(known, columns=tuple(replace(c, key=False) for c in known.columns))
        grown = list(self.state.get("more_keys", ()))
        columns = [
            replace(column, key=True, grown=True) if column.name in grown else column
            for column in known.columns
        ]
        documented = {column.name for column in columns}
        columns += [Column(n, key=True, grown=True) for n in grown if n not in documented]
        return replace(known, columns=tuple(columns))

    def items(self) -> Iterator[Any]:
        """Everything for dlt: the files of the table, and the rows of the audit tables.

        Raises:
            BrightspaceError: If an extract cannot be loaded; nothing of the data set is, then.
        """
        _forget_scope(self.data_set.table)
        self._progress.began, self._progress.state = time.monotonic(), "reading"
        progress = progress_from(self.state)
        todo = plan(
            self.context.catalogue.extracts(self.offer),
            progress,
            self.context.full_every,
            mergeable=bool(self.data_set.keys),
            rebuild_after=self._rebuild_after(),
        )
        if todo.gap:
            logger.warning(
                "%s: differentials were lost, or its key has changed; the next full extract is "
                "taken",
                self.data_set.table,
            )
        if not todo.extracts:
            if progress is None:
                yield self._declare()
            return
        with self.context.scratch.room(self.data_set.table) as room:
            try:
                with self.context.turns:
                    files, layout = self._prepare(todo, room)
                self._progress.doing = ""
            except _KeyHasGrown as grown:
                again = grown.again
            else:
                yield from self._hand_over(files, todo, layout, progress)
                return
        yield from map(past_steps, self._changes.rows(self.load_id))
        if again:
            yield from self.items()

    def _rebuild_after(self) -> datetime | None:
        """Where the key is no longer the one that the table was built with: from when on."""
        if "full_after" in self.state:
            return datetime.fromisoformat(self.state["full_after"])
        built_with = self.state.get("key")
        if built_with is None:
            # from before keys were kept: dlt's schema has them
            had = {name for name, one in self._known_columns().items() if one.get("primary_key")}
            is_same = not had or had == set(self._layout([]).key)
        else:
            is_same = built_with == [column.name for column in self.data_set.keys]
        return None if is_same else datetime.min.replace(tzinfo=timezone.utc)

    def _known_columns(self) -> Mapping[str, Any]:
        """The table's columns as dlt's schema has them."""
        schema = dlt.current.source_schema()
        name = schema.naming.normalize_table_identifier(self.data_set.table)
        return schema.tables[name]["columns"] if name in schema.tables else {}

    def _gone(
        self, files: Sequence[_File], todo: Plan, layout: Layout, progress: Progress | None
    ) -> list[dict[str, Any]]:
        """The rows of `deleted_rows`; only for a table that is built anew with the key it had."""
        had = self.state.get("key")
        same_key = had is None or had == [column.name for column in self.data_set.keys]
        is_rebuilt = todo.replaces and progress is not None and same_key and bool(layout.key)
        if not (self.context.deleted_rows and is_rebuilt):
            return []
        table = self.data_set.table
        gone = keys_that_are_gone(
            keys_in_table(table, layout),
            [file.converted.path for file in files],
            layout,
            self.context.scratch.path(""),
        )
        files[0].disappeared = 0
        return deleted_rows(table, gone, files[0].extract.created, self.load_id)

    def _prepare(self, todo: Plan, room: Room) -> tuple[list[_File], Layout]:
        """Download, convert, and leave one row for each key in all files together."""
        files = [self._fetch(extract, room) for extract in todo.extracts]
        layout = self._layout([file.header for file in files])
        paths = [file.converted.path for file in files]
        try:
            scratch = self.context.scratch.path("")
            older = deduplicate(paths, layout, scratch, room.hold, has_full=todo.replaces)
        except KeyTooSmall as error:
            raise self._grow_key(files[error.number], layout) from None
        for file, lost in zip(files, older, strict=True):
            file.older = lost
            _reconcile(file)
        return files, layout

    def _grow_key(self, file: _File, layout: Layout) -> _KeyHasGrown:
        """Find the column that has joined the key, or do without a key.

        A minor version may add a column, new or old, to a key. In a full the rows of one key show
        it; in a differential too, but then the table waits for a full that has the new key.
        """
        of_table = {name: column for column, name in layout.names.items()}
        extra = [layout.names[name] for name in layout.extra]
        documented = [layout.names[c.name] for c in self.data_set.columns if not c.key]
        found = column_that_tells_rows_apart(file.converted.path, layout, [*extra, *documented])
        if found is None:
            self.state["keyless"] = True
            self._changes.note("key", "rows share a key; only fulls are applied")
        else:
            self.state["more_keys"] = [*self.state.get("more_keys", ()), of_table[found]]
            self._changes.note("key", f"{of_table[found]} belongs to the key now")
        is_full = file.extract.kind == "full"
        if not is_full:
            self.state["full_after"] = file.extract.created.isoformat()
        return _KeyHasGrown(again=is_full)

    def _hand_over(
        self, files: Sequence[_File], todo: Plan, layout: Layout, progress: Progress | None
    ) -> Iterator[Any]:
        steps = user_steps(self.resource)
        if steps.is_limited:
            # what the limit cuts off is still to come: nothing is replaced, and nothing recorded
            hints = self._hints(layout, write_disposition(replaces=False))
            yield from self._hand_on_rows(files, hints)
            return
        gone = self._gone(files, todo, layout, progress)
        yield from self._hand_on(files, todo, layout, steps)
        self._note_changes(files, progress)
        if gone:
            yield past_steps(dlt.mark.with_table_name(gone, DELETED_ROWS))
            files[0].disappeared = len(gone)
        yield from map(past_steps, self._record(files, todo, progress))
        yield from map(past_steps, self._changes.rows(self.load_id))
        self.state.update(_as_state(after(todo, progress)))
        self.state.update(
            schema_id=self.offer.identity,
            name=self.offer.name,
            key=[column.name for column in self.data_set.keys],
        )
        self.state.pop("full_after", None)

    def _declare(self) -> Any:
        """What makes the table where there is nothing to put into it yet."""
        hints = self._hints(self._layout([]), write_disposition(replaces=False))
        return dlt.mark.with_hints(
            dlt.mark.materialize_table_schema(), hints, create_table_variant=not self.alone
        )

    def _fetch(self, extract: Extract, room: Room) -> _File:
        """Download an extract and convert it; the download is gone afterwards."""
        began = time.monotonic()
        name = f"{self.data_set.table}, {extract.kind} of {extract.created:%Y-%m-%d %H:%M}"
        context = self.context
        self._progress.doing = "downloading"
        with download_extract(context.session, room, extract, self._progress.receiver()) as path:
            self._progress.doing = "converting"
            archive = Archive(path, name, context.largest_csv_bytes)
            archive.check()
            header = read_header(archive.opened, name)
            layout = self._layout([header])
            self._check_key(header, name)
            converted = convert(
                archive.opened,
                context.scratch.path(".parquet"),
                layout,
                name=name,
                load_id=self.load_id,
                keep_bad_rows=context.bad_rows == "quarantine",
                written=room.hold,
            )
        self._progress.rows += converted.rows
        self._progress.ended = time.monotonic()
        return _File(extract, converted, header, self._progress.ended - began)

    def _check_key(self, header: Sequence[str], name: str) -> None:
        found = find_columns(header, [column.name for column in self.data_set.columns])
        lost = [key.name for key in self.data_set.keys if key.name not in found]
        if lost:
            columns = ", ".join(map(printable, lost))
            raise ProtocolError(
                f"{name}: the key column {columns} is missing from the file, so its rows cannot be "
                "told apart; nothing of it was loaded. Has D2L changed the data set?",
                RequestContext(DOWNLOAD_ROUTE),
            )

    def _layout(self, headers: Sequence[Sequence[str]]) -> Layout:
        """The table: documented columns, those that earlier files brought, those of these."""
        schema = dlt.current.source_schema()
        documented = {column.name for column in self.data_set.columns}
        extra = [name for name in self.state.get("extra_columns", ()) if name not in documented]
        for header in headers:
            extra += self._unknown(header, extra)
        if headers:
            self.state["extra_columns"] = extra
        columns = self._known_columns()
        return Layout(
            self.data_set,
            schema.naming.normalize_identifier,
            tuple(extra),
            with_ids=bool(headers and has_dlt_ids(self.data_set.table)),
            loaded_types={name: str(one.get("data_type")) for name, one in columns.items()},
        )

    def _unknown(self, header: Sequence[str], extra: Sequence[str] = ()) -> list[str]:
        """Columns of a file that are neither documented nor among those known beside."""
        known = [column.name for column in self.data_set.columns]
        found = set(find_columns(header, [*known, *extra]).values())
        return [name for name in header if name not in found]

    def _hints(self, layout: Layout, disposition: Any) -> Any:
        return dlt.mark.make_hints(
            table_name=self.data_set.table,
            columns=layout.hints(drop_deleted=self.context.deletes == "drop"),
            primary_key=layout.key or None,
            write_disposition=disposition,
            references=layout.references or None,  # type: ignore[arg-type]
        )

    def _hand_on(
        self, files: Sequence[_File], todo: Plan, layout: Layout, steps: UserSteps
    ) -> Iterator[Any]:
        # one file that fills a new table needs no staging: it is there whole or not at all
        straight = todo.reason == "first" and len(files) == 1 and self.alone
        hints = self._hints(
            layout, "replace" if straight else write_disposition(replaces=todo.replaces)
        )
        if steps.takes_rows:
            yield from self._hand_on_rows(files, hints)
            return
        for file in files:
            path = file.converted.path
            if self.alone:
                # dlt may ask for the next item before it has linked the file into its folder, so
                # the file stays until the folder goes
                yield dlt.mark.with_file_import(str(path), "parquet", file.converted.rows, hints)
            else:  # a file goes to the table of its resource only
                for table in tables_of(path):
                    yield dlt.mark.with_hints(table, hints, create_table_variant=True)

    def _hand_on_rows(self, files: Sequence[_File], hints: Any) -> Iterator[Any]:
        """Give the rows as dictionaries, which is what a user's steps take."""
        if has_dlt_ids(self.data_set.table) is False:
            # dlt gives each dictionary an id; the rows that are there already have none
            hints["columns"][DLT_ID] = {"data_type": "text", "nullable": True}
        # past the steps: an empty table is made, and a replaced one emptied, whatever they do
        yield past_steps(
            dlt.mark.with_hints(
                dlt.mark.materialize_table_schema(), hints, create_table_variant=not self.alone
            )
        )
        for file in files:
            for table in tables_of(file.converted.path, _DICTIONARIES_AT_ONCE):
                rows = table.drop_columns(_OURS_ON_ROWS & set(table.column_names)).to_pylist()
                if rows and self.alone:
                    yield rows
                elif rows:
                    yield dlt.mark.with_table_name(rows, self.data_set.table)

    def _record(
        self, files: Sequence[_File], todo: Plan, progress: Progress | None
    ) -> Iterator[Any]:
        has_deleted = self.data_set.column_of("deleted") is not None
        for file in files:
            is_full = file.extract.kind == "full"
            row = extract_loaded(
                self.data_set.table,
                file.extract,
                file.converted,
                file.older,
                reason=todo.reason if is_full else "newer",
                rows_inserted=file.converted.rows - file.older
                if is_full and progress is None
                else None,
                rows_marked_deleted=file.converted.deleted if has_deleted else None,
                rows_disappeared=file.disappeared,
                seconds=round(file.seconds, 3),
                gap=todo.gap,
                load_id=self.load_id,
                **self._column_differences(file.header),
            )
            yield dlt.mark.with_table_name(row, EXTRACTS_LOADED)
            quarantined = list(
                bad_rows(self.data_set.table, file.extract, file.converted.bad, self.load_id)
            )
            if quarantined:
                yield dlt.mark.with_table_name(quarantined, BAD_ROWS)

    def _note_changes(self, files: Sequence[_File], progress: Progress | None) -> None:
        """Compare what the newest file looks like with the one before."""
        newest = files[-1]
        documented = [column.name for column in self.data_set.columns]
        looks = {
            "new_column": self._unknown(newest.header),
            "missing_column": [
                name for name in documented if name not in find_columns(newest.header, documented)
            ],
        }
        before = self.state.get("looks")
        for change, names in looks.items():
            for name in names:
                if before is not None and name not in before[change]:
                    self._changes.note(change, name)
        self.state["looks"] = looks
        if progress and progress.version != newest.extract.version:
            self._changes.note("version", f"{progress.version} -> {newest.extract.version}")
        name = self.state.get("name", self.offer.name)
        if name != self.offer.name:
            self._changes.note("renamed", f"{name} -> {self.offer.name}")

    def _column_differences(self, header: Sequence[str]) -> dict[str, str | None]:
        documented = [column.name for column in self.data_set.columns]
        found = find_columns(header, documented)
        missing = [name for name in documented if name not in found]
        unknown = self._unknown(header)
        for what, names in (("lacks documented", missing), ("brings undocumented", unknown)):
            if names and documented:
                logger.warning(
                    "%s %s columns: %s",
                    self.data_set.table,
                    what,
                    ", ".join(map(printable, sorted(names))),
                )
        return {
            "missing_columns": ", ".join(missing) or None,
            "unknown_columns": ", ".join(unknown) or None,
        }


def tables_of(path: Path, rows_at_once: int = 50_000) -> Iterator[pa.Table]:
    """The rows of a Parquet file in tables that memory holds; an empty file gives an empty one."""
    with pq.ParquetFile(path) as file:
        if not file.metadata.num_rows:
            yield file.schema_arrow.empty_table()
        for batch in file.iter_batches(rows_at_once):
            yield pa.Table.from_batches([batch])


_OURS_ON_ROWS = {LOAD_ID, DLT_ID}
"""Columns that dlt gives to dictionaries itself."""


def write_disposition(*, replaces: bool) -> Any:
    """How dlt writes the rows: in place of the whole table, or of the rows of the same keys.

    Both are merges, so that rows arrive through a staging table and in one transaction.
    """
    disposition = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
    return disposition | ({_SCOPE: "1 = 1"} if replaces else {})


def _forget_scope(table: str) -> None:
    # dlt keeps the scope of one load in its schema, where it would empty the table in the next
    schema = dlt.current.source_schema()
    name = schema.naming.normalize_table_identifier(table)
    schema.tables.get(name, {}).pop("x-merge-destination-scope", None)  # type: ignore[typeddict-item]


def progress_from(state: Mapping[str, Any]) -> Progress | None:
    """The progress that is kept in dlt's state."""
    if "until" not in state:
        return None
    return Progress(
        datetime.fromisoformat(state["full"]),
        datetime.fromisoformat(state["until"]),
        state["version"],
        state["gap"],
    )


def _as_state(progress: Progress | None) -> dict[str, Any]:
    if progress is None:
        return {}
    return {
        "full": progress.full.isoformat(),
        "until": progress.until.isoformat(),
        "version": progress.version,
        "gap": progress.gap,
    }
