"""A file that is being downloaded: what is there, what to ask for next, when it is whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from .messages import HttpResponse
from .transport import TransportFailure


class PartialFile:
    """A download that can break off and go on (RFC 9110, 14: ranges).

    Args:
        path: File to write; begins empty.
        size: Bytes it will have, where that was announced beforehand.
        received: Called before each write with the bytes that will be there; may raise.
    """

    def __init__(
        self, path: Path, size: int = 0, received: Callable[[int], object] | None = None
    ) -> None:
        self._path = path
        self._received = received
        self._announced = size
        self._total: int | None = None
        self._validator: str | None = None
        self.received = 0
        path.write_bytes(b"")

    @property
    def request_headers(self) -> dict[str, str]:
        """Headers that ask for the rest, or for everything."""
        # ranges count bytes of what is sent, so nothing may be compressed on the way
        headers = {"Accept-Encoding": "identity"}
        if self.received:
            headers["Range"] = f"bytes={self.received}-"
            if self._validator:
                headers["If-Range"] = self._validator
        return headers

    def take(self, response: HttpResponse, chunks: Iterable[bytes]) -> None:
        """Write what an answer (200 or 206) brings.

        Raises:
            TransportFailure: If the file is not whole afterwards; what has come is kept.
        """
        self._begin(response)
        with self._path.open("r+b") as file:
            file.truncate(self.received)
            file.seek(self.received)
            for chunk in chunks:
                if self._received:
                    self._received(self.received + len(chunk))
                file.write(chunk)
                self.received += len(chunk)
        expected = self._total or self._announced
        if expected and self.received != expected:
            if self.received > expected:
                self.start_again()
            raise TransportFailure(f"{self.received} of {expected} bytes arrived")

    def start_again(self) -> None:
        """Forget what has come."""
        self.received = 0
        self._validator = None

    def _begin(self, response: HttpResponse) -> None:
        headers = response.headers
        if response.status_code == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
            if span is None or int(span[1]) != self.received:
                self.start_again()
                raise TransportFailure("another part of the file came than was asked for")
            return
        self.received = 0
        length = headers.get("Content-Length", "")
        self._total = int(length) if length.isdigit() else None
        etag = headers.get("ETag", "")
        self._validator = etag if etag and not etag.startswith("W/") else None
