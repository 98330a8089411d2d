"""Bodies to typed rows: the fast way of decoding, by types made from a declaration.

A body that is exactly as declared becomes objects with a slot for each field, several times faster
than dictionaries do. Any deviation (another JSON type, half a surrogate pair, a byte order mark, a
field nobody declared) sends that body the tolerant way, which takes whatever JSON allows; fields
nobody declared are learnt from it, so that a tenant that has them is as fast from the next page on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from keyword import iskeyword
from typing import Any

import msgspec

from d2l_brightspace.client.json_codec import decode, encode
from d2l_brightspace.client.paging.pages import Page

from .field_tree import BELOW, Tree, tree_of

_MOST_LEARNT = 200
"""Fields that nobody declared; a tenant with more of them is read the tolerant way."""
_JSON: dict[str, Any] = {
    "bigint": int | str | None,
    "double": int | float | str | None,
    "text": str | None,
    "bool": bool | None,
    "timestamp": str | int | None,
    "json": msgspec.Raw,
}
"""JSON types that a column of a dlt data type may hold without a loss."""
_NULL = msgspec.Raw(b"null")
Plan = list[tuple[str, Any]]
"""Slot of a struct → name of its column, or an empty nested struct with a plan of its own."""


class TypedRows:
    """Parses the bodies of one endpoint; shared by all threads.

    Args:
        types: dlt data types of the declared columns; nested fields as `Parent__Field`.
        dropped: Fields that are skipped, named likewise.
        single: Whether the body is one block, not a list of them.
    """

    def __init__(
        self, types: Mapping[str, str], dropped: Iterable[str] = (), *, single: bool = False
    ) -> None:
        self._types = types
        self._dropped = tuple(dropped)
        self._single = single
        self._learnt: frozenset[str] = frozenset()
        self._make()

    def parse(self, body: bytes) -> Any:
        """The page of a body, with typed rows; or the decoded body where it is not as declared.

        Raises:
            ValueError: If it is no JSON.
            RecursionError: If it is nested too deep.
        """
        try:
            return self._page(body)
        except (msgspec.DecodeError, ValueError):  # UnicodeDecodeError is a ValueError
            return decode(body)

    def learn(self, fields: Iterable[str]) -> None:
        """Take fields that nobody declared for known from now on.

        Args:
            fields: Names as the tolerant way gives them, nested ones with `BELOW` in between.
        """
        learnt = self._learnt | {
            field for field in fields if all(map(_CAN_BE_NAMED.fullmatch, field.split(BELOW)))
        }
        if learnt != self._learnt and len(learnt) <= _MOST_LEARNT:
            self._learnt = learnt
            self._make()

    def _make(self) -> None:
        tree = tree_of([*self._types, *self._dropped], self._learnt)
        row = _struct(tree, self._types, self._dropped)
        paging = msgspec.defstruct(
            "PagingInfo",
            [("HasMoreItems", bool), ("Bookmark", str | int | None, None)],
            forbid_unknown_fields=True,
        )
        listed = msgspec.defstruct(
            "PagedResultSet",
            [("PagingInfo", paging), ("Items", list[row])],  # type: ignore[valid-type]
            forbid_unknown_fields=True,
        )
        linked = msgspec.defstruct(
            "ObjectListPage",
            [("Next", str | None), ("Objects", list[row])],  # type: ignore[valid-type]
            forbid_unknown_fields=True,
        )
        # one assignment: other threads parse meanwhile
        self._decoders: tuple[Any, ...] = tuple(
            msgspec.json.Decoder(kind)
            for kind in (listed, linked, list[row], row)  # type: ignore[valid-type]
        )

    def _page(self, body: bytes) -> Page:
        paged, linked, array, single = self._decoders
        if self._single:
            return Page([single.decode(body)], "object")
        first = _FIRST_KEY.match(body)
        if first is None:
            return Page(array.decode(body), "array")
        if first[1] in (b"PagingInfo", b"Items"):
            page = paged.decode(body)
            bookmark = page.PagingInfo.Bookmark
            return Page(
                page.Items,
                "bookmark",
                bookmark=None if bookmark in (None, "") else str(bookmark),
                has_more=page.PagingInfo.HasMoreItems,
            )
        page = linked.decode(body)
        return Page(
            page.Objects, "object_list", next_url=page.Next or None, has_more=bool(page.Next)
        )


def columns_of(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """The values of typed rows by column."""
    columns: dict[str, list[Any]] = {}
    _gather(rows, rows[0]._plan, columns)
    return columns


def _gather(blocks: Sequence[Any], plan: Plan, columns: dict[str, list[Any]]) -> None:
    for slot, below in plan:
        values = _reader(slot)(blocks)
        if isinstance(below, str):
            columns[below] = values
        else:
            _gather([below if one is None else one for one in values], below._plan, columns)


@lru_cache(4096)
def _reader(slot: str) -> Callable[[Sequence[Any]], list[Any]]:
    """Reads one slot of many rows: an attribute that is spelled out takes half the time."""
    return eval(f"lambda blocks: [block.{slot} for block in blocks]")  # type: ignore[no-any-return]  # noqa: S307  # a name


def raw_texts(values: Collection[Any]) -> list[str | None]:
    """The JSON texts of undecoded values, as the tolerant way would write them; null is None.

    Raises:
        ValueError: If one is no JSON after all.
    """
    texts = [bytes(value) for value in values]
    # lists such as roles are few different ones, many times
    known = {one: encode(decode(one)) for one in set(texts)}
    known[b"null"] = None  # type: ignore[assignment]
    return [known[one] for one in texts]


def _struct(tree: Tree, types: Mapping[str, str], dropped: Collection[str]) -> type[msgspec.Struct]:
    fields: list[Any] = []
    rename: dict[str, str] = {}
    plan: Plan = []
    for number, (field, below) in enumerate(tree.items()):
        # a slot cannot have any name that a JSON field can have; those with `_` in front are ours
        slot = field if _is_plain_name(field) else f"_{number}"
        rename[slot] = field
        if isinstance(below, dict):
            nested = _struct(below, types, dropped)
            fields.append((slot, nested | None, None))
            plan.append((slot, nested()))
            continue
        kind = _JSON[types[below]] if below in types else msgspec.Raw
        fields.append((slot, kind, _NULL if kind is msgspec.Raw else None))
        if below not in dropped:
            plan.append((slot, below))
    struct: type[msgspec.Struct] = msgspec.defstruct(
        "Block",
        fields,
        rename=rename,
        forbid_unknown_fields=True,
        gc=False,
        namespace={"_plan": plan},
    )
    return struct


_CAN_BE_NAMED = re.compile(r'[^"\\\x00-\x1f]+')
"""Names that msgspec takes for a field; a body with any other is read the tolerant way."""


def _is_plain_name(field: str) -> bool:
    return field.isidentifier() and field.isascii() and field[0] != "_" and not iskeyword(field)


_FIRST_KEY = re.compile(rb'\s*\{\s*"(\w+)"')
