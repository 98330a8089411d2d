"""Sending one request until there is an answer to take.

Every attempt goes through here: version and credential are put on at that moment, the origin is
pinned, redirects are walked, the rate headers are read, a 401 is cured once, the answer is
classified.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Any

from requests import PreparedRequest, RequestException

from d2l_brightspace.client.auth.credentials import Authenticator
from d2l_brightspace.client.errors import (
    BrightspaceError,
    ProtocolError,
    RequestContext,
    ServiceUnavailable,
    Unreachable,
)
from d2l_brightspace.client.http.messages import HttpRequest, HttpResponse
from d2l_brightspace.client.http.origins import is_plain, within_brightspace
from d2l_brightspace.client.http.transport import OversizedBody, Transport, TransportFailure
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.routes import VERSION, Route

from .first_contact import FirstContact, HostSetting
from .rate_limiter import RateLimiter
from .response_policy import (
    Accept,
    CorrectClock,
    Fail,
    Outcome,
    RenewCredential,
    Retry,
    Wait,
    classify,
    classify_once,
)
from .retry_budget import RetryBudget

MOST_REDIRECTS = 5
HOST = HostSetting(
    "host", 'host = "school.brightspace.com", the name in the address bar of a browser'
)
Observer = Callable[[HttpRequest, HttpResponse, float], None]
"""Gets each request, its answer and the seconds that took."""


class Sender:
    """Sends the requests of one run; shared by all its threads.

    Args:
        base_url: `https://host/d2l/api/`; credentials stay on its host, below `/d2l/`.
        authenticator: Puts credentials on requests.
        transport: Does single exchanges.
        limits: Retries, waits and sizes.
        spoken_version: Tells which version of a product to speak; may send requests itself.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        base_url: str,
        authenticator: Authenticator,
        transport: Transport,
        limits: Limits,
        spoken_version: Callable[[str], str],
        sleep: Callable[[float], None],
    ) -> None:
        self.base_url = base_url
        self.limits = limits
        self.transport = transport
        self.rate_limiter = RateLimiter(limits.max_wait_seconds, sleep=sleep)
        self._authenticator = authenticator
        self._spoken_version = spoken_version
        self._sleep = sleep
        self._slots = BoundedSemaphore(limits.requests_in_flight)
        self._contact = FirstContact(HOST, ServiceUnavailable, unreached=Unreachable)
        self.observer: Observer | None = None

    def ask(
        self, request: str | PreparedRequest, route: Route, where: RequestContext
    ) -> tuple[Any, str]:
        """Send until there is an answer to take.

        Args:
            request: A URL to GET, with `(version)` where the version goes; or a request of
                another method, as requests prepared it.
            route: What is known of its route; its `parse` reads the body.
            where: Route and parents, for the error text.

        Returns:
            What `route.parse` made of the body, and the URL it came from, without a signature.

        Raises:
            BrightspaceError: If there is no answer to take.
        """
        self._contact.check()
        budget: RetryBudget | None = None
        # may ask Brightspace itself, so not within a turn
        wanted = self.with_version(_unsent(request, where))
        while True:
            sent: HttpRequest | None = None
            try:
                with self.rate_limiter.turn(costs=not route.anonymous) as learn:
                    sent, response = self._walk(wanted, route, where)
                    learn(response)
                outcome = classify(response, where, route.scope, route.parse)
            except TransportFailure as failure:
                broken = self._contact.no_answer(failure, where)
                outcome = Retry(broken.error, failure.delivered, attempts=broken.attempts)
            if route.once:
                outcome = classify_once(outcome)
            if isinstance(outcome, Accept):
                return outcome.body, response.url
            budget = budget or RetryBudget(self.limits, where)
            self.recover(outcome, sent, budget)

    def recover(self, outcome: Outcome, sent: HttpRequest | None, budget: RetryBudget) -> None:
        """Do what makes another try worth it.

        Raises:
            BrightspaceError: If nothing would.
        """
        if isinstance(outcome, Retry):
            delay = self._delay(outcome, budget)
            with self.rate_limiter.activity.delay(delay):
                self._sleep(delay)
        elif isinstance(outcome, Wait):
            self.rate_limiter.hold_all(budget.delay_asked_for(outcome.seconds))
            budget.check()
        elif isinstance(outcome, RenewCredential):
            budget.once("renewal", outcome.error)
            if sent is None or not self._authenticator.renew(sent):
                raise outcome.error
        elif isinstance(outcome, CorrectClock):
            budget.once("clock", outcome.error)
            if not self._authenticator.learn_server_time(outcome.server_time):
                raise outcome.error
        elif isinstance(outcome, Fail):
            raise outcome.error

    def _delay(self, outcome: Retry, budget: RetryBudget) -> float:
        try:
            return budget.delay_before_retry(outcome.error, outcome.after, outcome.attempts)
        except BrightspaceError as error:
            self._contact.give_up(error)
            raise

    def _walk(
        self, request: HttpRequest, route: Route, where: RequestContext
    ) -> tuple[HttpRequest, HttpResponse]:
        """Send a request and follow redirects below `/d2l/`, with credentials anew each."""
        url = request.url
        for _ in range(MOST_REDIRECTS):
            sent = self.ready(request, url, route)
            try:
                with self._slots:
                    began = time.perf_counter()
                    response = self.transport.exchange(sent)
                self._contact.is_made = True
                if self.observer is not None:
                    self.observer(sent, response, time.perf_counter() - began)
            except OversizedBody:
                raise ProtocolError(
                    f"The answer is larger than {self.limits.max_body_megabytes:g} MB; if that "
                    "is right, raise `limits.max_body_megabytes`",
                    where,
                ) from None
            response.url = url  # without the signature: URLs end up in messages and traces
            if not response.is_redirect:
                return sent, response
            target = within_brightspace(response.headers["Location"], url)
            if target is None:
                raise ProtocolError(
                    "Redirected to another host or scheme, or out of /d2l/, which is not "
                    "followed; check the `host` setting",
                    where,
                )
            url = target
        raise ProtocolError(f"More than {MOST_REDIRECTS} redirects", where)

    def ready(self, request: HttpRequest, url: str, route: Route) -> HttpRequest:
        """The request as it goes out now, with credentials.

        Raises:
            ProtocolError: If the URL leads to another origin, or out of `/d2l/`.
        """
        ours = url.startswith(self.base_url) and is_plain(url)
        if not ours and within_brightspace(url, self.base_url) is None:
            raise ProtocolError(
                "The link leads to another host or scheme, or out of /d2l/, where credentials "
                "are not sent",
                RequestContext(route.template),
            )
        ready = request.at(url)
        if not route.anonymous:
            self._authenticator.authenticate(ready)
        return ready

    def with_version(self, request: HttpRequest) -> HttpRequest:
        """The request with a version in place of `(version)`."""
        url = self.versioned(request.url)
        return request if url == request.url else request.at(url)

    def versioned(self, url: str) -> str:
        """A URL with a version in place of `(version)`; may send the request for versions."""
        head, placeholder, tail = url.partition(VERSION)
        if not placeholder:
            return url
        return head + self._spoken_version(head.rstrip("/").rsplit("/", 1)[1]) + tail


def _unsent(request: str | PreparedRequest, where: RequestContext) -> HttpRequest:
    if not isinstance(request, str):
        return HttpRequest.of(request)
    try:
        return HttpRequest.get(request)
    except RequestException:
        raise ProtocolError("The link is no URL", where) from None
