"""Reading lists: page after page of one, or windows of time side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest, Request, Response

from d2l_brightspace.client.errors import BrightspaceError, NotFound, ProtocolError, RequestContext
from d2l_brightspace.client.routes import Route
from d2l_brightspace.client.sending.sender import Sender

from .pages import Page, read_page
from .paginators import BookmarkPaginator, ObjectListPaginator
from .time_windows import plan as plan_windows

_ROWS_AT_ONCE = 10_000
_PAGES_BEFORE_WINDOWS = 5
"""A list that ends within these is read with no request too many."""
_ROWS_OF_A_TABLE = 1_000


class PageResponse(Response):
    """An answer whose `json()` is the `Page` that was made of its body."""

    def __init__(self, page: Page, url: str, where: RequestContext) -> None:
        super().__init__()
        self.status_code = 200
        self.url = url
        self.page = page
        self.where = where

    def json(self, **_: Any) -> Page:
        """The page; the body was decoded when the answer was judged."""
        return self.page


class Lists:
    """Reads lists.

    Args:
        sender: Sends the requests.
        prepare: Makes a request ready, with no credential.
    """

    def __init__(self, sender: Sender, prepare: Callable[[Request], PreparedRequest]) -> None:
        self._sender = sender
        self._prepare = prepare

    def next_part(
        self, request: PreparedRequest, route: Route, where: RequestContext
    ) -> PageResponse:
        """Read the next part of a list: windows of time side by side, or page after page."""
        if route.range is None or _parameter(request, "bookmark"):
            return self.read(request, route, where, _ROWS_AT_ONCE)
        first = self._page(request, route, where)
        enough = _PAGES_BEFORE_WINDOWS * len(first.page.rows)
        begun = self.read(request, route, where, enough, first)
        since = _parameter(request, route.range.start)
        if not begun.page.has_more or not since or _parameter(request, route.range.end):
            return begun
        rows = [*first.page.rows, *begun.page.rows]
        most = self._sender.limits.requests_in_flight
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
        where: RequestContext,
    ) -> PageResponse:
        with ThreadPoolExecutor(len(windows)) as pool:
            read = [
                response.page
                for response in pool.map(lambda one: self.read(one, route, where), windows)
            ]
        page = Page([], "object_list", has_more=rest is not None)
        page.next_url = rest.url if rest is not None else None
        page.table = route.join([one.table for one in read])
        page.pages = sum(one.pages for one in read)
        return PageResponse(page, windows[0].url or "", where)

    def read(
        self,
        request: PreparedRequest,
        route: Route,
        where: RequestContext,
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
            route.bookmark_field, self._sender.limits.max_pages
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
            request = self._prepare(step)
        page.pages = number
        if few_as_rows and not parts:
            page.rows = rows
        else:
            page.table = route.join([*parts, route.tabulated(rows, where)])
        return response

    def _page(self, request: PreparedRequest, route: Route, where: RequestContext) -> PageResponse:
        url = request.url or ""
        try:
            body, url = self._sender.ask(request, route, where)
        except (NotFound, ProtocolError) as error:
            if not _bookmark_may_be_lost(url, error):
                raise
            return PageResponse(Page([], bookmark_lost=True), url, where)
        return PageResponse(read_page(body, route.expected, where), url, where)


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


def _bookmark_may_be_lost(url: str, error: BrightspaceError) -> bool:
    # `basic/apicall`, "Missing bookmarks": a call fails when the bookmarked item was deleted
    status = error.context.status if error.context else None
    return status in (400, 404) and "bookmark=" in urlsplit(url).query
