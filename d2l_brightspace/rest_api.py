"""The declarations as a configuration of dlt's own `rest_api` source.

For those who write a `rest_api` source of their own: plain dlt runs it as it is, and everything in
it can be looked at and changed before it does. What this package's own source does beyond that is
not in it (`docs/rest-api.md`): rows go one by one, one failed request ends the load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import dlt
from dlt.common.configuration import with_config
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.sources import DltResource
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from dlt.sources.rest_api.typing import EndpointResource, RESTAPIConfig
from requests import Response

from .client.auth.credentials import BrightspaceCredentials
from .client.errors import ConfigurationError, NotFound
from .client.limits import Limits
from .client.paging.paginators import BookmarkPaginator, ObjectListPaginator, PageNumberPaginator
from .client.routes import VERSION
from .dlt_compat import settings as dlt_settings
from .endpoints import ENDPOINTS
from .endpoints.model import COURSE_OFFERINGS, ORG_UNIT_ID, Endpoint, ancestors
from .extract.parents import COURSE_OFFERING, is_course_offering
from .extract.resources import table_hints
from .settings import (
    BEGINNING,
    SECTION,
    LogFilter,
    Options,
    base_url,
    checked_org_unit_ids,
    checked_start_date,
    checked_version,
    resolve,
)
from .tables import chosen_tables
from .timestamps import utc_milliseconds

COURSE_OFFERING_TYPE = "course_offering_type"
"""Resource that finds the tenant's own number for course offerings."""
_Row = dict[str, Any]
_VERSIONS = {"lp": "1.62", "le": "1.98", "bas": "1.6"}
"""What is spoken where nobody asks the tenant: versions that most have by now."""


def rest_api_config(
    tables: Sequence[str] | None = None,
    *,
    host: str | None = None,
    credentials: BrightspaceCredentials | None = None,
    org_unit_ids: Sequence[int] | None = None,
    start_date: str | datetime | None = None,
    lp_version: str | None = None,
    le_version: str | None = None,
) -> RESTAPIConfig:
    """The declarations as a configuration for `dlt.sources.rest_api.rest_api_source`.

    Sends nothing, and reads nothing but dlt's settings. What is not given comes from the settings
    of `d2l_brightspace_source`. Where these have no host or no credentials either, `client` has no
    `base_url` (`https://school.brightspace.com/d2l/api/`) or no `auth`: set them before you use it.

    Each call makes a configuration of its own: its paginators follow one list each.

    Args:
        tables: As in `d2l_brightspace_source`. What they are read for comes along, not selected:
            `quizzes` for `quiz_attempts`, `course_offerings` for what is read course by course.
        host: As in `d2l_brightspace_source`.
        credentials: One of `BearerAuth`, `RefreshTokenAuth`, `ServiceUserAuth`, `IdKeyAuth`.
        org_unit_ids: As in `d2l_brightspace_source`; None for every course offering of the org
            structure (or of the caller, if the setting `course_offerings_from` says so).
        start_date: As in `d2l_brightspace_source`.
        lp_version: Version of the learning platform API to speak; None for one that most
            tenants have. It is not compared with what the tenant supports, for that takes a
            request.
        le_version: The same for the learning environment API.

    Raises:
        ConfigurationError: If a setting cannot be right, or a table cannot be expressed.
    """
    arguments = {
        "tables": tables,
        "host": host,
        "org_unit_ids": org_unit_ids,
        "start_date": start_date,
        "lp_version": lp_version,
        "le_version": le_version,
    }
    # dlt looks up what is left out, not what is None
    settings = _settings(**{name: v for name, v in arguments.items() if v is not None})  # type: ignore[arg-type]
    writer = _Writer(settings["versions"], settings["since"], settings["org_unit_ids"])
    chosen = chosen_tables(settings["tables"])
    client: dict[str, Any] = {}
    if settings["host"] is not None:
        client["base_url"] = base_url(settings["host"])
    auth = _configured_credentials() if credentials is None else credentials
    if auth is not None:
        client["auth"] = auth
    return cast("RESTAPIConfig", {"client": client, "resources": writer.resources(chosen)})


@with_config(sections=("sources", SECTION))
def _settings(
    tables: Sequence[str] | None = None,
    host: str | None = None,
    org_unit_ids: Sequence[int] | None = None,
    start_date: str | datetime | None = None,
    lp_version: str | None = None,
    le_version: str | None = None,
) -> dict[str, Any]:
    pinned = {
        "lp": checked_version("lp_version", lp_version),
        "le": checked_version("le_version", le_version),
    }
    return {
        "tables": tables,
        "host": host,
        "org_unit_ids": checked_org_unit_ids(org_unit_ids),
        "since": checked_start_date(start_date) or BEGINNING,
        "versions": {**_VERSIONS, **{name: v for name, v in pinned.items() if v}},
    }


def _configured_credentials() -> BrightspaceCredentials | None:
    try:
        return _credentials()
    except ConfigFieldMissingException as error:
        if _is_begun(error):
            raise
        return None


