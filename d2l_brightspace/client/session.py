"""What talks to one Brightspace: single blocks, lists, downloads, and what takes effect once.

`sending` takes care of each request, `paging` of lists, `http.downloads` of files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import quote

from requests import PreparedRequest, Request

from .activity import Activity
from .auth.credentials import Authenticator
from .errors import ProtocolError, RequestContext
from .http.downloads import Downloads
from .http.transport import Transport
from .http.uploads import FileUpload
from .limits import Limits
from .paging.list_reader import ListReader
from .routes import Route
from .sending.sender import Observer, Sender
from .versions import Versions

Parts = Mapping[str, "int | str"]
"""Values of the placeholders in a path, by the names that D2L's route tables give them."""


class BrightspaceSession:
    """Talks to one Brightspace; shared by all threads of a run.

    Args:
        base_url: `https://host/d2l/api/`; credentials stay on its host, below `/d2l/`.
        authenticator: Puts credentials on requests.
        transport: Does single exchanges.
        limits: Retries, waits and sizes.
        pinned: Versions the user insists on, by product code.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        base_url: str,
        authenticator: Authenticator,
        transport: Transport,
        limits: Limits,
        *,
        pinned: Mapping[str, str | None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url
        self.limits = limits
        self.versions = Versions(self, pinned)
        self._transport = transport
        self._sender = Sender(
            base_url, authenticator, transport, limits, self.versions.spoken, sleep
        )
        self._downloads = Downloads(self._sender, _prepare)

    @property
    def activity(self) -> Activity:
        """What its requests cost so far, and what waits."""
        return self._sender.rate_limiter.activity

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def observe(self, observer: Observer) -> None:
        """Call a function after each answer, in the thread that asked; only one does so."""
        self._sender.observer = observer

    def list_reader(self, path: str, route: Route, context: RequestContext) -> ListReader:
        """Make a reader of one list; sends nothing yet.

        Args:
            path: Relative to `/d2l/api/`, with its query, and `(version)` where the version goes.
            route: What is known of the route.
            context: Route, org unit and keys, for the error text.
        """
        return ListReader(self._sender, self.base_url + path, route, context)

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
        reader = self.list_reader(
            path, Route(template, "object_list", scope), RequestContext(template)
        )
        rows: list[Any] = []
        while not reader.done:
            page = reader.read()
            rows = page.rows if reader.begins_again else rows + page.rows
        return [row for row in rows if isinstance(row, dict)]

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

        A redirect to another host or out of `/d2l/`, as Data Hub makes it to its storage, is
        followed without credentials; never from https to http.

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
        route = Route(path.partition("?")[0], "bookmark", scope)
        context = _context(route, parts)
        reader = self.list_reader(_filled(path, parts), route, context)
        taken: list[Any] = []
        while not reader.done and len(taken) < at_most:
            page = reader.read()
            if reader.begins_again:
                taken = []
            taken += _taken(take, page.rows, context)
        return list(dict.fromkeys(taken))

    def _block(self, request: Request, route: Route, parts: Parts | None = None) -> Any:
        return self._sender.ask(_prepare(request), route, _context(route, parts))[0]

    def _url(self, path: str, parts: Parts | None) -> str:
        return self.base_url + _filled(path, parts)


def _filled(path: str, parts: Parts | None) -> str:
    for name, value in (parts or {}).items():
        # a token with a slash in it must not lead to another route
        path = path.replace(f"({name})", quote(str(value), safe=""))
    return path


def _prepare(request: Request) -> PreparedRequest:
    """Prepare a request without what a session would add of its own: `~/.netrc`, cookies."""
    request.auth = _no_credential
    return request.prepare()


def _context(route: Route, parts: Parts | None) -> RequestContext:
    org_unit_id = (parts or {}).get("orgUnitId")
    return RequestContext(route.template, None if org_unit_id is None else int(org_unit_id))


def _taken(take: Callable[[Any], Any], rows: list[Any], context: RequestContext) -> list[Any]:
    try:
        return [one for row in rows if (one := take(row)) is not None]
    except (KeyError, TypeError, ValueError):
        raise ProtocolError(
            "A row lacks a field that the loader needs, or has no id in it", context
        ) from None


def _no_credential(request: PreparedRequest) -> PreparedRequest:
    return request
