"""The dlt source: settings in, resources out; the only place where endpoints meet the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import dlt
from dlt.sources import DltResource

from .client.auth.credentials import BrightspaceCredentials
from .connection import connect
from .endpoints import ENDPOINTS
from .endpoints.logs import LOG_MESSAGES
from .extract.arrow import Part, Tabulator, import_pandas_if_installed
from .extract.parents import CourseOfferings
from .extract.resources import Reader, table_hints, with_lineage
from .extract.skipped import SKIPPED_REQUESTS
from .setting_checks import checked
from .settings import (
    BEGINNING,
    SECTION,
    LogFilter,
    Options,
    checked_org_unit_ids,
    checked_start_date,
    resolve,
)
from .tables import chosen_tables


@checked
@dlt.source(name="d2l_brightspace", section=SECTION, max_table_nesting=0)
def d2l_brightspace_source(
    host: str = dlt.config.value,
    credentials: BrightspaceCredentials = dlt.secrets.value,
    org_unit_ids: Sequence[int] | None = None,
    start_date: str | datetime | None = None,
    lp_version: str | None = None,
    le_version: str | None = None,
    tables: Sequence[str] | None = None,
) -> list[DltResource]:
    """Versions, org units, users, courses, class lists, enrollments and logs of a Brightspace.

    Sends nothing before its resources are read. Each table's columns, key and scope are declared
    in `d2l_brightspace.endpoints`.

    Args:
        host: `school.brightspace.com`; `http://…` is accepted on loopback only.
        credentials: One of `BearerAuth`, `RefreshTokenAuth`, `ServiceUserAuth`, `IdKeyAuth`.
        org_unit_ids: Courses whose details, class lists and enrollments are read; None for every
            course offering the credentials can see.
        start_date: First log message to load, UTC where it has no time zone; None for all.
        lp_version: Version of the learning platform API to speak; None for the newest that both
            sides know.
        le_version: The same for the learning environment API.
        tables: Names of tables, groups or patterns: `["core", "quiz*", "discussions.*"]`; None
            for the group `core`.

    Returns:
        Resources named as their tables, and `skipped_requests` for what could not be read.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    ids = checked_org_unit_ids(org_unit_ids)
    since = checked_start_date(start_date) or BEGINNING
    options: Options = resolve(Options())
    log_filter: LogFilter = resolve(LogFilter())
    chosen = chosen_tables(tables)
    import_pandas_if_installed()
    session = connect(host, credentials, pinned={"lp": lp_version, "le": le_version})
    courses = CourseOfferings(session, ids, options.course_offerings_from)
    reader = Reader(session, courses, ENDPOINTS, log_filter.parameters)
    overlap = log_filter.overlap_minutes * 60
    return [
        _skipped_requests(),
        *(reader.resource(endpoint, since, overlap) for endpoint in chosen),
    ]


@checked
@dlt.source(name="d2l_brightspace", section=SECTION, max_table_nesting=0)
def log_message(
    log_message_id: int,
    host: str = dlt.config.value,
    credentials: BrightspaceCredentials = dlt.secrets.value,
    include_traces: bool = False,
    lp_version: str | None = None,
) -> DltResource:
    """One log message by its id, into the table `log_messages`.

    Args:
        log_message_id: `LogMessageId`, as in the table.
        host: As in `d2l_brightspace_source`.
        credentials: As in `d2l_brightspace_source`.
        include_traces: Whether to load its stack traces.
        lp_version: As in `d2l_brightspace_source`.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    (message_id,) = checked_org_unit_ids([log_message_id]) or [0]
    traces = "?includeTraces=true" if include_traces else ""
    import_pandas_if_installed()
    session = connect(host, credentials, pinned={"lp": lp_version})
    tabulate = Tabulator(LOG_MESSAGES.columns, LOG_MESSAGES.keys)

    @dlt.resource(name=LOG_MESSAGES.name, **table_hints(LOG_MESSAGES))
    def log_messages() -> Iterator[Any]:
        # the slash is part of the route (`res/apiprop`, "Logging")
        block = session.get_json(f"lp/(version)/logging/{message_id}/{traces}", scope="core:*:*")
        yield with_lineage(tabulate([Part([block])]).table, LOG_MESSAGES.name)

    return log_messages


def _skipped_requests() -> DltResource:
    @dlt.resource(name="skipped_requests", **SKIPPED_REQUESTS)
    def skipped_requests() -> Iterator[Any]:
        # the rows come from the resources that skipped something; this makes the table without any
        yield dlt.mark.materialize_table_schema()

    return skipped_requests
