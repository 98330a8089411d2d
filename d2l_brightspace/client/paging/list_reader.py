"""Reading one list, page after page."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from d2l_brightspace.client.errors import (
    BrightspaceError,
    NotFound,
    ProtocolError,
    RequestContext,
)
from d2l_brightspace.client.routes import VERSION, Route
from d2l_brightspace.client.sending.sender import Sender

from .cursor import Cursor, Step, ToBookmark, ToLink, ToPage, ToStart
from .pages import Page, read_page


class ListReader:
    """Reads one list; not for several threads at a time.

    Args:
        sender: Sends the requests.
        url: Of the first page, with `(version)` where the version goes.
        route: What is known of the route.
        context: Route, org unit and keys, for the error text.

    Attributes:
        done: Whether the list has been read to its end.
        begins_again: Whether the page read last starts the list anew: what was read of it before
            is void.
    """

    def __init__(self, sender: Sender, url: str, route: Route, context: RequestContext) -> None:
        self._sender = sender
        self._first_url = self._url = url
        self._route = route
        self._context = context
        self._cursor = Cursor(route.bookmark_field, route.page_rows, sender.limits.max_pages)
        self.done = False
        self.begins_again = False

    def read(self) -> Page:
        """Read the next page: one request, or another one where a bookmark was lost.

        Raises:
            BrightspaceError: If it cannot be read.
        """
        self.begins_again = False
        if VERSION in self._url:
            # may ask Brightspace for its versions
            self._first_url = self._url = self._sender.versioned(self._url)
        while True:
            page, url = self._page()
            step = self._cursor.after(page, url, self._context)
            self._follow(step)
            if not page.bookmark_lost:
                self.done = step is None
                return page

    def end_at(self, **parameters: str) -> None:
        """Change query parameters of the requests to come, such as the end of a range of time."""
        self._url = with_parameters(self._url, parameters)
        self._first_url = with_parameters(self._first_url, parameters)

    def _page(self) -> tuple[Page, str]:
        try:
            body, url = self._sender.ask(self._url, self._route, self._context)
        except (NotFound, ProtocolError) as error:
            if not _bookmark_may_be_lost(self._url, error):
                raise
            return Page([], bookmark_lost=True), self._url
        return read_page(body, self._route.expected, self._context), url

    def _follow(self, step: Step | None) -> None:
        match step:
            case ToBookmark(bookmark):
                self._url = with_parameters(self._url, {"bookmark": bookmark})
            case ToPage(number):
                self._url = with_parameters(self._url, {"pageNumber": str(number)})
            case ToLink(url):
                self._url = url
            case ToStart():
                self._url, self.begins_again = self._first_url, True


def with_parameters(url: str, changes: dict[str, str]) -> str:
    """A URL with other values for some query parameters; the rest stays byte for byte."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair.partition("=")[0] not in changes]
    pairs = [*filter(None, kept), urlencode(changes, quote_via=quote)]
    return urlunsplit(parts._replace(query="&".join(pairs)))


def parameter(url: str, name: str) -> str | None:
    """The value of a query parameter; None where it is absent."""
    return dict(parse_qsl(urlsplit(url).query)).get(name)


def _bookmark_may_be_lost(url: str, error: BrightspaceError) -> bool:
    # `basic/apicall`, "Missing bookmarks": a call fails when the bookmarked item was deleted
    status = error.context.status if error.context else None
    return status in (400, 404) and "bookmark=" in urlsplit(url).query