@with_config(sections=("sources", SECTION))
def _credentials(credentials: BrightspaceCredentials = dlt.secrets.value) -> BrightspaceCredentials:
    return credentials


def _is_begun(error: ConfigFieldMissingException) -> bool:
    """Whether some settings of a scheme are there, so that its others were forgotten."""
    return any(
        dlt_settings.fields_given(block)
        for traces in error.traces.values()
        for block in dlt_settings.blocks_tried(traces)
    )


@dataclass(frozen=True)
class _Writer:
    """Writes declarations down as resources of `rest_api`."""

    versions: Mapping[str, str]
    since: datetime
    org_unit_ids: Sequence[int] | None

    def resources(self, chosen: Sequence[Endpoint]) -> list[EndpointResource | DltResource]:
        """The resources of tables, and those that they are read for."""
        names = {endpoint.name for endpoint in chosen}
        needed = names | {above.name for one in chosen for above in ancestors(one, ENDPOINTS)}
        endpoints = [endpoint for endpoint in ENDPOINTS.values() if endpoint.name in needed]
        by_course = any(endpoint.parent == COURSE_OFFERINGS for endpoint in endpoints)
        return [
            *(self._course_offerings() if by_course else []),
            *(self._resource(endpoint, endpoint.name in names) for endpoint in endpoints),
        ]

    def _resource(self, endpoint: Endpoint, selected: bool) -> EndpointResource:
        _check(endpoint)
        included = [name for name in endpoint.parent_columns if name in endpoint.columns]
        resource: dict[str, Any] = {
            "name": endpoint.name,
            **_hints(endpoint),
            "selected": selected,
            "processing_steps": [{"map": _tidy(endpoint, included)}],
            "endpoint": {
                "path": _with_parent(self._versioned(endpoint.versioned_path), endpoint),
                "params": self._params(endpoint),
                **_paging(endpoint),
                **self._incremental(endpoint),
            },
        }
        if included:
            resource["include_from_parent"] = included
        return cast("EndpointResource", resource)

    def _course_offerings(self) -> list[EndpointResource | DltResource]:
        """The parent of what is read course by course; its rows have an `org_unit_id`."""
        if self.org_unit_ids is not None:
            # rest_api takes the rows of a parent in lists
            rows = [[{ORG_UNIT_ID: one} for one in self.org_unit_ids]]
            return [dlt.resource(rows, name=COURSE_OFFERINGS, selected=False)]
        options: Options = resolve(Options())
        if options.course_offerings_from == "my_enrollments":
            return [self._courses_of_caller()]
        return [self._course_type(), self._courses_of_org_structure()]

    def _course_type(self) -> EndpointResource:
        return {
            "name": COURSE_OFFERING_TYPE,
            "selected": False,
            "endpoint": {
                "path": self._versioned(f"lp/{VERSION}/outypes/"),
                "paginator": "single_page",
                "data_selector": "$",
                "response_actions": [_require_course_type],
            },
            "processing_steps": [{"filter": is_course_offering}],
        }

    def _courses_of_org_structure(self) -> EndpointResource:
        return {
            "name": COURSE_OFFERINGS,
            "selected": False,
            "endpoint": {
                "path": self._versioned(f"lp/{VERSION}/orgstructure/"),
                "params": {"orgUnitType": f"{{resources.{COURSE_OFFERING_TYPE}.Id}}"},
                "paginator": BookmarkPaginator(max_pages=_max_pages()),
                "data_selector": "Items",
            },
            "processing_steps": [{"map": lambda row: {ORG_UNIT_ID: row["Identifier"], **row}}],
        }

    def _courses_of_caller(self) -> EndpointResource:
        return {
            "name": COURSE_OFFERINGS,
            "selected": False,
            "endpoint": {
                "path": self._versioned(f"lp/{VERSION}/enrollments/myenrollments/"),
                "paginator": BookmarkPaginator(max_pages=_max_pages()),
                "data_selector": "Items",
            },
            "processing_steps": [
                {"filter": lambda row: is_course_offering(row["OrgUnit"]["Type"])},
                {"map": lambda row: {ORG_UNIT_ID: row["OrgUnit"]["Id"], **row}},
            ],
        }

    def _params(self, endpoint: Endpoint) -> dict[str, Any]:
        params: dict[str, Any] = {
            name: _with_parent(str(value), endpoint) for name, value in endpoint.params.items()
        }
        if endpoint.page_size is not None:
            params |= {endpoint.page_size.param: endpoint.page_size.rows, "pageNumber": 1}
        if endpoint.since is not None and endpoint.since.field is None:
            params[endpoint.since.param] = utc_milliseconds(self.since)
        log_filter: LogFilter = resolve(LogFilter())
        for name, value in log_filter.parameters(endpoint.name).items():
            # rest_api looks for its own placeholders in braces
            params[name] = str(value).replace("{", "{{").replace("}", "}}")
        return params

    def _incremental(self, endpoint: Endpoint) -> dict[str, Any]:
        if endpoint.since is None or endpoint.since.field is None:
            return {}
        log_filter: LogFilter = resolve(LogFilter())
        incremental = {
            "cursor_path": endpoint.since.field,
            "initial_value": utc_milliseconds(self.since),
            "start_param": endpoint.since.param,
            "convert": _utc_milliseconds,
            "lag": log_filter.overlap_minutes * 60,
            "on_cursor_value_missing": "include",
        }
        if endpoint.since.until is not None:
            incremental["end_param"] = endpoint.since.until
        return {"incremental": incremental}

    def _versioned(self, path: str) -> str:
        return path.replace(VERSION, self.versions.get(path.partition("/")[0], VERSION))


