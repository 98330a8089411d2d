"""One answer of Brightspace, whatever envelope it came in.

D2L documents two envelopes for lists, and its documents contradict themselves about which route
uses which; so the envelope is recognised from the body. A body that fits none is an error, never
an empty page. Keys are exact-case (`basic/apicall`, "Paged data"):

    {"PagingInfo": {"Bookmark": "145", "HasMoreItems": true}, "Items": [{…}, …]}
    {"Next": "https://…?bookmark=…" or null, "Objects": [{…}, …]}
    [{…}, …]
    {…}
"""

from __future__ import annotations

from typing import Any, Literal, cast

from d2l_brightspace.client.errors import ProtocolError, RequestContext

Envelope = Literal["bookmark", "object_list", "array", "object"]
Expected = Literal["bookmark", "object_list", "array", "object", "page_number"]
"""How a route's documentation says its list comes."""


class Page:
    """The rows of one answer and where the next ones are.

    Args:
        rows: The blocks of this page, decoded, or as the route's `parse` gives them.
        envelope: How they were wrapped.
        bookmark: Value of the next `bookmark` parameter.
        next_url: `Next` link as it arrived.
        has_more: Whether the list goes on.
        bookmark_lost: True if Brightspace no longer knows the bookmark that was asked for.
    """

    __slots__ = ("bookmark", "bookmark_lost", "envelope", "has_more", "next_url", "rows")

    def __init__(
        self,
        rows: list[Any],
        envelope: Envelope = "array",
        *,
        bookmark: str | None = None,
        next_url: str | None = None,
        has_more: bool = False,
        bookmark_lost: bool = False,
    ) -> None:
        self.rows = rows
        self.envelope = envelope
        self.bookmark = bookmark
        self.next_url = next_url
        self.has_more = has_more
        self.bookmark_lost = bookmark_lost


def value_of(row: Any, field: str) -> Any:
    """A field of a block, decoded as a dictionary or as an object; None where it is absent."""
    return row.get(field) if isinstance(row, dict) else getattr(row, field, None)


def read_page(body: Any, expected: Expected | None, where: RequestContext) -> Page:
    """Recognise the envelope of a decoded body.

    Args:
        body: Decoded JSON, or the page that the route's `parse` has made of it.
        expected: Envelope that the route's documentation promises; None if nothing is known.
        where: Route and org unit for the error text.

    Raises:
        ProtocolError: If the body is no envelope of the promised kind, or is a broken one.
    """
    if expected == "object" and isinstance(body, dict):
        return Page([body], "object")
    page = body if isinstance(body, Page) else _recognise(body, where)
    if expected is not None and page.envelope not in _ACCEPTED[expected]:
        raise ProtocolError(
            f"Expected {_NAMES[expected]} and got {_NAMES[page.envelope]}; nothing of it is loaded",
            where,
        )
    return page


def _recognise(body: Any, where: RequestContext) -> Page:
    if isinstance(body, list):
        return Page(_rows(body, "the array", where), "array")
    if not isinstance(body, dict):
        raise ProtocolError(f"The answer is a JSON {type(body).__name__}, not a block", where)
    if "PagingInfo" in body or "Items" in body:
        return _paged_result_set(body, where)
    if "Objects" in body:
        return _object_list_page(body, where)
    return Page([body], "object")


def _paged_result_set(body: dict[str, Any], where: RequestContext) -> Page:
    paging = body.get("PagingInfo")
    has_more = paging.get("HasMoreItems") if isinstance(paging, dict) else None
    if isinstance(has_more, str) and has_more.lower() in ("true", "false"):
        has_more = has_more.lower() == "true"
    if not isinstance(has_more, bool):
        raise ProtocolError("The page has no PagingInfo.HasMoreItems, so its end is unknown", where)
    if body.get("Next") and not has_more:
        raise ProtocolError("PagingInfo says that the list ends here, Next that it goes on", where)
    bookmark = cast("dict[str, Any]", paging).get("Bookmark")
    return Page(
        _rows(body.get("Items"), "Items", where),
        "bookmark",
        bookmark=None if bookmark in (None, "") else str(bookmark),
        has_more=has_more,
    )


def _object_list_page(body: dict[str, Any], where: RequestContext) -> Page:
    next_url = body.get("Next")
    if next_url is not None and not isinstance(next_url, str):
        raise ProtocolError("Next is no link", where)
    if str(body.get("HasMoreItems") or False).lower() != "false":
        # the end of the other envelope: where the list goes on is not said in a known way
        raise ProtocolError("Objects come with HasMoreItems in place of Next", where)
    return Page(
        _rows(body["Objects"], "Objects", where),
        "object_list",
        next_url=next_url or None,
        has_more=bool(next_url),
    )


def _rows(value: Any, name: str, where: RequestContext) -> list[Any]:
    if not isinstance(value, list):
        raise ProtocolError(f"{name} is {type(value).__name__}, not a list", where)
    strangers = sum(not isinstance(row, dict) for row in value)
    if strangers:
        raise ProtocolError(f"{name} holds {strangers} entries that are no blocks", where)
    return value


_LISTS: frozenset[Envelope] = frozenset({"bookmark", "object_list"})
_ACCEPTED: dict[Expected, frozenset[Envelope]] = {
    "bookmark": _LISTS,
    "object_list": _LISTS,
    "array": _LISTS | {"array"},
    "object": frozenset({"object"}),
    "page_number": _LISTS | {"array"},
}
_NAMES: dict[Expected, str] = {
    "bookmark": "a paged result set (PagingInfo, Items)",
    "object_list": "an object list page (Next, Objects)",
    "array": "a JSON array",
    "object": "a single JSON object",
    "page_number": "a JSON array",
}
