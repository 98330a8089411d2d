"""What arrived: tests count on it, and nothing secret gets into it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypedDict, overload

from starlette.requests import Request

from .access import scheme_of

_SECRET = frozenset({"x_a", "x_b", "x_c", "x_d", "x_t"})


class Arrival(TypedDict):
    """One request as it was answered."""

    method: str
    path: str
    query: dict[str, str]
    status: int
    scheme: str


class Journal(Sequence[Arrival]):
    """The requests in the order of their answers, safe to read from any thread."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._in_flight = 0
        self.peak_in_flight = 0  # the most requests that were answered at the same time

    def __len__(self) -> int:
        """Return how many requests were answered."""
        with self._lock:
            return len(self._arrivals)

    @overload
    def __getitem__(self, index: int) -> Arrival: ...

    @overload
    def __getitem__(self, index: slice) -> list[Arrival]: ...

    def __getitem__(self, index: int | slice) -> Arrival | list[Arrival]:
        """Return one request or a copy of several."""
        with self._lock:
            return self._arrivals[index]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._arrivals.clear()
            self.peak_in_flight = self._in_flight

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a request while it is being answered."""
        with self._lock:
            self._in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def write(self, request: Request, status: int) -> Arrival:
        """Write down how a request was answered."""
        query = {key: value for key, value in request.query_params.items() if key not in _SECRET}
        arrival = Arrival(
            method=request.method,
            path=request.scope["path"],
            query=query,
            status=status,
            scheme=scheme_of(request),
        )
        with self._lock:
            self._arrivals.append(arrival)
        return arrival
