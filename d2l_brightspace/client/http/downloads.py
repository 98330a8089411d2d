"""Files of any size: a download that breaks off goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from requests import PreparedRequest, Request

from d2l_brightspace.client.errors import ProtocolError, RequestContext, ServiceUnavailable
from d2l_brightspace.client.routes import Route
from d2l_brightspace.client.sending.response_policy import (
    Accept,
    Fail,
    Outcome,
    Retry,
    classify,
)
from d2l_brightspace.client.sending.retry_budget import RetryBudget
from d2l_brightspace.client.sending.sender import MOST_REDIRECTS, Sender

from .messages import HttpRequest, HttpResponse
from .origins import within_brightspace
from .resumable_file import PartialFile
from .transport import TransportFailure


class Downloads:
    """Downloads files.

    Args:
        sender: Sends the requests.
        prepare: Makes a request ready, with no credential.
    """

    def __init__(self, sender: Sender, prepare: Callable[[Request], PreparedRequest]) -> None:
        self._sender = sender
        self._prepare = prepare

    def fetch(
        self,
        link: str,
        target: Path,
        route: Route,
        *,
        size: int = 0,
        received: Callable[[int], object] | None = None,
    ) -> None:
        """As `BrightspaceSession.download`."""
        where = RequestContext(route.template)
        budget = RetryBudget(self._sender.limits, where)
        file = PartialFile(target, size, received)
        while True:
            before, sent = file.received, None
            try:
                with self._open(link, file, route, where) as (sent, response, chunks):
                    outcome = self._take(response, chunks, file, route, where)
            except TransportFailure as failure:
                source = f" from {failure.host}" if failure.host else ""
                error = ServiceUnavailable(f"No whole file{source}: {failure.reason}", where)
                outcome = Retry(error)
            if isinstance(outcome, Accept):
                return
            if file.received > before:
                budget = RetryBudget(self._sender.limits, where)
            self._sender.recover(outcome, sent, budget)

    @contextmanager
    def _open(
        self, link: str, file: PartialFile, route: Route, where: RequestContext
    ) -> Iterator[tuple[HttpRequest, HttpResponse, Iterator[bytes]]]:
        """Ask for a file and follow redirects, also to other hosts."""
        base = self._sender.base_url
        for _ in range(MOST_REDIRECTS + 1):
            request = self._request_part(link, base, file, where)
            ours = within_brightspace(request.url, self._sender.base_url) is not None
            with ExitStack() as stack:
                with self._sender.rate_limiter.turn(costs=ours) as learn:
                    sent = self._sender.ready(request, request.url, route) if ours else request
                    response, chunks = stack.enter_context(self._sender.transport.streamed(sent))
                    learn(response)
                if not response.is_redirect:
                    yield sent, response, chunks
                    return
            link, base = response.headers["Location"], request.url
        raise ProtocolError(f"More than {MOST_REDIRECTS} redirects", where)

    def _request_part(
        self, link: str, base: str, file: PartialFile, where: RequestContext
    ) -> HttpRequest:
        """The request for a part of a file, with no credential on it."""
        try:
            url = urljoin(base, link)
            scheme, secure = urlsplit(url).scheme, urlsplit(self._sender.base_url).scheme == "https"
            wanted = self._prepare(Request("GET", url, headers=file.request_headers))
        except (ValueError, requests.RequestException):
            raise ProtocolError("The download leads to what is no URL", where) from None
        if scheme != "https" and (secure or scheme != "http"):
            raise ProtocolError("The download leads to plain HTTP, which is not followed", where)
        return self._sender.with_version(HttpRequest.of(wanted))

    def _take(
        self,
        response: HttpResponse,
        chunks: Iterator[bytes],
        file: PartialFile,
        route: Route,
        where: RequestContext,
    ) -> Outcome:
        if response.status_code in (200, 206):
            if "html" in response.headers.get("Content-Type", "").lower():
                return Fail(ProtocolError("The download is an HTML page in place of a file", where))
            file.take(response, chunks)
            return Accept(None)
        if response.status_code == 416:
            file.start_again()
            return Retry(ServiceUnavailable("The download cannot go on where it was", where))
        response.content = b"".join(islice(chunks, 1))
        return classify(response, where, route.scope)