def _check(endpoint: Endpoint) -> None:
    """Refuse what `rest_api` has no words for."""
    problem = None
    product = endpoint.versioned_path.partition("/")[0]
    if VERSION in endpoint.versioned_path and product not in _VERSIONS:
        problem = f"nobody knows a version of the API {product!r}"
    elif not _paging(endpoint):
        problem = f"its paging is {endpoint.paging!r}"
    elif endpoint.parent not in (None, COURSE_OFFERINGS, *ENDPOINTS):
        problem = f"it is read for each row of {endpoint.parent!r}, which is no table"
    elif any("__" in name for name in endpoint.parent_columns):
        problem = "it needs a nested field of its parent"
    if problem:
        raise ConfigurationError(
            f"rest_api_config cannot express the table {endpoint.name!r}: {problem}. Leave it out "
            "of `tables`, or load it through d2l_brightspace_source."
        )


def _hints(endpoint: Endpoint) -> dict[str, Any]:
    hints = table_hints(endpoint)
    # that a list became empty, and that its rows are distinct, is known to our own source alone
    if isinstance(hints["write_disposition"], dict):
        hints["write_disposition"].pop("deduplicated", None)
        hints["write_disposition"].pop("source_filter", None)
    return hints


def _paging(endpoint: Endpoint) -> dict[str, Any]:
    """How a list is followed, and where its rows are; nothing where `rest_api` has no words."""
    paginator: BasePaginator
    match endpoint.paging:
        case "bookmark":
            paginator = BookmarkPaginator(endpoint.bookmark_field, _max_pages())
            return {"paginator": paginator, "data_selector": "Items"}
        case "object_list":
            paginator = ObjectListPaginator(endpoint.bookmark_field, _max_pages())
            return {"paginator": paginator, "data_selector": "Objects"}
        case "page_number" if endpoint.page_size is not None:
            paginator = PageNumberPaginator(endpoint.page_size.rows, _max_pages())
            return {"paginator": paginator, "data_selector": "$"}
        case "array" | "object":
            return {"paginator": "single_page", "data_selector": "$"}
    return {}


def _max_pages() -> int:
    limits: Limits = resolve(Limits())
    return limits.max_pages


def _with_parent(template: str, endpoint: Endpoint) -> str:
    """A path or parameter with the placeholders that `rest_api` knows."""
    for name in endpoint.parent_columns:
        placeholder = f"{{resources.{endpoint.parent}.{name}}}"
        template = template.replace(f"{{{name}}}", placeholder)
    return template


def _tidy(endpoint: Endpoint, included: Iterable[str]) -> Callable[[_Row], _Row]:
    """A step that gives a row the columns of our tables: parents' keys in, passwords out."""
    # as rest_api names what it includes from a parent
    names = {f"_{endpoint.parent}_{name}": name for name in included}
    blocks = {tuple(path[:n]) for path in _paths(endpoint.columns) for n in range(1, len(path))}
    dropped = _paths(endpoint.dropped)

    def tidy(row: _Row) -> _Row:
        for included_as, name in names.items():
            value = row.pop(included_as, None)
            if row.get(name) is None:
                row[name] = value
        for path in dropped:
            _drop(row, path)
        for block in blocks:
            # dlt warns of a null without a column; the columns of a nested block are its fields
            _drop(row, block, if_null=True)
        return row

    return tidy


def _paths(names: Iterable[str]) -> list[list[str]]:
    return [name.split("__") for name in names]


def _drop(row: Any, path: Sequence[str], *, if_null: bool = False) -> None:
    *above, last = path
    for name in above:
        row = row.get(name) if isinstance(row, dict) else None
    if isinstance(row, dict) and last in row and not (if_null and row[last] is not None):
        del row[last]


def _utc_milliseconds(moment: datetime | str | None) -> str | None:
    return None if moment is None else utc_milliseconds(moment)


def _require_course_type(response: Response, *_: Any, **__: Any) -> None:
    if response.ok and not any(map(is_course_offering, response.json())):
        raise NotFound(
            f"No org unit type is called {COURSE_OFFERING!r}; set `org_unit_ids`, or "
            'course_offerings_from = "my_enrollments"'
        )
