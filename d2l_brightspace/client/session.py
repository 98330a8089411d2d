"""The one place where requests to Brightspace are sent.

Every attempt of every request goes through `BrightspaceSession`: version and credential are put
on at that moment, the origin is pinned, redirects are walked, time and size are capped, the rate
headers are read, a 401 is cured once, and the answer is judged. dlt's `RESTClient` uses it as its
`session` and needs no hooks and no retry of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from math import inf
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

import requests
from requests import PreparedRequest, Request, Response

from .auth import Authenticator
from .errors import (
    BrightspaceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Refusal,
    ServiceUnavailable,
)
from .limits import Limits
from .pacing import Pacer
from .pages import Envelope, Page, read_page
from .paginators import BookmarkPaginator, ObjectListPaginator
from .partial import PartialFile
from .transport import OversizedBody, Transport, TransportFailure, within_origin
from .uploads import FileUpload
from .verdicts import (
    Accept,
    CorrectClock,
    Fail,
    RenewCredential,
    Retry,
    Verdict,
    Wait,
    judge,
    judge_once,
)
from .versions import Versions
from .windows import Range
from .windows import plan as plan_windows

VERSION = "(version)"
"""Stands for the version in a path, as in D2L's own route tables."""
RESOURCE_HEADER = "X-Loader-Resource"
ORG_UNIT_HEADER = "X-Loader-Org-Unit"
"""What a request is for; `rest_api` fills them in, the session takes them off before sending."""
Parts = Mapping[str, "int | str"]
"""Values of the placeholders in a path, by the names that D2L's route tables give them."""
SKIPPABLE = (PermissionDenied, NotFound, ProtocolError, ServiceUnavailable)
"""Answers that cost one org unit its rows, and not everybody else theirs (DESIGN rule 9)."""


@dataclass(frozen=True)
class Route:
    """What must be known of a route to send its requests and judge its answers."""

    template: str
    """Path relative to `/d2l/api/`, the only form of it that error texts show."""
    expected: Envelope | None = None
    scope: str | None = None
    anonymous: bool = False
    bookmark_field: str | None = None
    range: Range | None = None
    once: bool = False
    """Whether its requests change something, and must not do so twice."""
    tabulate: Callable[[list[Any], int | None], Any] = lambda rows, _: rows
    """Makes a table of rows of an org unit; raises ValueError for rows that cannot be in it."""
    join: Callable[[list[Any]], Any] = list
    """Puts such tables one below the other."""

    def tabulated(self, rows: list[Any], where: Refusal) -> Any:
        """The table of a page's rows.

        Raises:
            ProtocolError: If a row cannot be in it.
        """
        try:
            return self.tabulate(rows, where.org_unit_id)
        except ValueError as error:
            raise ProtocolError(str(error), where) from None


