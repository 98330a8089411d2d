"""One HTTP exchange: a request out, a whole answer in, bounded in time and size.

The layer below everything else. It adds no credential, follows no redirect, keeps no cookie and
classifies no status; it makes sure that an answer is complete before anybody looks at it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from urllib3.response import BaseHTTPResponse

from d2l_brightspace.client.limits import Limits

from .connections import OversizedBody, PoolAdapter, TimedAnswer, WholeAnswer, read_whole
from .failures import Cause, cause_of
from .messages import Headers, HttpRequest, HttpResponse
from .origins import is_loopback
from .private_logs import private_logs
from .uploads import FileUpload

__all__ = ["OversizedBody", "SendsOne", "Transport", "TransportFailure"]

_CHUNK_BYTES = 256 * 1024


class TransportFailure(Exception):
    """The exchange broke: nothing can be said about what the server would have answered.

    Args:
        cause: What broke, without URL, host or body.
        delivered: False if the whole request certainly never reached the server.
        host: Who was asked, with the port where that is not the usual one.
    """

    def __init__(self, cause: Cause | str, *, delivered: bool = True, host: str = "") -> None:
        self.cause = Cause("broken", cause) if isinstance(cause, str) else cause
        self.reason = self.cause.text
        super().__init__(self.reason)
        self.delivered = delivered
        self.host = host


@dataclass(frozen=True)
class _Origin:
    """Where the requests for one scheme, host and port go."""

    pool: urllib3.HTTPConnectionPool
    host: str
    """As the `Host` header says it."""
    prefix: str
    """What goes before the path: the origin itself where a proxy is asked, else nothing."""
    is_short: bool
    """Whether its connections read a whole answer by themselves."""


class SendsOne(Protocol):
    """What does single exchanges; a transport does."""

    def exchange(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read its answer whole."""


