"""One HTTP exchange: a request out, a whole answer in, bounded in time and size.

The layer below everything else. It adds no credential, follows no redirect, keeps no cookie and
judges no status; it makes sure that an answer is complete before anybody looks at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from .limits import Limits
from .uploads import FileUpload

_CHUNK_BYTES = 256 * 1024


class TransportFailure(Exception):
    """The exchange broke: nothing can be said about what the server would have answered.

    Args:
        reason: What broke, without URL, host or body.
        delivered: False if the whole request certainly never reached the server.
    """

    def __init__(self, reason: str, *, delivered: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delivered = delivered


class OversizedBody(Exception):
    """The body is larger than `limits.max_body_megabytes` once decompressed."""


class Transport:
    """Sends prepared requests and reads their answers whole; safe to share between threads.

    Args:
        limits: Time and size bounds.
        clock: Monotonic seconds, replaced in tests.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._adapter = HTTPAdapter(
            pool_connections=4, pool_maxsize=limits.requests_in_flight + 8, max_retries=0
        )
        self._environments: dict[str, dict[str, Any]] = {}

    def exchange(self, request: requests.PreparedRequest) -> requests.Response:
        """Send one request and read its answer whole.

        Args:
            request: Ready to send; its host is contacted as it is.

        Returns:
            The answer of any status, redirects included, with its body in memory.

        Raises:
            TransportFailure: If no whole answer arrived in time.
            OversizedBody: If the body is larger than the limit.
        """
        if isinstance(request.body, FileUpload):
            return self._upload(request, request.body)
        deadline = self._clock() + self._limits.response_seconds
        response = self._open(request, self._limits.connect_seconds, self._limits.response_seconds)
        return self._whole(response, deadline)

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _upload(self, request: requests.PreparedRequest, body: FileUpload) -> requests.Response:
        body.sent_whole = False
        # urllib3 sends under the time for connecting, and a line may well stall for longer than
        # that; how long the whole upload takes is a matter of the line
        response = self._open(request, self._limits.response_seconds, self._limits.upload_seconds)
        return self._whole(response, self._clock() + self._limits.response_seconds)

    def _whole(self, response: requests.Response, deadline: float) -> requests.Response:
        try:
            response._content = b"".join(self._read(response, deadline))
        except BaseException:
            response.close()
            raise
        # requests would close a connection whose body it has not read itself; this one is reusable
        response._content_consumed = True  # type: ignore[attr-defined]
        response.raw.release_conn()
        return response

    @contextmanager
    def streamed(
        self, request: requests.PreparedRequest
    ) -> Iterator[tuple[requests.Response, Iterator[bytes]]]:
        """Send one request and read the body of its answer piece by piece, of any size.

        No time limit holds for the whole body, but `response_seconds` for each silence in it.

        Args:
            request: Ready to send; its host is contacted as it is.

        Yields:
            The answer of any status and the pieces of its body as they were sent.

        Raises:
            TransportFailure: If no answer arrived, or, from the pieces, if the body broke off.
        """
        response = self._open(request, self._limits.connect_seconds, self._limits.response_seconds)
        try:
            yield response, self._pieces(response)
        finally:
            response.close()

    def _open(
        self, request: requests.PreparedRequest, send_seconds: float, answer_seconds: float
    ) -> requests.Response:
        try:
            return self._adapter.send(
                request,
                timeout=(send_seconds, answer_seconds),
                **self._environment(request.url or ""),
            )
        # the messages of these exceptions hold the URL, so none of them is passed on
        except (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError) as error:
            raise TransportFailure(_kind(error), delivered=False) from None
        except requests.exceptions.SSLError as error:
            uploaded = isinstance(request.body, FileUpload) and request.body.sent_whole
            raise TransportFailure(_kind(error), delivered=uploaded) from None
        except requests.exceptions.ConnectionError as error:
            refused = isinstance(_cause(error), urllib3.exceptions.NewConnectionError)
            delivered = not refused and _sent_whole(request)
            raise TransportFailure(_kind(error), delivered=delivered) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransportFailure(_kind(error), delivered=_sent_whole(request)) from None

    def _environment(self, url: str) -> dict[str, Any]:
        """What `HTTPS_PROXY`, `REQUESTS_CA_BUNDLE` and the like say; read once for each origin."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._environments:
            with requests.Session() as session:
                found = session.merge_environment_settings(url, {}, True, None, None)
            self._environments[origin] = dict(found)
        return self._environments[origin]

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        try:
            while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailure(_kind(error)) from None

    def _read(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        room = int(self._limits.max_body_megabytes * 1024 * 1024)
        try:
            # `read1` returns what one read brought, so that a trickle cannot outlast the deadline
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                room -= len(chunk)
                if room < 0:
                    raise OversizedBody
                if self._clock() > deadline:
                    raise TransportFailure(
                        f"the answer took longer than {self._limits.response_seconds:g} s"
                    )
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailure(_kind(error)) from None


def same_origin(url: str, other: str) -> bool:
    """Whether two absolute URLs share scheme, host and port, and hold no user information."""
    one, two = urlsplit(url), urlsplit(other)
    if "@" in one.netloc or "@" in two.netloc:
        return False
    return _origin(one.scheme, one.hostname, one.port) == _origin(
        two.scheme, two.hostname, two.port
    )


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str | None, int | None]:
    return scheme, host, port or {"https": 443, "http": 80}.get(scheme)


def _sent_whole(request: requests.PreparedRequest) -> bool:
    return not isinstance(request.body, FileUpload) or request.body.sent_whole


def _cause(error: BaseException) -> object:
    inner = error.args[0] if error.args else None
    return getattr(inner, "reason", inner)


def _kind(error: BaseException) -> str:
    cause = _cause(error)
    name = type(cause).__name__ if isinstance(cause, BaseException) else type(error).__name__
    return f"the connection failed ({name})"