class PageResponse(Response):
    """An answer whose `json()` is the `Page` that was made of its body."""

    def __init__(self, page: Page, url: str, where: Refusal) -> None:
        super().__init__()
        self.status_code = 200
        self.url = url
        self.page = page
        self.where = where

    def json(self, **_: Any) -> Page:
        """The page; the body was decoded when the answer was judged."""
        return self.page


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
        self.versions = Versions(self, pinned)
        self._authenticator = authenticator
        self._transport = transport
        self.limits = limits
        self._routes = dict(routes or {})
        self._sleep = sleep
        self._slots = BoundedSemaphore(limits.requests_in_flight)
        self._pacer = Pacer(limits.max_wait_seconds, sleep=sleep)

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

    def post_json(self, path: str, body: Any, *, anonymous: bool = False) -> Any:
        """Send a block and read the answer; arguments and errors as in `get_json`."""
        return self._block(
            Request("POST", self.base_url + path, json=body), Route(path, anonymous=anonymous)
        )

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
        parts: list[list[Any]] = self._pages(request, route, Refusal(template)).page.table
        return [row for row in chain.from_iterable(parts) if isinstance(row, dict)]

    def download(self, link: str, target: Path, template: str, *, size: int = 0) -> None:
        """Download a file of any size; a download that breaks off goes on where it was.

        A redirect to another host, as Data Hub makes it to its storage, is followed without
        credentials; never from https to http.

        Args:
            link: Absolute, or relative to `/d2l/api/`.
            target: File to write.
            template: The path as error texts show it.
            size: Bytes it should have, where that is known; the server's own word counts more.

        Raises:
            BrightspaceError: If the file cannot be had whole.
        """
        route, where = Route(template), Refusal(template)
        patience, file = _Patience(self.limits, where), PartialFile(target, size)
        while True:
            before, sent = file.received, None
            try:
                with self._opened(link, file, route, where) as (sent, response, chunks):
                    verdict = self._take(response, chunks, file, where)
            except TransportFailure as failure:
                verdict = Retry(ServiceUnavailable(f"No whole file: {failure.reason}", where))
            if isinstance(verdict, Accept):
                return
            if file.received > before:
                patience = _Patience(self.limits, where)
            self._get_over(verdict, sent, patience)

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
        rows: list[list[Any]] = self._pages(request, route, where, at_most).page.table
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
        where = Refusal(route.template, int(org_unit) if org_unit.isdigit() else None)
        if org_unit == "0":
            return PageResponse(Page([]), request.url or "", where)
        if not org_unit:
            return self._tenant_wide(request, route, where)
        try:
            return self._pages(request, route, where, few_as_rows=True)
        except SKIPPABLE as error:
            return PageResponse(Page([], skipped=error), request.url or "", where)

    def _tenant_wide(self, request: PreparedRequest, route: Route, where: Refusal) -> PageResponse:
        """Read the next part of a list: windows of time side by side, or page after page."""
        if route.range is None or _parameter(request, "bookmark"):
            return self._pages(request, route, where, _ROWS_AT_ONCE)
        first = self._page(request, route, where)
        enough = _PAGES_BEFORE_WINDOWS * len(first.page.rows)
        begun = self._pages(request, route, where, enough, first)
        since = _parameter(request, route.range.start)
        if not begun.page.has_more or not since or _parameter(request, route.range.end):
            return begun
        rows = [*first.page.rows, *begun.page.rows]
        most = self.limits.requests_in_flight
        plan = plan_windows(rows, route.range.field, since, _PAGES_BEFORE_WINDOWS, most)
        if plan is None:
            return begun
        windows = [
            _with_parameters(request, {route.range.start: start, route.range.end: end})
            for start, end in plan.windows
        ]
        rest = _with_parameters(request, {route.range.start: plan.rest_from})
        return self._side_by_side(windows, rest if plan.rest_from else None, route, where)

    def _side_by_side(
        self,
        windows: list[PreparedRequest],
        rest: PreparedRequest | None,
        route: Route,
        where: Refusal,
    ) -> PageResponse:
        with ThreadPoolExecutor(len(windows)) as pool:
            read = [
                response.page
                for response in pool.map(lambda one: self._pages(one, route, where), windows)
            ]
        page = Page([], "object_list", has_more=rest is not None)
        page.next_url = rest.url if rest is not None else None
        page.table = route.join([one.table for one in read])
        page.pages = sum(one.pages for one in read)
        return PageResponse(page, windows[0].url or "", where)

    def _pages(
        self,
        request: PreparedRequest,
        route: Route,
        where: Refusal,
        at_least: float = inf,
        first: PageResponse | None = None,
        *,
        few_as_rows: bool = False,
    ) -> PageResponse:
        """Read on until there are enough rows or no more; gives the last page, with all rows.

        They are in its `table`: one of many rows is much cheaper than many of a few. With
        `few_as_rows` a few stay its `rows`, to share a table with those of other org units.
        """
        paginator = (BookmarkPaginator if route.expected == "bookmark" else ObjectListPaginator)(
            route.bookmark_field, self.limits.max_pages
        )
        step = Request("GET", request.url)
        paginator.init_request(step)
        parts: list[Any] = []
        rows: list[Any] = []
        count, number, begun = 0, 0, False
        while True:
            response = first or self._page(request, route, where)
            page, first = response.page, None
            if page.bookmark_lost and not begun:
                page.table = route.tabulated([], where)
                return response  # the caller's bookmark, so the caller's paginator finds a way
            begun, number = True, number + page.pages
            paginator.update_state(response)
            paginator.update_request(step)
            if paginator.begins_again:
                parts, rows, count = [], [], 0
            rows, count = rows + page.rows, count + len(page.rows)
            if len(rows) >= _ROWS_OF_A_TABLE:
                parts, rows = [*parts, route.tabulated(rows, where)], []
            if not paginator.has_next_page or count >= at_least:
                break
            request = self.prepare_request(step)
        page.pages = number
        if few_as_rows and not parts:
            page.rows = rows
        else:
            page.table = route.join([*parts, route.tabulated(rows, where)])
        return response

    def _page(self, request: PreparedRequest, route: Route, where: Refusal) -> PageResponse:
        url = request.url or ""
        try:
            body, url = self._ask(request, route, where)
        except (NotFound, ProtocolError) as error:
            if not _bookmark_may_be_lost(url, error):
                raise
            return PageResponse(Page([], bookmark_lost=True), url, where)
        return PageResponse(read_page(body, route.expected, where), url, where)

    def _block(self, request: Request, route: Route, parts: Parts | None = None) -> Any:
        return self._ask(self.prepare_request(request), route, _where(route, parts))[0]

    def _url(self, path: str, parts: Parts | None) -> str:
        for name, value in (parts or {}).items():
            # a token with a slash in it must not lead to another route
            path = path.replace(f"({name})", quote(str(value), safe=""))
        return self.base_url + path

    def _ask(self, request: PreparedRequest, route: Route, where: Refusal) -> tuple[Any, str]:
        """Send until there is an answer to take; gives its body and its URL."""
        patience = _Patience(self.limits, where)
        # may ask Brightspace itself, so not within a turn
        request = self._with_version(request)
        while True:
            sent: PreparedRequest | None = None
            try:
                with self._pacer.turn(costs=not route.anonymous) as learn:
                    sent, response = self._walk(request, route, where)
                    learn(response)
                verdict = judge(response, where, route.scope)
            except TransportFailure as failure:
                error = ServiceUnavailable(f"No answer: {failure.reason}", where)
                verdict = Retry(error, failure.delivered)
            if route.once:
                verdict = judge_once(verdict)
            if isinstance(verdict, Accept):
                return verdict.body, response.url
            self._get_over(verdict, sent, patience)

    def _get_over(
        self, verdict: Verdict, sent: PreparedRequest | None, patience: _Patience
    ) -> None:
        """Do what makes another try worth it, or raise."""
        if isinstance(verdict, Retry):
            self._sleep(patience.rest_before_retry(verdict))
        elif isinstance(verdict, Wait):
            self._pacer.hold_all(patience.rest_asked_for(verdict.seconds))
            patience.check()
        elif isinstance(verdict, RenewCredential):
            patience.once("renewal", verdict.error)
            if sent is None or not self._authenticator.renew(sent):
                raise verdict.error
        elif isinstance(verdict, CorrectClock):
            patience.once("clock", verdict.error)
            if not self._authenticator.learn_server_time(verdict.server_time):
                raise verdict.error
        elif isinstance(verdict, Fail):
            raise verdict.error

    def _walk(
        self, request: PreparedRequest, route: Route, where: Refusal
    ) -> tuple[PreparedRequest, Response]:
        """Send a request and follow redirects within the origin, with credentials anew each."""
        url = request.url or ""
        for _ in range(_REDIRECTS):
            sent = self._ready(request, url, route)
            try:
                with self._slots:
                    response = self._transport.exchange(sent)
            except OversizedBody:
                raise ProtocolError(
                    f"The answer is larger than {self.limits.max_body_megabytes:g} MB; if that "
                    "is right, raise `limits.max_body_megabytes`",
                    where,
                ) from None
            response.url = url  # without the signature: URLs end up in messages and traces
            if not response.is_redirect:
                return sent, response
            target = within_origin(response.headers["Location"], url)
            if target is None:
                raise ProtocolError(
                    "Redirected to another host or scheme, which is not followed; check the "
                    "`host` setting",
                    where,
                )
            url = target
        raise ProtocolError(f"More than {_REDIRECTS} redirects", where)

    @contextmanager
    def _opened(
        self, link: str, file: PartialFile, route: Route, where: Refusal
    ) -> Iterator[tuple[PreparedRequest, Response, Iterator[bytes]]]:
        """Ask for a file and follow redirects, also to other hosts."""
        base = self.base_url
        for _ in range(_REDIRECTS + 1):
            request = self._wanted(link, base, file, where)
            ours = within_origin(request.url or "", self.base_url) is not None
            with ExitStack() as stack:
                with self._pacer.turn(costs=ours) as learn:
                    sent = self._ready(request, request.url or "", route) if ours else request
                    response, chunks = stack.enter_context(self._transport.streamed(sent))
                    learn(response)
                if not response.is_redirect:
                    yield sent, response, chunks
                    return
            link, base = response.headers["Location"], request.url or ""
        raise ProtocolError(f"More than {_REDIRECTS} redirects", where)

    def _wanted(self, link: str, base: str, file: PartialFile, where: Refusal) -> PreparedRequest:
        """The request for a part of a file, with no credential on it."""
        try:
            url = urljoin(base, link)
            scheme, secure = urlsplit(url).scheme, urlsplit(self.base_url).scheme == "https"
            wanted = self.prepare_request(Request("GET", url, headers=file.request_headers))
        except (ValueError, requests.RequestException):
            raise ProtocolError("The download leads to what is no URL", where) from None
        if scheme != "https" and (secure or scheme != "http"):
            raise ProtocolError("The download leads to plain HTTP, which is not followed", where)
        return self._with_version(wanted)

    def _take(
        self, response: Response, chunks: Iterator[bytes], file: PartialFile, where: Refusal
    ) -> Verdict:
        if response.status_code in (200, 206):
            if "html" in response.headers.get("Content-Type", "").lower():
                return Fail(ProtocolError("The download is an HTML page in place of a file", where))
            file.take(response, chunks)
            return Accept(None)
        if response.status_code == 416:
            file.start_again()
            return Retry(ServiceUnavailable("The download cannot go on where it was", where))
        response._content = b"".join(islice(chunks, 1))
        return judge(response, where)

    def _ready(self, request: PreparedRequest, url: str, route: Route) -> PreparedRequest:
        if within_origin(url, self.base_url) is None:
            raise ProtocolError(
                "The link leads to another host or scheme, where credentials are not sent",
                Refusal(route.template),
            )
        ready = request.copy()
        ready.hooks = requests.hooks.default_hooks()
        ready.url = url
        if not route.anonymous:
            self._authenticator.authenticate(ready)
        return ready

    def _with_version(self, request: PreparedRequest) -> PreparedRequest:
        head, placeholder, tail = (request.url or "").partition(VERSION)
        if placeholder:
            request = request.copy()
            request.url = head + self.versions.spoken(head.rstrip("/").rsplit("/", 1)[1]) + tail
        return request