class Transport:
    """Sends requests and reads their answers whole; safe to share between threads.

    Args:
        limits: Time and size bounds.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._room = int(limits.max_body_megabytes * 1024 * 1024)
        self._adapter = PoolAdapter(
            self._room, pool_connections=4, pool_maxsize=limits.requests_in_flight + 8
        )
        self._lock = threading.Lock()
        self._logs = ExitStack()
        # for a transport that nobody closes
        weakref.finalize(self, self._logs.close)
        self._origins: dict[str, _Origin] = {}
        self._timeout = _timeout(limits.connect_seconds, limits.response_seconds)

    def exchange(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read its answer whole.

        Args:
            request: Ready to send; its host is contacted as it is.

        Returns:
            The answer of any status, redirects included, with its body in memory.

        Raises:
            TransportFailure: If no whole answer arrived in time.
            OversizedBody: If the body is larger than the limit.
        """
        origin, target = self._route(request.url)
        if request.method == "GET" and request.body is None and origin.is_short:
            answer: WholeAnswer = self._send(request, origin, target, self._timeout, whole=True)
            return HttpResponse(answer.status, answer.headers, answer.data, request.url, request)
        response = self._send(request, origin, target, self._timeout_of(request), whole=False)
        try:
            return _response(response, request, self._read(response, origin))
        except BaseException:
            response.close()
            raise
        finally:
            response.release_conn()

    def close(self) -> None:
        """Close all connections; the log of urllib3 is its own again."""
        with self._lock:
            self._origins.clear()
            self._adapter.close()
            self._logs.close()

    @contextmanager
    def streamed(self, request: HttpRequest) -> Iterator[tuple[HttpResponse, Iterator[bytes]]]:
        """Send one request and read the body of its answer piece by piece, of any size.

        No time limit holds for the whole body, but `response_seconds` for each silence in it.

        Args:
            request: Ready to send; its host is contacted as it is.

        Yields:
            The answer of any status, without its body, and the pieces of that as they were sent.

        Raises:
            TransportFailure: If no answer arrived, or, from the pieces, if the body broke off.
        """
        origin, target = self._route(request.url)
        response = self._send(request, origin, target, self._timeout, whole=False)
        answer = response._original_response
        if isinstance(answer, TimedAnswer):
            answer.may_take_long()
        try:
            yield _response(response, request, b""), self._pieces(response, origin)
        finally:
            response.close()
            response.release_conn()

    def _send(
        self,
        request: HttpRequest,
        origin: _Origin,
        target: str,
        timeout: urllib3.Timeout,
        *,
        whole: bool,
    ) -> Any:
        request.headers["Host"] = origin.host
        if isinstance(request.body, FileUpload):
            request.body.sent_whole = False
        try:
            return origin.pool.urlopen(
                request.method,
                target,
                request.body,
                request.headers,
                retries=_NO_RETRIES,
                redirect=False,
                assert_same_host=False,
                timeout=timeout,
                preload_content=whole,
                decode_content=False,
                chunked=request.body is not None and "Content-Length" not in request.headers,
            )
        except urllib3.exceptions.ReadTimeoutError as error:
            failure = self._failure(error, origin, delivered=False)
            # for urllib3 a handshake that takes too long is a slow answer
            if failure.cause.kind == "no connection in time":
                raise failure from None
            raise self._too_slow(origin.host) from None
        # the messages of these exceptions hold the URL, so none of them is passed on
        except _NEVER_ARRIVED as error:
            raise self._failure(error, origin, delivered=False) from None
        except urllib3.exceptions.SSLError as error:
            uploaded = isinstance(request.body, FileUpload) and request.body.sent_whole
            raise self._failure(error, origin, delivered=uploaded) from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._failure(error, origin, delivered=_sent_whole(request)) from None

    def _failure(
        self, error: Exception, origin: _Origin, *, delivered: bool = True
    ) -> TransportFailure:
        cause = cause_of(error, self._limits.connect_seconds, _proxy_of(origin.pool))
        return TransportFailure(cause, delivered=delivered, host=origin.host)

    def _timeout_of(self, request: HttpRequest) -> urllib3.Timeout:
        if not isinstance(request.body, FileUpload):
            return self._timeout
        # urllib3 sends under the time for connecting, and a line may well stall for longer than
        # that; how long the whole upload takes is a matter of the line
        return _timeout(self._limits.response_seconds, self._limits.upload_seconds)

    def _route(self, url: str) -> tuple[_Origin, str]:
        """The origin of a URL, and the rest of it as it goes over the wire."""
        scheme, _, rest = url.partition("://")
        place, _, path = rest.partition("/")
        if "?" in place or "#" in rest:
            parts = urlsplit(url)
            scheme, place = parts.scheme, parts.netloc
            path = parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")
        key = f"{scheme}://{place}"
        origin = self._origins.get(key)
        if origin is None:
            with self._lock:
                origin = self._origins.get(key) or self._open(key)
                if not self._origins:
                    self._logs.enter_context(private_logs())
                self._origins[key] = origin
        return origin, f"{origin.prefix}/{path}"

    def _open(self, url: str) -> _Origin:
        """Make ready for an origin: what `HTTPS_PROXY`, `REQUESTS_CA_BUNDLE` and the like say."""
        try:
            request = requests.Request("GET", url).prepare()
            with requests.Session() as session:
                found: dict[str, Any] = dict(
                    session.merge_environment_settings(url, {}, True, None, None)
                )
            # a proxy's loopback is another machine's, and what is sent there in the clear is not
            proxies = {} if is_loopback(urlsplit(url).hostname) else found["proxies"]
            pool: Any = self._adapter.get_connection_with_tls_context(
                request, found["verify"], proxies, found["cert"]
            )
            target = self._adapter.request_url(request, proxies)
        except (requests.RequestException, OSError, ValueError) as error:
            raise TransportFailure(cause_of(error), delivered=False, host=_host(url)) from None
        return _Origin(
            pool,
            _host(url),
            target.removesuffix("/"),
            hasattr(pool.ConnectionCls, "max_body_bytes"),
        )

    def _pieces(self, response: BaseHTTPResponse, origin: _Origin) -> Iterator[bytes]:
        try:
            # `read1` hands out what is there, so that a break costs nothing that has arrived
            while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._failure(error, origin) from None

    def _read(self, response: BaseHTTPResponse, origin: _Origin) -> bytes:
        try:
            return read_whole(response, self._room)
        except urllib3.exceptions.ReadTimeoutError:
            raise self._too_slow(origin.host) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._failure(error, origin) from None

    def _too_slow(self, host: str) -> TransportFailure:
        seconds = self._limits.response_seconds
        return TransportFailure(f"the answer took longer than {seconds:g} s", host=host)


_NO_RETRIES = urllib3.Retry(False, redirect=False)
_NEVER_ARRIVED = (
    urllib3.exceptions.ConnectTimeoutError,  # `NewConnectionError` among them
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.LocationValueError,
)


def _timeout(send_seconds: float, answer_seconds: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=send_seconds, read=answer_seconds)


def _response(response: BaseHTTPResponse, request: HttpRequest, body: bytes) -> HttpResponse:
    headers = Headers(response.headers.items())
    return HttpResponse(response.status, headers, body, request.url, request)


def _host(origin: str) -> str:
    parts = urlsplit(origin)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    place = parts.netloc
    return place.removesuffix(default) if default else place


def _sent_whole(request: HttpRequest) -> bool:
    return not isinstance(request.body, FileUpload) or request.body.sent_whole


def _proxy_of(pool: urllib3.HTTPConnectionPool) -> str:
    """Host and port of the proxy of a pool, without the log-in that its address may hold."""
    proxy = pool.proxy
    return f"{proxy.host}:{proxy.port}" if proxy else ""
