"""Paginators for dlt's `RESTClient` and `rest_api`: each follows a paged list by a cursor.

They follow the envelope that arrives; the name says which one the route's documentation promises.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.client.limits import Limits

from .cursor import Cursor, Step, ToBookmark, ToLink, ToPage, ToStart
from .pages import Expected, Page, read_page


class _EnvelopePaginator(BasePaginator):
    """Follows bookmarks and `Next` links.

    Life cycle, as dlt calls it: `init_request` once, then for each page `update_state` and
    `update_request`, the latter after the last page too.
    """

    expected: Expected
    _page_rows: int | None = None

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
        self._cursor = Cursor(self.bookmark_field, self._page_rows, self._max_pages)
        self._step: Step | None = None

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
        context = RequestContext(urlsplit(response.url or "").path, status=response.status_code)
        page = read_page(response.json(), self.expected, context)
        _check_selector(page, data, context)
        self._step = self._cursor.after(page, response.url, context)
        self._has_next_page = self._step is not None

    def update_request(self, request: Request) -> None:
        """Turn the request into the one for the next page."""
        match self._step:
            case ToBookmark(bookmark):
                request.url = without_bookmark(request.url or "")
                request.params = {**(request.params or {}), "bookmark": bookmark}
            case ToPage(number):
                request.params = {**(request.params or {}), "pageNumber": number}
            case ToLink(url):
                # dlt would add the first request's parameters to a link that holds them already
                request.url, request.params = url, {}
            case ToStart():
                request.url, request.params = self._first_url, dict(self._first_params)


class BookmarkPaginator(_EnvelopePaginator):
    """Pages through a paged result set.

    The page it reads:

        {"PagingInfo": {"Bookmark": "145", "HasMoreItems": true}, "Items": [{…}, …]}

    `HasMoreItems` alone decides whether there is another page: the last one carries a bookmark
    as well. The request for the next page is the same one with `bookmark` added.
    """

    expected: Expected = "bookmark"


class ObjectListPaginator(_EnvelopePaginator):
    """Pages through object list pages.

    The page it reads:

        {"Next": "https://school.brightspace.com/d2l/api/…", "Objects": [{…}, …]}

    `Next` holds route and filters; it is followed as it is, on the same host only.
    """

    expected: Expected = "object_list"


class PageNumberPaginator(_EnvelopePaginator):
    """Asks for bare arrays by their number, from `pageNumber` 1, until one is not full.

    The page it reads:

        [{…}, …]
    """

    expected: Expected = "page_number"

    def __init__(self, page_rows: int, max_pages: int = Limits.max_pages) -> None:
        """Make a paginator for one list; never share it between lists.

        Args:
            page_rows: Rows of a full page, as the request asks for them.
            max_pages: Pages after which the list counts as one without an end.
        """
        self._page_rows = page_rows
        super().__init__(max_pages=max_pages)


def without_bookmark(url: str) -> str:
    """A URL that may stand on a page of a list, without its bookmark."""
    address, _, query = url.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith("bookmark=")]
    return f"{address}?{'&'.join(kept)}" if kept else address


def _check_selector(page: Page, data: list[Any] | None, context: RequestContext) -> None:
    if data is None or data == page.rows:
        return
    raise ProtocolError(
        f"The data_selector took {len(data)} rows from a page of {len(page.rows)}, or others than "
        'its rows; selectors are case-sensitive: "Items" for paged result sets, "Objects" for '
        "object list pages",
        context,
    )