class _Patience:
    """How often and how long one request has been tried."""

    def __init__(self, limits: Limits, where: Refusal) -> None:
        self._limits = limits
        self._where = where
        self._attempts = 0
        self._rests = 0
        self._rested = 0.0
        self._used: set[str] = set()

    def rest_before_retry(self, retry: Retry) -> float:
        """Seconds until the next attempt; raises after the last one, or if they are too many."""
        self._attempts += 1
        asked_for = retry.after or 0.0
        if self._attempts >= self._limits.max_attempts or asked_for > self._limits.max_wait_seconds:
            raise retry.error
        return max(self._backoff(self._attempts), asked_for)

    def rest_asked_for(self, seconds: float | None) -> float:
        """Seconds of a rest that Brightspace wants; back-off where it says none."""
        self._rests += 1
        rest = seconds or self._backoff(self._rests)
        self._rested += rest
        return rest

    def check(self) -> None:
        """Raise if all rests together are more than the settings allow."""
        if self._rests > _RESTS or self._rested > self._limits.max_wait_seconds:
            raise RateLimited(
                f"Brightspace asks for a longer rest than the {self._limits.max_wait_seconds:g} s "
                "that `limits.max_wait_seconds` allows; run again later or raise it",
                self._where,
            )

    def once(self, remedy: str, error: BrightspaceError) -> None:
        """Raise if the remedy was tried before."""
        if remedy in self._used:
            raise error
        self._used.add(remedy)

    def _backoff(self, failures: int) -> float:
        longest = min(
            self._limits.backoff_seconds * 2.0 ** (failures - 1), self._limits.max_wait_seconds
        )
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spread, not secrecy


