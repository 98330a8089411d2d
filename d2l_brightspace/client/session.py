"""What talks to one Brightspace: the face that dlt's `RESTClient` and our own code see.

dlt's `RESTClient` uses it as its `session`, and needs no hooks and no retry of its own: `sending`
takes care of each request, `lists` of paging, `downloads` of files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests import PreparedRequest, Request

from .auth.credentials import Authenticator
from .errors import NotFound, PermissionDenied, ProtocolError, RequestContext, ServiceUnavailable
from .http.downloads import Downloads
from .http.transport import Transport
from .http.uploads import FileUpload
from .limits import Limits
from .paging.list_reader import Lists, PageResponse
from .paging.pages import Page
from .routes import Route
from .sending.sender import Sender
from .versions import Versions

RESOURCE_HEADER = "X-Loader-Resource"
ORG_UNIT_HEADER = "X-Loader-Org-Unit"
"""What a request is for; `rest_api` fills them in, the session takes them off before sending."""
Parts = Mapping[str, "int | str"]
"""Values of the placeholders in a path, by the names that D2L's route tables give them."""
SKIPPABLE = (PermissionDenied, NotFound, ProtocolError, ServiceUnavailable)
"""Answers that cost one org unit its rows, and not everybody else theirs (DESIGN rule 9)."""


