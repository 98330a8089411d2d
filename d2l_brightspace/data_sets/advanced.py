"""Advanced Data Sets: reports that Data Hub makes to order, with filters.

    GET  lp/(version)/dataExport/list                 what can be ordered (reporting:dataset:list)
    POST lp/(version)/dataExport/create               order it           (reporting:job:create)
    GET  lp/(version)/dataExport/jobs/(exportJobId)   is it ready?       (reporting:job:fetch)
    GET  lp/(version)/dataExport/download/(exportJobId)  a zip with one CSV (reporting:job:download)

Neither keys nor types are documented (reference 7.5), so every order takes the place of the one
before it, and every column is text; `resource.apply_hints` knows better where you do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import dlt
from dlt.sources import DltResource

from d2l_brightspace.client.auth.credentials import BrightspaceCredentials
from d2l_brightspace.client.errors import (
    ConfigurationError,
    NotFound,
    ProtocolError,
    RequestContext,
    ServiceUnavailable,
)
from d2l_brightspace.client.paging.pages import read_page
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.dlt_compat.pipes import current_load_id
from d2l_brightspace.printable import printable
from d2l_brightspace.settings import resolve_in
from d2l_brightspace.timestamps import utc_milliseconds

from .archive import Archive
from .csv_to_arrow import convert, read_header
from .dictionary import DataSet, table_name
from .download import Room, Scratch
from .load import tables_of, write_disposition
from .settings import SECTION, FileSettings
from .source import configured_data_sets_session
from .table_layout import Layout

LIST_ROUTE = "lp/(version)/dataExport/list"
CREATE_ROUTE = "lp/(version)/dataExport/create"
JOB_ROUTE = "lp/(version)/dataExport/jobs/"
DOWNLOAD_ROUTE = "lp/(version)/dataExport/download/"
COMPLETE, FAILED = 2, {3: "failed", 4: "was deleted"}
_LONGEST_DELAY = 60.0

FilterValue = str | int | bool | datetime


def advanced_data_set(
    name: str,
    filters: Mapping[str, FilterValue] | None = None,
    host: str | None = None,
    credentials: BrightspaceCredentials | None = None,
    *,
    table: str | None = None,
    patience_seconds: float = 3600,
    sleep: Callable[[float], None] = time.sleep,
) -> DltResource:
    """One Advanced Data Set, ordered anew in each run; replaces what the table held.

    Args:
        name: Name or id, as `dataExport/list` has it; names vary with the tenant's language.
        filters: By name, as that list has them: `{"startDate": "2026-09-01", "roles": "110,111"}`.
        host: As in `brightspace_data_sets_source`.
        credentials: As in `brightspace_data_sets_source`, with the scopes `reporting:*:*`.
        table: Name of the table; None for the name in snake case.
        patience_seconds: How long to wait for the report.
        sleep: Waits for so many seconds.

    Returns:
        A resource that sends nothing before it is read.
    """

    @dlt.resource(
        name=table or table_name(name),
        write_disposition=write_disposition(replaces=True),
    )
    def one_advanced_data_set() -> Iterator[Any]:
        session = configured_data_sets_session(**_given(host, credentials))
        files: FileSettings = resolve_in(SECTION, FileSettings())
        job = _order(session, name, filters or {})
        _await(session, job, patience_seconds, sleep)
        scratch = Scratch(files.temp_folder, files.temp_gigabytes * 1e9)
        with scratch.room(name) as room:
            target = _fetch(session, job, name, room, files.max_csv_gigabytes * 1e9)
            yield from tables_of(target)
            room.delete(target)

    return one_advanced_data_set


def _fetch(
    session: BrightspaceSession, job: str, name: str, room: Room, largest_csv_bytes: float
) -> Path:
    """Download the report and convert it."""
    path, target = room.scratch.path(".zip"), room.scratch.path(".parquet")
    session.download(
        DOWNLOAD_ROUTE + job,
        path,
        DOWNLOAD_ROUTE + "(exportJobId)",
        scope="reporting:job:download",
        received=partial(room.hold, path),
    )
    archive = Archive(path, name, largest_csv_bytes)
    archive.check()
    normalize = dlt.current.source_schema().naming.normalize_identifier
    layout = Layout(DataSet(name), normalize, tuple(read_header(archive.opened, name)))
    load_id = current_load_id() or "none"
    convert(archive.opened, target, layout, name=name, load_id=load_id, written=room.hold)
    room.delete(path)
    return target


def _given(host: str | None, credentials: BrightspaceCredentials | None) -> dict[str, Any]:
    given = {"host": host, "credentials": credentials}
    return {name: value for name, value in given.items() if value is not None}


def _order(session: BrightspaceSession, name: str, filters: Mapping[str, FilterValue]) -> str:
    """Order the report; gives the id of the job."""
    where = RequestContext(LIST_ROUTE)
    answer = session.get_json(LIST_ROUTE, scope="reporting:dataset:list")
    known = read_page(answer, "array", where).rows
    found = next((one for one in known if name.casefold() in _names(one, where)), None)
    if found is None:
        names = ", ".join(sorted(printable(one["Name"]) for one in known)) or "none"
        raise NotFound(f"There is no Advanced Data Set {name!r}; the tenant offers: {names}", where)
    allowed = [str(_field(one, "Name", where)) for one in found.get("Filters") or ()]
    names_of_filters = ", ".join(map(printable, allowed)) or "none"
    for filter_name in filters:
        if filter_name not in allowed:
            raise ConfigurationError(
                f"{name} has no filter {filter_name!r}; it has: {names_of_filters}."
            )
    order = {
        "DataSetId": found["DataSetId"],
        "Filters": [{"Name": key, "Value": _text(value)} for key, value in filters.items()],
    }
    # sent again if its answer is lost: a report too many is nobody's loss
    job = session.post_json(CREATE_ROUTE, order, scope="reporting:job:create")
    return str(_field(job, "ExportJobId", RequestContext(CREATE_ROUTE)))


def _names(data_set: Any, where: RequestContext) -> set[str]:
    return {str(_field(data_set, one, where)).casefold() for one in ("DataSetId", "Name")}


def _field(block: Any, name: str, where: RequestContext) -> Any:
    if not isinstance(block, dict) or block.get(name) is None:
        raise ProtocolError(f"The answer about the report holds no `{name}`", where)
    return block[name]


def _await(
    session: BrightspaceSession, job: str, patience: float, sleep: Callable[[float], None]
) -> None:
    delay, waited = 1.0, 0.0
    where = RequestContext(JOB_ROUTE + "(exportJobId)")
    while True:
        answer = session.get_json(JOB_ROUTE + job, scope="reporting:job:fetch")
        status = _field(answer, "Status", where)
        if status == COMPLETE:
            return
        if status in FAILED:
            raise ProtocolError(f"Data Hub says that the report {FAILED[status]}", where)
        if waited >= patience:
            raise ServiceUnavailable(
                f"The report is not ready after {waited:.0f} s; run again later, or raise "
                "`patience_seconds`",
                where,
            )
        sleep(delay)
        waited += delay
        delay = min(delay * 2, _LONGEST_DELAY)


def _text(value: FilterValue) -> str:
    if isinstance(value, datetime):
        return utc_milliseconds(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