def _parameter(request: PreparedRequest, name: str) -> str | None:
    return dict(parse_qsl(urlsplit(request.url or "").query)).get(name)


def _with_parameters(
    request: PreparedRequest, changes: Mapping[str, str | None]
) -> PreparedRequest:
    parts = urlsplit(request.url or "")
    parameters = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **changes}
    changed = request.copy()
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    changed.url = urlunsplit(parts._replace(query=query))
    return changed


def _where(route: Route, parts: Parts | None) -> Refusal:
    org_unit_id = (parts or {}).get("orgUnitId")
    return Refusal(route.template, None if org_unit_id is None else int(org_unit_id))


def _bookmark_may_be_lost(url: str, error: BrightspaceError) -> bool:
    # `basic/apicall`, "Missing bookmarks": a call fails when the bookmarked item was deleted
    status = error.refusal.status if error.refusal else None
    return status in (400, 404) and "bookmark=" in urlsplit(url).query


def _taken(take: Callable[[Any], Any], rows: list[Any], _: int | None) -> list[Any]:
    try:
        return [one for row in rows if (one := take(row)) is not None]
    except (KeyError, TypeError):
        raise ValueError("A row lacks a field that the loader needs") from None


def _no_credential(request: PreparedRequest) -> PreparedRequest:
    return request


_REDIRECTS = 5
_RESTS = 30
_ROWS_AT_ONCE = 10_000
_PAGES_BEFORE_WINDOWS = 5
"""A list that ends within these is read with no request too many."""
_ROWS_OF_A_TABLE = 1_000
