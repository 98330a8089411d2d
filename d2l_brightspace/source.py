"""The dlt source: settings in, resources out; the only place where endpoints meet the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import datetime, timezone
from typing import Any

import dlt
from dlt.common import jsonpath
from dlt.extract import DltResource
from dlt.sources.rest_api import rest_api_resources

from .client.auth.credentials import BrightspaceCredentials
from .client.limits import Limits
from .client.paging.pages import Page
from .client.paging.paginators import BookmarkPaginator, ObjectListPaginator
from .client.paging.time_windows import Range
from .client.routes import Route
from .client.session import ORG_UNIT_HEADER, RESOURCE_HEADER, BrightspaceSession
from .connection import connect
from .endpoints import ENDPOINTS, Endpoint
from .endpoints.logs import LOG_MESSAGES
from .extract.arrow import ORG_UNIT_ID, Tabulator, concat, import_pandas_if_installed
from .extract.batching import (
    CHUNK,
    COURSE_OFFERING_BATCHES,
    COURSE_OFFERINGS,
    DELETED,
    ORG_UNIT_IDS_CSV,
    SKIPPED_REQUESTS,
    PagesToTables,
)
from .extract.parents import CourseOfferings, batch
from .settings import (
    SECTION,
    LogFilter,
    Options,
    checked_org_unit_ids,
    checked_start_date,
    resolve,
)
from .timestamps import utc_milliseconds

BEGINNING = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""Start of the logs where no `start_date` is given: before any Brightspace."""


