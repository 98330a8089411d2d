"""Is it there, is its certificate good, is it a Brightspace, does its clock agree with ours?

All of this is asked anonymously, over connections of its own: one attempt, and short waits, so that
a wrong host is named within five seconds.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from d2l_brightspace.client.errors import (
    BrightspaceError,
    RequestContext,
    ServiceUnavailable,
    Unreachable,
)
from d2l_brightspace.client.http.failures import cause_of
from d2l_brightspace.client.http.messages import HttpRequest, HttpResponse
from d2l_brightspace.client.http.origins import is_loopback
from d2l_brightspace.client.http.transport import OversizedBody, Transport, TransportFailure
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.observations import clock_skew
from d2l_brightspace.client.sending.first_contact import FirstContact
from d2l_brightspace.client.sending.response_policy import Accept, Outcome, classify
from d2l_brightspace.client.sending.sender import HOST
from d2l_brightspace.client.versions import WRITTEN_FOR, Versions, number
from d2l_brightspace.printable import printable

from .findings import Finding, words

SECTION = "host"
_CONNECT_SECONDS = 4.0
_ANSWER_SECONDS = 30.0
_SKEW_SECONDS = 60.0
"""A service user's assertion lives for less, so a clock that is off by more may have it refused."""


@dataclass
class HostCheck:
    """What is known of a host."""

    findings: list[Finding] = field(default_factory=list)
    is_reached: bool = False
    is_brightspace: bool = False


def check_host(base_url: str, pinned: Mapping[str, str | None]) -> HostCheck:
    """Ask a host for the versions of its API.

    Args:
        base_url: `https://school.brightspace.com/d2l/api/`.
        pinned: API versions the user insists on, by product code.
    """
    check = HostCheck()
    name = urlsplit(base_url).netloc
    began = time.time()
    try:
        with _Asking(base_url) as asking:
            response = asking.get(f"{base_url}versions/")
            ended = time.time()
            check.is_reached = True
            secure = base_url.startswith("https:")
            text = "answers, and its certificate is good" if secure else "answers over plain HTTP"
            check.findings.append(Finding(SECTION, name, "OK", text))
            check.findings += _about_brightspace(check, base_url, response, asking)
    except BrightspaceError as error:
        check.findings.append(Finding(SECTION, name, "failed", error.message))
        return check
    check.findings.append(_about_clock(response, began, ended))
    if check.is_brightspace:
        check.findings += _about_versions(response.json(), pinned)
    return check


class _Asking:
    """Sends single anonymous requests to one host.

    Raises:
        ConfigurationError: If only a setting cures that it is not reached.
        ServiceUnavailable: If it is not reached.
    """

    def __init__(self, base_url: str) -> None:
        self._contact = FirstContact(HOST, ServiceUnavailable, unreached=Unreachable)
        parts = urlsplit(base_url)
        try:
            addresses = 1 if _by_proxy(base_url) else _look_up(parts.hostname or "", parts.netloc)
        except TransportFailure as failure:
            raise self._contact.no_answer(failure, _WHERE).error from None
        limits = Limits(
            # each address of a name gets this time
            connect_seconds=max(_CONNECT_SECONDS / addresses, 1.0),
            response_seconds=_ANSWER_SECONDS,
        )
        self._transport = Transport(limits)

    def __enter__(self) -> _Asking:  # noqa: PYI034  # Self is not in Python 3.10
        return self

    def __exit__(self, *_exc: object) -> None:
        self._transport.close()

    def get(self, url: str) -> HttpResponse:
        """Send one request."""
        try:
            return self._transport.exchange(HttpRequest.get(url))
        except TransportFailure as failure:
            raise self._contact.no_answer(failure, _WHERE).error from None
        except OversizedBody:
            raise ServiceUnavailable("The answer is far larger than a list of versions") from None


