"""Walking through Brightspace's paged lists with dlt's `RESTClient`.

Both paginators stop at what the server says is the end and raise where plain cursor paging would
lose rows or never end. They follow the envelope that arrives; the name says which one the route's
documentation promises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.client.http.transport import within_origin
from d2l_brightspace.client.limits import Limits

from .pages import Envelope, Page, read_page


class _EnvelopePaginator(BasePaginator):
    """Follows bookmarks and `Next` links.

    Life cycle, as dlt calls it: `init_request` once, then for each page `update_state` and
    `update_request`, the latter after the last page too.
    """

    expected: Envelope

    def __init__(
        self, bookmark_field: str | None = None, max_pages: int = Limits.max_pages
    ) -> None:
        """Make a paginator for one list; never share it between lists.

        Args:
            bookmark_field: Field of a row that D2L documents as the bookmark (`LogMessageId` for
                the logs), so that a lost bookmark can fall back to the row before; None where
                bookmarks are opaque.
            max_pages: Pages after which the list counts as one without an end.
        """
        super().__init__()
        self.bookmark_field = bookmark_field
        self._max_pages = max_pages
        self._begin()

    def _begin(self) -> None:
        self._has_next_page = True
        self._advance: Callable[[Request], None] | None = None
        self._visited: set[str] = set()
        self._contents: set[int] = set()
        self._fallbacks: list[str] = []
        self._restarted = False
        self._pages = 0
        self._empty_pages = 0
        self.begins_again = False
        """True while the next request starts the list anew; what was read of it is void."""

    def init_request(self, request: Request) -> None:
        """Start a list: forget an earlier one."""
        self._begin()
        self._first_url = request.url
        self._first_params = dict(request.params or {})

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Find out from a page whether and where the list goes on.

        Args:
            response: Answer that holds the page.
            data: What the `data_selector` took from it.

        Raises:
            ProtocolError: If the page is no page, its `data_selector` missed the rows, its
                bookmark or link was followed before, or leads to another host.
        """
        page = _page_of(response, self.expected)
        where = _where(response)
        _check_selector(page, data, where)
        self.begins_again = False
        if page.bookmark_lost:
            self._recover(where)
            return
        self._remember_rows(page)
        self._has_next_page = page.has_more
        if page.has_more:
            self._check_progress(page, where)
            self._advance = self._next_step(page, response, where)

    def update_request(self, request: Request) -> None:
        """Turn the request into the one for the next page."""
        if self._has_next_page and self._advance is not None:
            self._advance(request)

    def _next_step(
        self, page: Page, response: Response, where: RequestContext
    ) -> Callable[[Request], None]:
        if page.envelope == "object_list":
            return _follow(self._next_url(str(page.next_url), response, where))
        if page.bookmark is None:
            raise ProtocolError("HasMoreItems is true, but there is no bookmark to go on", where)
        self._visit(page.bookmark, where)
        return _turn_to(page.bookmark)

    def _next_url(self, link: str, response: Response, where: RequestContext) -> str:
        url = within_origin(link, response.url)
        if url is None:
            raise ProtocolError(
                "Next is no URL, or leads to another host or scheme, where no credential is sent",
                where,
            )
        self._visit(url, where)
        if url == response.url:
            raise ProtocolError("Next leads to the page it stands on", where)
        return url

    def _visit(self, step: str, where: RequestContext) -> None:
        if step in self._visited:
            raise ProtocolError("The list goes round in a circle: a bookmark came twice", where)
        self._visited.add(step)

    def _check_progress(self, page: Page, where: RequestContext) -> None:
        self._pages += page.pages
        if self._pages >= self._max_pages:
            raise ProtocolError(
                f"The list goes on after {self._pages:,} pages; if it is that long, raise "
                "`limits.max_pages`",
                where,
            )
        if not page.rows:
            # a page filtered to nothing is no end, but a hundred of them are a standstill
            self._empty_pages += 1
            if self._empty_pages >= _EMPTY_PAGES:
                raise ProtocolError(
                    f"The list goes on after {_EMPTY_PAGES} empty pages in a row", where
                )
            return
        self._empty_pages = 0
        content = hash(f"{len(page.rows)} {page.rows[0]} {page.rows[-1]}")
        if content in self._contents:
            raise ProtocolError("The list goes round in a circle: a page came twice", where)
        self._contents.add(content)

    def _remember_rows(self, page: Page) -> None:
        if self.bookmark_field is not None:
            rows = [str(row.get(self.bookmark_field)) for row in page.rows]
            known = [row for row in self._fallbacks + rows if row != page.bookmark]
            self._fallbacks = known[-_FALLBACK_ROWS:]

    def _recover(self, where: RequestContext) -> None:
        # `basic/apicall`, "Missing bookmarks": an item that a bookmark stands on may be deleted;
        # where the bookmark is a known property any other row's will do, else begin again
        if self._fallbacks:
            self._advance = _turn_to(self._fallbacks.pop())
        elif not self._restarted:
            self._restarted = self.begins_again = True
            self._visited.clear()
            self._contents.clear()
            self._advance = self._start_again
        else:
            raise ProtocolError(
                "The list changed twice while it was read, and its bookmark is gone; run again "
                "when less is being edited",
                where,
            )

    def _start_again(self, request: Request) -> None:
        request.url = self._first_url
        request.params = dict(self._first_params)


class BookmarkPaginator(_EnvelopePaginator):
    """Pages through a paged result set.

    The page it reads:

        {"PagingInfo": {"Bookmark": "145", "HasMoreItems": true}, "Items": [{…}, …]}

    `HasMoreItems` alone decides whether there is another page: the last one carries a bookmark
    as well. The request for the next page is the same one with `bookmark` added.
    """

    expected: Envelope = "bookmark"


class ObjectListPaginator(_EnvelopePaginator):
    """Pages through object list pages.

    The page it reads:

        {"Next": "https://school.brightspace.com/d2l/api/…", "Objects": [{…}, …]}

    `Next` holds route and filters; it is followed as it is, on the same host only.
    """

    expected: Envelope = "object_list"


_FALLBACK_ROWS = 3
_EMPTY_PAGES = 100


def _page_of(response: Response, expected: Envelope) -> Page:
    body = response.json()
    return body if isinstance(body, Page) else read_page(body, expected, _where(response))


def _where(response: Response) -> RequestContext:
    known: RequestContext | None = getattr(response, "where", None)
    return known or RequestContext(urlsplit(response.url or "").path, status=response.status_code)


def _check_selector(page: Page, data: list[Any] | None, where: RequestContext) -> None:
    if data is None or data == page.rows or (len(data) == 1 and data[0] is page):
        return
    raise ProtocolError(
        f"The data_selector took {len(data)} rows from a page of {len(page.rows)}, or others than "
        'its rows; selectors are case-sensitive: "Items" for paged result sets, "Objects" for '
        "object list pages",
        where,
    )


def _turn_to(bookmark: str) -> Callable[[Request], None]:
    def advance(request: Request) -> None:
        # the URL of a batch's first page holds a bookmark already; there must be one only
        address, _, query = (request.url or "").partition("?")
        kept = [pair for pair in query.split("&") if pair and not pair.startswith("bookmark=")]
        request.url = f"{address}?{'&'.join(kept)}" if kept else address
        request.params = {**(request.params or {}), "bookmark": bookmark}

    return advance


def _follow(url: str) -> Callable[[Request], None]:
    def advance(request: Request) -> None:
        # dlt would add the first request's parameters to a link that holds them already
        request.url, request.params = url, {}

    return advance
