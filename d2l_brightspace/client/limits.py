"""The settings that bound a run: retries, waits, deadlines, sizes, requests in flight."""

from __future__ import annotations

import math
from typing import ClassVar

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

from .errors import ConfigurationError


@configspec
class Limits(BaseConfiguration):
    """Section `[sources.d2l_brightspace_source.limits]`; every value has a default."""

    __section__: ClassVar[str] = "limits"

    requests_in_flight: int = 20
    """Requests sent side by side when a list is read for each course."""
    max_attempts: int = 5
    """Attempts for one request that fails by 5xx or on the wire, the first one included."""
    backoff_seconds: float = 1.0
    """Delay after the first failed attempt; each further one doubles it."""
    max_wait_seconds: float = 300.0
    """Longest delay Brightspace may ask for (429, 403 with `Retry-After`) before the run stops."""
    connect_seconds: float = 10.0
    """Time to open a connection."""
    response_seconds: float = 120.0
    """Time for one whole response, first byte to last."""
    upload_seconds: float = 3600.0
    """Time for Brightspace to answer an upload once the whole file is there."""
    max_body_megabytes: float = 100.0
    """Size of one response body after decompression."""
    max_pages: int = 100_000
    """Pages of one list; a server that never comes to an end must not keep a run busy for ever."""

    max_undeclared_fields: int = 500
    """Fields of one table that D2L does not document; each of them becomes a column."""

    def on_resolved(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: If a limit is out of range.
        """
        for name in ("requests_in_flight", "max_attempts", "max_pages", "max_undeclared_fields"):
            if getattr(self, name) < 1:
                raise ConfigurationError(_out_of_range(name, getattr(self, name), "1 or more"))
        for name in _SIZES:
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigurationError(
                    _out_of_range(name, getattr(self, name), "more than 0 and finite")
                )
        for name in ("backoff_seconds", "max_wait_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(
                    _out_of_range(name, getattr(self, name), "0 or more and finite")
                )


_SIZES = ("connect_seconds", "response_seconds", "upload_seconds", "max_body_megabytes")


def _out_of_range(name: str, value: float, allowed: str) -> str:
    default = getattr(Limits, name)
    return (
        f"Setting `limits.{name}` is {value}, but must be {allowed}; "
        f"the default is {name} = {default}."
    )
