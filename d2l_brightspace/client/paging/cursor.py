"""Where a list goes on: follows bookmarks, links and page numbers, and never in a circle.

Stops at what Brightspace says is the end, and raises where following blindly would lose rows or
never end. It sends nothing: dlt's paginators and our own list reader both go by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.client.http.origins import within_brightspace
from d2l_brightspace.client.limits import Limits

from .pages import Page, value_of


@dataclass(frozen=True)
class ToBookmark:
    """Ask the same again with this bookmark."""

    bookmark: str


@dataclass(frozen=True)
class ToLink:
    """Ask for this URL as it is: it holds route and filters."""

    url: str


@dataclass(frozen=True)
class ToPage:
    """Ask the same again with this page number."""

    number: int


@dataclass(frozen=True)
class ToStart:
    """Begin again: what was read of the list is void."""


Step = ToBookmark | ToLink | ToPage | ToStart


class Cursor:
    """Follows one list; never share it between lists.

    Args:
        bookmark_field: Field of a row that D2L documents as the bookmark (`LogMessageId` for the
            logs), so that a lost bookmark can fall back to the row before; None where bookmarks
            are opaque.
        page_rows: Rows of a full page, for lists that are asked for by page number.
        max_pages: Pages after which the list counts as one without an end.
    """

    def __init__(
        self,
        bookmark_field: str | None = None,
        page_rows: int | None = None,
        max_pages: int = Limits.max_pages,
    ) -> None:
        self._bookmark_field = bookmark_field
        self._page_rows = page_rows
        self._max_pages = max_pages
        self._visited: set[str] = set()
        self._contents: set[int] = set()
        self._fallbacks: list[str] = []
        self._restarted = False
        self._pages = 0
        self._empty_pages = 0

    def after(self, page: Page, url: str, context: RequestContext) -> Step | None:
        """Where the list goes on after a page; None at its end.

        Args:
            page: What was read last.
            url: Where it was read.
            context: Route and org unit for the error text.

        Raises:
            ProtocolError: If the list goes round in a circle, leads elsewhere, or has no
                end within `max_pages`.
        """
        if page.bookmark_lost:
            return self._recover(context)
        self._remember_rows(page)
        if self._page_rows is not None and page.envelope == "array":
            if len(page.rows) < self._page_rows:
                return None
            self._check_progress(page, context)
            return ToPage(self._pages + 1)
        if not page.has_more:
            return None
        self._check_progress(page, context)
        if page.envelope == "object_list":
            return ToLink(self._next_url(str(page.next_url), url, context))
        if page.bookmark is None:
            raise ProtocolError("HasMoreItems is true, but there is no bookmark to go on", context)
        self._visit(page.bookmark, context)
        return ToBookmark(page.bookmark)

    def _next_url(self, link: str, base: str, context: RequestContext) -> str:
        url = within_brightspace(link, base)
        if url is None:
            raise ProtocolError(
                "Next is no URL, or leads to another host or scheme, or out of /d2l/, where no "
                "credential is sent",
                context,
            )
        self._visit(url, context)
        if url == base:
            raise ProtocolError("Next leads to the page it stands on", context)
        return url

    def _visit(self, step: str, context: RequestContext) -> None:
        if step in self._visited:
            raise ProtocolError("The list goes round in a circle: a bookmark came twice", context)
        self._visited.add(step)

    def _check_progress(self, page: Page, context: RequestContext) -> None:
        self._pages += 1
        if self._pages >= self._max_pages:
            raise ProtocolError(
                f"The list goes on after {self._pages:,} pages; if it is that long, raise "
                "`limits.max_pages`",
                context,
            )
        if not page.rows:
            # a page filtered to nothing is no end, but a hundred of them are a standstill
            self._empty_pages += 1
            if self._empty_pages >= _EMPTY_PAGES:
                raise ProtocolError(
                    f"The list goes on after {_EMPTY_PAGES} empty pages in a row", context
                )
            return
        self._empty_pages = 0
        content = hash(f"{len(page.rows)} {page.rows[0]} {page.rows[-1]}")
        if content in self._contents:
            raise ProtocolError("The list goes round in a circle: a page came twice", context)
        self._contents.add(content)

    def _remember_rows(self, page: Page) -> None:
        if self._bookmark_field is not None:
            last: list[Any] = page.rows[-_FALLBACK_ROWS - 1 :]
            rows = [str(value_of(row, self._bookmark_field)) for row in last]
            known = [row for row in self._fallbacks + rows if row != page.bookmark]
            self._fallbacks = known[-_FALLBACK_ROWS:]

    def _recover(self, context: RequestContext) -> Step:
        # `basic/apicall`, "Missing bookmarks": an item that a bookmark stands on may be deleted;
        # where the bookmark is a known property any other row's will do, else begin again
        if self._fallbacks:
            return ToBookmark(self._fallbacks.pop())
        if self._restarted:
            raise ProtocolError(
                "The list changed twice while it was read, and its bookmark is gone; run again "
                "when less is being edited",
                context,
            )
        self._restarted = True
        self._visited.clear()
        self._contents.clear()
        self._pages = 0
        return ToStart()


_FALLBACK_ROWS = 3
_EMPTY_PAGES = 100
