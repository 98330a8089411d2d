"""A look at a few lists of a table: what an administrator may read, and what a load will cost.

Of the rows only the keys are kept that lead to the lists of other tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

from d2l_brightspace.client.errors import SKIPPABLE, BrightspaceError
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.endpoints.model import COURSE_OFFERINGS, ORG_UNIT_ID, Endpoint
from d2l_brightspace.timestamps import utc_milliseconds

from .list_requests import Keys, context_of, key_of, route_of

_ROWS_TRIED = 2
"""Rows of one list whose own lists are looked at."""


@dataclass(frozen=True)
class Sample:
    """The beginning of one list."""

    rows: int
    pages: int
    is_whole: bool
    """Whether the list ended with the last page that was read."""
    keys: tuple[Keys, ...]
    """Of its rows: what the lists below need, its own parents' keys among it; never a null."""


class Sampler:
    """Reads the first pages of lists, each of them once.

    Args:
        session: Sends the requests.
        endpoints: All declarations, by name.
        courses: The courses whose lists may be looked at.
        most_pages: Pages of one list that are read at most.
    """

    def __init__(
        self,
        session: BrightspaceSession,
        endpoints: Mapping[str, Endpoint],
        courses: Sequence[int],
        most_pages: int = 1,
    ) -> None:
        self.courses = courses
        self._session = session
        self._endpoints = endpoints
        self._most_pages = most_pages
        self._known: dict[tuple[Any, ...], Sample | BrightspaceError] = {}

    def read(self, endpoint: Endpoint, keys: Keys) -> Sample:
        """The first pages of a list.

        Raises:
            BrightspaceError: If it cannot be read.
        """
        place = (endpoint.name, *sorted(keys.items()))
        if place not in self._known:
            try:
                self._known[place] = self._read(endpoint, keys)
            except SKIPPABLE as error:
                self._known[place] = error
        found = self._known[place]
        if isinstance(found, BrightspaceError):
            raise found
        return found

    def places(self, endpoint: Endpoint, at_most: int = 3) -> list[Keys]:
        """The keys of some lists of a table; none where no parent could be found.

        Raises:
            BrightspaceError: If it is for an error that no parent could be found.
        """
        return list(islice(self._places(endpoint), at_most))

    def _places(self, endpoint: Endpoint) -> Iterator[Keys]:
        if endpoint.parent is None:
            yield {}
        elif endpoint.parent == COURSE_OFFERINGS:
            yield from ({ORG_UNIT_ID: one} for one in self.courses)
        else:
            yield from self._places_below(self._endpoints[endpoint.parent], endpoint)

    def _places_below(self, parent: Endpoint, endpoint: Endpoint) -> Iterator[Keys]:
        refused: BrightspaceError | None = None
        found = False
        for place in self._places(parent):
            try:
                sample = self.read(parent, place)
            except SKIPPABLE as error:
                refused = error
                continue
            found = True
            wanted = set(endpoint.parent_columns)
            whole = (keys for keys in sample.keys if wanted <= keys.keys())
            for keys in islice(whole, _ROWS_TRIED):
                yield {name: keys[name] for name in endpoint.parent_columns}
        if refused is not None and not found:
            raise refused

    def _read(self, endpoint: Endpoint, keys: Keys) -> Sample:
        reader = self._session.list_reader(
            endpoint.url(keys, _since(endpoint)), route_of(endpoint), context_of(endpoint, keys)
        )
        columns = self._columns_below(endpoint)
        rows, pages, found = 0, 0, list[Keys]()
        while not reader.done and pages < self._most_pages:
            page = reader.read()
            pages += 1
            rows += len(page.rows)
            found += [_keys(row, columns, keys) for row in page.rows]
        return Sample(rows, pages, reader.done, tuple(found))

    def _columns_below(self, endpoint: Endpoint) -> set[str]:
        children = [one for one in self._endpoints.values() if one.parent == endpoint.name]
        return {column for child in children for column in child.parent_columns}


def _since(endpoint: Endpoint) -> dict[str, str | int]:
    """What keeps a look at the logs short."""
    if endpoint.since is None:
        return {}
    an_hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    return {endpoint.since.param: utc_milliseconds(an_hour_ago)}


def _keys(row: Any, columns: set[str], above: Keys) -> Keys:
    """The keys of a row and of its parents, as far as it has them."""
    own = {name: key_of(row, name) for name in columns - above.keys()}
    return {**above, **{name: value for name, value in own.items() if value is not None}}