class BrightspaceSession(requests.Session):
    """Talks to one Brightspace; shared by all threads of a run.

    Args:
        base_url: `https://host/d2l/api/`, the only origin that sees credentials.
        authenticator: Puts credentials on requests.
        transport: Does single exchanges.
        limits: Retries, waits and sizes.
        pinned: Versions the user insists on, by product code.
        routes: What is known of each resource's route, by resource name.
        sleep: Rests for so many seconds.
    """

    def __init__(
        self,
        base_url: str,
        authenticator: Authenticator,
        transport: Transport,
        limits: Limits,
        *,
        pinned: Mapping[str, str | None] | None = None,
        routes: Mapping[str, Route] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self.headers["User-Agent"] = "d2l-brightspace (dlt source)"
        self.base_url = base_url
        self.limits = limits
        self.versions = Versions(self, pinned)
        self._routes = dict(routes or {})
        self._transport = transport
        self._sender = Sender(
            base_url, authenticator, transport, limits, self.versions.spoken, sleep
        )
        self._lists = Lists(self._sender, self.prepare_request)
        self._downloads = Downloads(self._sender, self.prepare_request)

    def __deepcopy__(self, memo: dict[int, Any]) -> BrightspaceSession:
        # rest_api copies its configuration to validate it; a run has one session all the same
        return self

    def prepare_request(self, request: Request) -> PreparedRequest:
        """Prepare a request without what requests would add of its own: `~/.netrc`, cookies."""
        bare = Request(
            request.method,
            request.url,
            headers=request.headers,
            params=request.params,
            data=request.data,
            json=request.json,
            auth=_no_credential,
        )
        return super().prepare_request(bare)

    def merge_environment_settings(self, *_: Any, **__: Any) -> Any:
        """Nothing: the transport knows proxies and certificates."""
        return {}

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._transport.close()

    def get_json(
        self,
        path: str,
        *,
        anonymous: bool = False,
        scope: str | None = None,
        parts: Parts | None = None,
    ) -> Any:
        """Read one block that belongs to no resource.

        Args:
            path: Relative to `/d2l/api/`, with `(version)` where the version goes.
            anonymous: Whether to send no credential.
            scope: OAuth scope the route asks for, for the error text.
            parts: Values of the other placeholders of the path, such as `(orgUnitId)`.

        Raises:
            BrightspaceError: If the answer is not a block.
        """
        route = Route(path, scope=scope, anonymous=anonymous)
        return self._block(Request("GET", self._url(path, parts)), route, parts)

    def post_json(
        self, path: str, body: Any, *, anonymous: bool = False, scope: str | None = None
    ) -> Any:
        """Send a block and read the answer; arguments and errors as in `get_json`."""
        route = Route(path, scope=scope, anonymous=anonymous)
        return self._block(Request("POST", self.base_url + path, json=body), route)

    def read_objects(self, path: str, template: str, scope: str) -> list[dict[str, Any]]:
        """Read all blocks of an ObjectListPage list that belongs to no resource.

        Args:
            path: As in `get_json`.
            template: The path as error texts show it.
            scope: OAuth scope the route asks for, for the error text.

        Raises:
            BrightspaceError: If the list cannot be read to its end.
        """
        request = self.prepare_request(Request("GET", self.base_url + path))
        route = Route(template, "object_list", scope)
        parts: list[list[Any]] = self._lists.read(
            request, route, RequestContext(template)
        ).page.table
        return [row for row in chain.from_iterable(parts) if isinstance(row, dict)]

    def download(
        self,
        link: str,
        target: Path,
        template: str,
        *,
        scope: str | None = None,
        size: int = 0,
        received: Callable[[int], object] | None = None,
    ) -> None:
        """Download a file of any size; a download that breaks off goes on where it was.

        A redirect to another host, as Data Hub makes it to its storage, is followed without
        credentials; never from https to http.

        Args:
            link: Absolute, or relative to `/d2l/api/`.
            target: File to write.
            template: The path as error texts show it.
            scope: As in `get_json`.
            size: Bytes it should have, where that is known; the server's own word counts more.
            received: Called before each write with the bytes that will be there; may raise.

        Raises:
            BrightspaceError: If the file cannot be had whole.
        """
        route = Route(template, scope=scope)
        self._downloads.fetch(link, target, route, size=size, received=received)

    def post_once(
        self,
        path: str,
        body: Any,
        *,
        scope: str | None = None,
        parts: Parts | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """Send what must take effect once only: a block, or a file that is streamed from disk.

        It is sent again where Brightspace refused it in a way that can be cured (401, 429), or
        cannot have received the whole of it.

        Args:
            path: As in `get_json`.
            body: What becomes JSON, or a `FileUpload`.
            scope: As in `get_json`.
            parts: As in `get_json`.
            params: The query.

        Raises:
            OutcomeUnknown: If nobody can tell whether it took effect.
            BrightspaceError: If it was refused or could not be sent; it had no effect.
        """
        request = Request("POST", self._url(path, parts), params=dict(params or {}))
        if isinstance(body, FileUpload):
            request.data = body
            request.headers["Content-Type"] = body.content_type
        else:
            request.json = body
        return self._block(request, Route(path, scope=scope, once=True), parts)

    def read_list(
        self,
        path: str,
        scope: str,
        take: Callable[[Any], Any],
        at_most: float = inf,
        *,
        parts: Parts | None = None,
    ) -> list[Any]:
        """Read a paged list that belongs to no resource.

        Args:
            path: As in `get_json`, with its query.
            scope: OAuth scope the route asks for, for the error text.
            take: What to keep of a row; None to keep nothing of it.
            at_most: Read no further page once there are so many rows.
            parts: As in `get_json`.

        Raises:
            BrightspaceError: If the list cannot be read to its end.
        """
        route = Route(path.partition("?")[0], "bookmark", scope, tabulate=partial(_taken, take))
        request = self.prepare_request(Request("GET", self._url(path, parts)))
        where = _where(route, parts)
        rows: list[list[Any]] = self._lists.read(request, route, where, at_most).page.table
        return list(dict.fromkeys(chain.from_iterable(rows)))

    def send(self, request: PreparedRequest, **_: Any) -> PageResponse:
        """Send one request of a resource.

        A request for one org unit is answered with the whole list of that org unit, or with a
        page that says why it is skipped: a list is loaded whole or not at all (DESIGN rule 13).

        Args:
            request: Prepared; may hold the `X-Loader-` headers and `(version)`.

        Raises:
            BrightspaceError: If there are no rows in the answer and it is not one org unit's.
        """
        resource = request.headers.pop(RESOURCE_HEADER, "")
        org_unit = request.headers.pop(ORG_UNIT_HEADER, "")
        route = self._routes.get(resource) or Route(urlsplit(request.url or "").path)
        where = RequestContext(route.template, int(org_unit) if org_unit.isdigit() else None)
        if org_unit == "0":
            return PageResponse(Page([]), request.url or "", where)
        if not org_unit:
            return self._lists.next_part(request, route, where)
        try:
            return self._lists.read(request, route, where, few_as_rows=True)
        except SKIPPABLE as error:
            return PageResponse(Page([], skipped=error), request.url or "", where)

    def _block(self, request: Request, route: Route, parts: Parts | None = None) -> Any:
        return self._sender.ask(self.prepare_request(request), route, _where(route, parts))[0]

    def _url(self, path: str, parts: Parts | None) -> str:
        for name, value in (parts or {}).items():
            # a token with a slash in it must not lead to another route
            path = path.replace(f"({name})", quote(str(value), safe=""))
        return self.base_url + path


def _where(route: Route, parts: Parts | None) -> RequestContext:
    org_unit_id = (parts or {}).get("orgUnitId")
    return RequestContext(route.template, None if org_unit_id is None else int(org_unit_id))


def _taken(take: Callable[[Any], Any], rows: list[Any], _: int | None) -> list[Any]:
    try:
        return [one for row in rows if (one := take(row)) is not None]
    except (KeyError, TypeError):
        raise ValueError("A row lacks a field that the loader needs") from None


def _no_credential(request: PreparedRequest) -> PreparedRequest:
    return request
