"""The form of an endpoint declaration: a plain `rest_api` resource and what dlt cannot say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from dlt.sources.rest_api.typing import EndpointResource

Paging = Literal["bookmark", "object_list", "array", "object"]
"""The envelope D2L documents for a route: `PagingInfo`/`Items`, `Next`/`Objects`, bare, single."""


@dataclass(frozen=True)
class Endpoint:
    """One readable route of Brightspace and the table it fills.

    The path of `resource` is relative to `/d2l/api/{product}/(version)/`, slashes exactly as D2L
    writes them. A path that names `{resources.course_offerings.org_unit_id}` is read once for
    each course; with a `merge_key` its rows then replace those of that org unit as a whole.
    """

    resource: EndpointResource
    paging: Paging
    description: str
    """One line for a reader of the schema: what one row is. rest_api has no key for it."""
    product: Literal["lp", "le", "bas"] | None = None
    """Product code that the version belongs to; None for routes outside any product."""
    scope: str | None = None
    """OAuth2 scope the route asks for; None where it may be called anonymously."""
    bookmark_field: str | None = None
    """The row's field that D2L documents as the bookmark; None where bookmarks are opaque."""
    range_start: str | None = None
    """Query parameter for the earliest row wanted; None where the route has no such filter."""
    range_end: str | None = None
    """Query parameter for the latest row wanted."""
    range_field: str | None = None
    """The row's field that the range is about; None where rows sum up the whole range."""

    @property
    def name(self) -> str:
        """Name of the resource and of its table."""
        return str(self.resource["name"])

    @property
    def path(self) -> str:
        """Path relative to `/d2l/api/`, with `(version)` where the version goes."""
        path = self.request["path"]
        return f"{self.product}/(version)/{path}" if self.product else path

    @property
    def request(self) -> dict[str, Any]:
        """The `endpoint` part of the declaration."""
        return dict(self.resource["endpoint"])  # type: ignore[arg-type]

    @property
    def route(self) -> str:
        """The path as D2L's route table writes it, for messages."""
        return _PLACEHOLDER.sub("(orgUnitId)", self.path)

    @property
    def is_per_org_unit(self) -> bool:
        """Whether the route is read for each course."""
        return _PLACEHOLDER.search(str(self.request)) is not None

    def url_for(self, org_unit_id: int | None, since: str) -> str:
        """Path and query of one request, as `path` has it.

        Args:
            org_unit_id: Org unit to ask about, where the route asks about one.
            since: UTCDateTime for the start of the range, where the route has one.
        """
        params = {
            name: _PLACEHOLDER.sub(str(org_unit_id), str(value))
            for name, value in self.request.get("params", {}).items()
        }
        if self.range_start:
            params[self.range_start] = since
        path = _PLACEHOLDER.sub(str(org_unit_id), self.path)
        return f"{path}?{urlencode(params)}" if params else path


_PLACEHOLDER = re.compile(r"\{resources\.\w+\.\w+\}")
