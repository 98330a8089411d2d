"""One HTTP exchange: a request out, a whole answer in, bounded in time and size.

The layer below everything else. It adds no credential, follows no redirect, keeps no cookie and
judges no status; it makes sure that an answer is complete before anybody looks at it.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from d2l_brightspace.client.limits import Limits

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
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._adapter = _Adapter(
            pool_connections=4, pool_maxsize=limits.requests_in_flight + 8, max_retries=0
        )
        logging.getLogger("urllib3.connectionpool").addFilter(_without_query)
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
        return self._whole(
            self._open(request, self._limits.connect_seconds, self._limits.response_seconds)
        )

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _upload(self, request: requests.PreparedRequest, body: FileUpload) -> requests.Response:
        body.sent_whole = False
        # urllib3 sends under the time for connecting, and a line may well stall for longer than
        # that; how long the whole upload takes is a matter of the line
        return self._whole(
            self._open(request, self._limits.response_seconds, self._limits.upload_seconds)
        )

    def _whole(self, response: requests.Response) -> requests.Response:
        try:
            response._content = b"".join(self._read(response))
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
        answer = response.raw._original_response
        if isinstance(answer, _Answer):
            answer.may_take_long()
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
        except requests.exceptions.ReadTimeout:
            raise self._too_slow() from None
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
            # `read1` hands out what is there, so that a break costs nothing that has arrived
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailure(_kind(error)) from None

    def _read(self, response: requests.Response) -> Iterator[bytes]:
        room = int(self._limits.max_body_megabytes * 1024 * 1024)
        try:
            # `read1` inflates no more than asked for, so a small body cannot fill the memory
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                room -= len(chunk)
                if room < 0:
                    raise OversizedBody
                yield chunk
        except urllib3.exceptions.ReadTimeoutError:
            raise self._too_slow() from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailure(_kind(error)) from None

    def _too_slow(self) -> TransportFailure:
        return TransportFailure(f"the answer took longer than {self._limits.response_seconds:g} s")


class _Deadline(io.RawIOBase):
    """Reads a socket whose timeout is for all reads together, not for each."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)
        self._timeout = connection.gettimeout()
        self._ends_at: float | None = time.monotonic() + (self._timeout or 0.0)

    def lift(self) -> None:
        """Let each read have its own time again."""
        self._ends_at = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._timeout is None or self._ends_at is None:
            return self._raw.readinto(buffer)
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._connection.settimeout(self._timeout)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that has one deadline for status line, headers and body: none may trickle."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self._deadline = _Deadline(sock)
        self.fp = io.BufferedReader(self._deadline)

    def may_take_long(self) -> None:
        """Lift the deadline from the body; each silence in it is bounded still."""
        self._deadline.lift()


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = _Answer


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = _Answer


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    """Makes connections whose answers have a deadline, with and without a proxy."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


def _without_query(record: logging.LogRecord) -> bool:
    """Keep queries out of the log: an ID-Key signature is in there."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            one.partition("?")[0] if isinstance(one, str) else one for one in record.args
        )
    return True


def within_origin(link: str, base: str) -> str | None:
    """The absolute URL that a link on a page leads to; None if credentials must not go there.

    Args:
        link: As it arrived: absolute, relative, or no URL at all.
        base: URL of the page.
    """
    try:
        url = urljoin(base, link)
        return url if _origin(url) == _origin(base) else None
    except ValueError:
        return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("a URL with user information has no origin to trust")
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _sent_whole(request: requests.PreparedRequest) -> bool:
    return not isinstance(request.body, FileUpload) or request.body.sent_whole


def _cause(error: BaseException) -> object:
    inner = error.args[0] if error.args else None
    return getattr(inner, "reason", inner)


def _kind(error: BaseException) -> str:
    cause = _cause(error)
    name = type(cause).__name__ if isinstance(cause, BaseException) else type(error).__name__
    return f"the connection failed ({name})"
