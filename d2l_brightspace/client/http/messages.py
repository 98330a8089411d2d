"""A request and its answer, as light as one exchange needs them.

`requests` builds and copies some thirty objects for each exchange, which is most of what a small
one costs. These two hold what is put on the wire and what came back, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from requests import PreparedRequest, Request

from d2l_brightspace.client.json_codec import decode

HEADERS: Mapping[str, str] = {
    "User-Agent": "d2l-brightspace (dlt source)",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
"""What every request of ours says of itself."""


class SignableRequest(Protocol):
    """What a credential is put on: an `HttpRequest`, or a `PreparedRequest` of requests."""

    method: Any
    url: Any
    headers: Any


class HttpRequest:
    """A request that is about to be sent.

    Args:
        method: HTTP method in capitals.
        url: Absolute, with nothing in it that had to be escaped.
        headers: Headers of its own; a credential is added to them.
        body: None, bytes, text or a `FileUpload`.
    """

    __slots__ = ("body", "headers", "method", "url")

    def __init__(
        self, method: str, url: str, headers: MutableMapping[str, str], body: Any = None
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body

    @classmethod
    def get(cls, url: str) -> HttpRequest:
        """A GET for a URL as it was put together or arrived in a link.

        Raises:
            requests.RequestException: If it is no URL.
        """
        if not _ESCAPED.fullmatch(url):
            url = Request("GET", url).prepare().url or url
        return cls("GET", url, dict(HEADERS))

    @classmethod
    def of(cls, prepared: PreparedRequest) -> HttpRequest:
        """What `requests` prepared."""
        headers = {name: str(value) for name, value in prepared.headers.items()}
        return cls(prepared.method or "GET", prepared.url or "", headers, prepared.body)

    def at(self, url: str) -> HttpRequest:
        """The same request for another URL, with headers that can be changed."""
        return HttpRequest(self.method, url, dict(self.headers), self.body)


class Headers(Mapping[str, str]):
    """Headers of an answer; case does not count, and repeated ones are joined by commas."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        values: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            values[key] = f"{values[key]}, {value}" if key in values else value
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header."""
        return self._values.get(name.lower(), default)


class HttpResponse:
    """A whole answer, named as `requests` names its parts.

    Attributes:
        status_code: HTTP status.
        headers: Its headers.
        content: Its body, decompressed.
        url: What was asked for; whoever signs URLs takes the signature out of it.
        request: What was sent.
    """

    __slots__ = ("content", "headers", "request", "status_code", "url")

    def __init__(
        self,
        status_code: int,
        headers: Headers,
        content: bytes = b"",
        url: str = "",
        request: SignableRequest | None = None,
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content
        self.url = url
        self.request = request

    @property
    def is_redirect(self) -> bool:
        """Whether it names another place to ask."""
        return self.status_code in _REDIRECTS and "location" in self.headers

    @property
    def text(self) -> str:
        """The body as text."""
        charset = _CHARSET.search(self.headers.get("Content-Type", ""))
        try:
            return self.content.decode(charset[1] if charset else "utf-8", "replace")
        except LookupError:  # no such character set
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: If it is none.
            RecursionError: If it is nested too deep.
        """
        return decode(self.content)


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_ESCAPED = re.compile(r"https?://[\w.:\[\]-]+/(?:[\w!$&-;=?@\[\]~]|%[0-9A-Fa-f]{2})*", re.ASCII)
