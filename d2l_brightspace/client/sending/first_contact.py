"""A host that was never reached: few attempts, and advice on its setting.

Once a host has answered, whatever breaks may pass and is tried again as often as the settings say.
Before that a wrong setting is by far more likely, and who typed it is waiting for the message.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

from d2l_brightspace.client.errors import BrightspaceError, ConfigurationError, RequestContext
from d2l_brightspace.client.http.failures import FailureKind
from d2l_brightspace.client.http.transport import TransportFailure


@dataclass(frozen=True)
class HostSetting:
    """The setting that names a host."""

    name: str
    example: str


@dataclass(frozen=True)
class NoAnswer:
    """What to raise after an exchange that broke, and how often to try before."""

    error: BrightspaceError
    attempts: int | None = None
    """At most so many attempts; None for as many as the settings allow."""


class FirstContact:
    """Whether a host was ever reached; shared by all threads of a run.

    Args:
        setting: Names the host.
        passing: What a failure is that may pass by itself.
        unreached: The same as long as the host has never answered.
        clock: Monotonic seconds, replaced in tests.
    """

    def __init__(
        self,
        setting: HostSetting,
        passing: type[BrightspaceError],
        unreached: type[BrightspaceError],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_made = False
        """Whether the host has answered; whoever sends sets it."""
        self._setting = setting
        self._passing = passing
        self._unreached = unreached
        self._clock = clock
        self._given_up: tuple[BrightspaceError, float] | None = None

    def check(self) -> None:
        """Do not try at all what another thread has given up just now.

        Raises:
            BrightspaceError: What the other thread raised.
        """
        if self._given_up is None or self.is_made:
            return
        error, at = self._given_up
        if self._clock() - at < _REMEMBERED_SECONDS:
            raise copy.copy(error)

    def give_up(self, error: BrightspaceError) -> None:
        """Note that a host was not reached, for the other threads."""
        if not self.is_made:
            self._given_up = (copy.copy(error), self._clock())

    def no_answer(self, failure: TransportFailure, where: RequestContext) -> NoAnswer:
        """What to do after an exchange that broke.

        Args:
            failure: How it broke.
            where: For the error text.
        """
        host = failure.host or "the host"
        kind, remedy = failure.cause.kind, failure.cause.remedy
        error = self._passing if self.is_made else self._unreached
        if self.is_made or kind == "broken":
            return NoAnswer(error(f"No answer from {host}: {failure.reason}", where))
        advice = _ADVICE.get(kind, _CHECK).format(setting=self._setting)
        if remedy:
            advice = f"{advice} {remedy}."
        if kind in _LASTING:
            message = f"{host} cannot be reached: {failure.reason}. {advice}"
            return NoAnswer(ConfigurationError(message, where), _LASTING[kind])
        message = f"No answer from {host}: {failure.reason}. {advice} {_LATER}"
        return NoAnswer(error(message, where), _ATTEMPTS)


_REMEMBERED_SECONDS = 30.0
_ATTEMPTS = 2
"""On a host that was never reached: one more, as networks and name servers hiccup."""
_LASTING: dict[FailureKind, int] = {
    "no such name": 2,
    "certificate": 1,
    "no TLS": 1,
    "CA file": 1,
    "proxy refused": 1,
}
"""What no other attempt cures, only a setting; and the attempts all the same."""
_CHECK = "Check `{setting.name}`; example: {setting.example}."
_PROXY = "Check HTTPS_PROXY (user and password belong into it) and NO_PROXY."
_ADVICE: dict[FailureKind, str] = {
    "no TLS": "Check `{setting.name}`, the port in it most of all; example: {setting.example}.",
    "CA file": "Correct REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE), which names it.",
    "proxy refused": _PROXY,
    "proxy unreachable": _PROXY,
}
_LATER = "If that is right, look at the network (firewall, VPN, DNS), or run again later."
