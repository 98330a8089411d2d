"""The envelopes in which lists come (docs/brightspace-api.md, "Paging")."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

from .problems import not_found

Row = TypeVar("Row")
Block = dict[str, object]


def by_id(rows: Sequence[Row], id_of: Callable[[Row], int], bookmark: int | None) -> Iterable[Row]:
    """Return the rows after the bookmark; the rows are in the order of their ids."""
    if bookmark is None:
        return rows
    return islice(rows, bisect_right(rows, bookmark, key=id_of), None)


def by_place(
    rows: Sequence[Row], id_of: Callable[[Row], int], bookmark: int | None
) -> Iterable[Row]:
    """Return the rows after the bookmarked one, in whatever order they are.

    The list cannot be continued when that row has gone ("Missing bookmarks" of D2L's calling
    conventions).
    """
    if bookmark is None:
        return rows
    for place, row in enumerate(rows):
        if id_of(row) == bookmark:
            return rows[place + 1 :]
    raise not_found("The bookmarked item is no longer there")


def cut(rows: Iterable[Row], size: int) -> tuple[list[Row], bool]:
    """Return one page and whether something follows it."""
    found = list(islice(rows, size + 1))
    return found[:size], len(found) > size


def paged_result_set(
    rows: Iterable[Row], size: int, id_of: Callable[[Row], int], block: Callable[[Row], Block]
) -> Block:
    """Build a PagedResultSet: the last page keeps its bookmark, an empty list has none."""
    page, more = cut(rows, size)
    bookmark = str(id_of(page[-1])) if page else None
    paging = {"Bookmark": bookmark, "HasMoreItems": more}
    return {"PagingInfo": paging, "Items": [block(row) for row in page]}