@dlt.source(name="d2l_brightspace", section=SECTION, max_table_nesting=0)
def d2l_brightspace_source(
    host: str = dlt.config.value,
    credentials: BrightspaceCredentials = dlt.secrets.value,
    org_unit_ids: Sequence[int] | None = None,
    start_date: str | datetime | None = None,
    lp_version: str | None = None,
    le_version: str | None = None,
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

    Returns:
        Resources named as their tables, and `skipped_requests` for what could not be read.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    ids = checked_org_unit_ids(org_unit_ids)
    since = checked_start_date(start_date) or BEGINNING
    options: Options = resolve(Options())
    log_filter: LogFilter = resolve(LogFilter())
    session = open_session(host, credentials, {"lp": lp_version, "le": le_version})
    offerings = CourseOfferings(session, ids, options.course_offerings_from)
    return [
        _skipped_requests(),
        *_resources(session, ENDPOINTS, _parents(offerings), since, log_filter),
    ]


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
    session = open_session(host, credentials, {"lp": lp_version})
    tabulate = tabulator_of(LOG_MESSAGES)

    @dlt.resource(name=LOG_MESSAGES.name, **table_hints(LOG_MESSAGES))
    def log_messages() -> Iterator[Any]:
        # the slash is part of the route (`res/apiprop`, "Logging")
        block = session.get_json(f"lp/(version)/logging/{message_id}/{traces}", scope="core:*:*")
        page = Page([block], "object")
        page.table = tabulate([block])
        yield from PagesToTables(LOG_MESSAGES, tabulate)([page])

    return log_messages


def open_session(
    host: str, credentials: BrightspaceCredentials, pinned: dict[str, str | None] | None = None
) -> BrightspaceSession:
    """What talks to one Brightspace for one run; sends nothing yet.

    Args:
        host: As in `d2l_brightspace_source`.
        credentials: As in `d2l_brightspace_source`.
        pinned: API versions the user insists on, by product code.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    import_pandas_if_installed()
    return connect(
        host,
        credentials,
        pinned=pinned,
        routes={endpoint.name: route_of(endpoint) for endpoint in ENDPOINTS},
    )


def route_of(endpoint: Endpoint) -> Route:
    """What the session must know of an endpoint."""
    return Route(
        endpoint.route,
        endpoint.paging,
        endpoint.scope,
        anonymous=endpoint.scope is None,
        bookmark_field=endpoint.bookmark_field,
        range=_range(endpoint),
        tabulate=tabulator_of(endpoint),
        join=concat,
    )


def _range(endpoint: Endpoint) -> Range | None:
    start, end, field = endpoint.range_start, endpoint.range_end, endpoint.range_field
    return Range(start, end, field) if start and end and field else None


def tabulator_of(endpoint: Endpoint) -> Tabulator:
    """What makes tables of an endpoint's blocks."""
    columns = _columns(endpoint)
    primary_key = endpoint.resource["primary_key"]
    keys = [primary_key] if isinstance(primary_key, str) else list(primary_key)  # type: ignore[arg-type]
    return Tabulator(columns, keys)


def _resources(
    session: BrightspaceSession,
    endpoints: Sequence[Endpoint],
    parents: list[DltResource],
    since: datetime,
    log_filter: LogFilter,
) -> list[DltResource]:
    configs = []
    for endpoint in endpoints:
        config = rest_api_resource(endpoint, session.limits.max_pages)
        _read_since(config["endpoint"], endpoint, since, log_filter.overlap_minutes * 60)
        config["endpoint"].get("params", {}).update(log_filter.parameters(endpoint.name))
        configs.append(config)
    resources = rest_api_resources(
        {
            "client": {"base_url": session.base_url, "session": session},
            "resources": [*parents, *configs],  # type: ignore[list-item]
        }
    )
    by_name = {endpoint.name: endpoint for endpoint in endpoints}
    for resource in resources:
        if resource.name in by_name:
            _give_tables(resource, by_name[resource.name])
    return resources


def rest_api_resource(endpoint: Endpoint, max_pages: int = Limits.max_pages) -> dict[str, Any]:
    """An endpoint's request as `rest_api` takes it, with what the session needs to know."""
    request = endpoint.request
    headers = {RESOURCE_HEADER: endpoint.name}
    resource: dict[str, Any] = {"name": endpoint.name}
    for parent, field in _PARENT_FIELDS.items():
        placeholder = f"{{resources.{parent}.{field}}}"
        if placeholder in str(request):
            headers[ORG_UNIT_HEADER] = placeholder
            resource |= {"include_from_parent": [field, CHUNK], "parallelized": True}
    paginator = BookmarkPaginator if endpoint.paging == "bookmark" else ObjectListPaginator
    resource["endpoint"] = request | {
        "path": endpoint.path,
        "headers": headers,
        # the session answers with a `Page`, which travels as one row
        "data_selector": _WHOLE_ANSWER,
        "paginator": paginator(endpoint.bookmark_field, max_pages),
    }
    return resource


def _give_tables(resource: DltResource, endpoint: Endpoint) -> None:
    """Turn a resource's pages into rows of its table and of `skipped_requests`."""
    resource.add_step(PagesToTables(endpoint, tabulator_of(endpoint)))
    if not resource.is_transformer:
        resource.parallelize()
    # this first: a variant starts from the hints that the resource has by then
    resource.apply_hints(**SKIPPED_REQUESTS, create_table_variant=True)
    resource.apply_hints(**table_hints(endpoint))


def table_hints(endpoint: Endpoint) -> dict[str, Any]:
    """The hints of an endpoint's table, as declared and as its merge needs them."""
    hints = {
        name: hint
        for name, hint in deepcopy(dict(endpoint.resource)).items()
        if name not in ("name", "endpoint")
    }
    if hints.pop("merge_key", None):
        hints |= _REPLACED_BY_ORG_UNIT
        hints["columns"] = {**_columns(endpoint), DELETED: _DELETED_COLUMN}
    return hints


def _read_since(request: dict[str, Any], endpoint: Endpoint, since: datetime, lag: float) -> None:
    """Ask for rows from a time on: incrementally where rows have a time of their own."""
    if endpoint.range_start is None:
        return
    start = utc_milliseconds(since)
    if endpoint.range_field is not None:
        start = "{incremental.start_value}"
        request["incremental"] = {
            "cursor_path": endpoint.range_field,
            "initial_value": since,
            "convert": utc_milliseconds,
            "lag": lag,
            "on_cursor_value_missing": "include",
        }
    request["params"] = {**request.get("params", {}), endpoint.range_start: start}


def _parents(offerings: CourseOfferings) -> list[DltResource]:
    @dlt.resource(name=COURSE_OFFERINGS, selected=False)
    def course_offerings() -> Iterator[list[dict[str, Any]]]:
        yield from offerings.chunks()

    @dlt.transformer(name=COURSE_OFFERING_BATCHES, data_from=course_offerings, selected=False)
    def course_offering_batches(org_units: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        yield batch(org_units)

    return [course_offerings, course_offering_batches]


def _skipped_requests() -> DltResource:
    @dlt.resource(name="skipped_requests", **SKIPPED_REQUESTS)
    def skipped_requests() -> Iterator[Any]:
        # the rows come from the resources that met the gaps; this makes the table without any
        yield dlt.mark.materialize_table_schema()

    return skipped_requests


def _columns(endpoint: Endpoint) -> dict[str, Any]:
    return dict(endpoint.resource["columns"])  # type: ignore[arg-type]


# compiled once: dlt parses a string anew for each answer
_WHOLE_ANSWER = jsonpath.compile_path("$")
_PARENT_FIELDS = {COURSE_OFFERINGS: ORG_UNIT_ID, COURSE_OFFERING_BATCHES: ORG_UNIT_IDS_CSV}
_DELETED_COLUMN = {
    "data_type": "bool",
    "nullable": True,
    "hard_delete": True,
    "description": "Never true: marks, on the way, the list of an org unit that became empty.",
}
_REPLACED_BY_ORG_UNIT = {
    # dlt's own condition on key and merge key joins every row of an org unit with every other:
    # 160 s for 20 lists of 10 000 in DuckDB, where this takes 0.02 s
    "write_disposition": {
        "disposition": "merge",
        "strategy": "delete-insert",
        # the step keeps the last row of each key itself
        "deduplicated": True,
        "destination_scope": "org_unit_id IN (SELECT org_unit_id FROM {staging_table})",
    }
}