def _by_proxy(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    has_proxy = parts.scheme in proxies or "all" in proxies or "ALL_PROXY" in os.environ
    return has_proxy and not is_loopback(host) and not proxy_bypass(host)


def _look_up(host: str, shown: str) -> int:
    """The number of addresses of a name, within a time that no resolver keeps to by itself."""
    found: list[Any] = []

    def look() -> None:
        try:
            found.append(socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            found.append(error)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_CONNECT_SECONDS)
    if not found:
        found.append(socket.gaierror(socket.EAI_AGAIN, "no answer"))
    if isinstance(found[0], BaseException):
        raise TransportFailure(cause_of(found[0]), delivered=False, host=shown)
    return max(len(found[0]), 1)


def _about_brightspace(
    check: HostCheck, base_url: str, response: HttpResponse, asking: _Asking
) -> Iterator[Finding]:
    outcome = classify(response, _WHERE)
    if isinstance(outcome, Accept) and _is_list_of_products(outcome.body):
        check.is_brightspace = True
        yield Finding(SECTION, "Brightspace", "OK", "it answers with the versions of its API")
        return
    if response.status_code in _BUSY:
        text = f"it is busy or down for maintenance (status {response.status_code}): run later"
    else:
        seen = _what_answers(response, outcome).rstrip(".")
        text = f"{seen}. {_what_it_may_be(base_url, asking)}"
    yield Finding(SECTION, "Brightspace", "failed", text)


def _what_answers(response: HttpResponse, outcome: Outcome) -> str:
    if response.is_redirect:
        place = urlsplit(response.headers["Location"]).netloc or "another page"
        return f"It sends whoever asks to {printable(place, 100)}"
    if isinstance(outcome, Accept):
        return "It answers with something else than a list of versions"
    error = getattr(outcome, "error", None)
    return words(error) if error else f"It answers {response.status_code}"


def _what_it_may_be(base_url: str, asking: _Asking) -> str:
    if _log_in_route_is_brightspace(base_url, asking):
        return "Its log-in route answers as a Brightspace's does: its API may be switched off."
    return f"It is no Brightspace. Check `host`; example: {HOST.example}."


def _log_in_route_is_brightspace(base_url: str, asking: _Asking) -> bool:
    """Whether the action that cancels a log-in answers 403, which is all that it ever does."""
    try:
        answer = asking.get(f"{base_url.removesuffix('api/')}auth/api/cancel")
    except BrightspaceError:
        return False
    return answer.status_code == 403


def _is_list_of_products(body: Any) -> bool:
    return isinstance(body, list) and any(
        isinstance(one, dict) and "ProductCode" in one for one in body
    )


def _about_clock(response: HttpResponse, began: float, ended: float) -> Finding:
    skew = clock_skew(response.headers, began, ended)
    if skew is None:
        return Finding(SECTION, "clock", "not checked", "the answer has no Date")
    if abs(skew) <= _SKEW_SECONDS:
        return Finding(SECTION, "clock", "OK", "this machine's and the host's agree")
    which = "behind" if skew > 0 else "ahead of"
    return Finding(
        SECTION,
        "clock",
        "warning",
        f"this machine's is {abs(skew):,.0f} s {which} the host's: set it right, as a service "
        "user's log-in may be refused for it (ID-Key signatures are corrected)",
    )


class _Answered:
    """Gives the list of versions that was read already."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def get_json(self, _path: str, *, anonymous: bool = False) -> Any:
        """The list."""
        return self._body

    def post_json(self, _path: str, _body: Any, *, anonymous: bool = False) -> Any:
        """Nothing is sent."""
        raise NotImplementedError


def _about_versions(body: Any, pinned: Mapping[str, str | None]) -> Iterator[Finding]:
    versions = Versions(_Answered(body), pinned)
    for product in ("lp", "le"):
        name = f"API {product}"
        try:
            spoken = versions.spoken(product)
        except BrightspaceError as error:
            yield Finding(SECTION, name, "failed", words(error))
            continue
        newest = max(_supported(body, product), key=number, default="none")
        text = f"{spoken} is used; newest there {newest}, newest here {WRITTEN_FOR[product]}"
        notes = [note for note in versions.notes if f"`{product}`" in note]
        yield Finding(SECTION, name, "warning" if notes else "OK", " ".join([text, *notes]))


def _supported(body: Sequence[Any], product: str) -> list[str]:
    for block in body:
        if isinstance(block, dict) and str(block.get("ProductCode")).lower() == product:
            listed = block.get("SupportedVersions") or []
            return [one for one in listed if isinstance(one, str) and _is_version(one)]
    return []


def _is_version(text: str) -> bool:
    return len(text) < 20 and all(part.isdecimal() for part in text.split("."))


_WHERE = RequestContext("versions/")
_BUSY = frozenset({429, 500, 502, 503, 504})
