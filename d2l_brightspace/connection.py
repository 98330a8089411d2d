"""From settings to a session: what every part that talks to Brightspace begins with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import dlt
from dlt.common.configuration import with_config

from .client.auth.credentials import BrightspaceCredentials
from .client.http.transport import Transport
from .client.limits import Limits
from .client.session import BrightspaceSession
from .dlt_compat.source_functions import settings_of
from .setting_checks import checked_settings
from .setting_names import declare
from .settings import SECTION, base_url, checked_version, resolve


def connect(
    host: str,
    credentials: BrightspaceCredentials,
    *,
    pinned: Mapping[str, str | None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> BrightspaceSession:
    """What talks to one Brightspace for one run; sends nothing yet.

    Args:
        host: As in `d2l_brightspace_source`.
        credentials: As in `d2l_brightspace_source`.
        pinned: API versions the user insists on, by product code.
        sleep: Waits for so many seconds.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    limits: Limits = resolve(Limits())
    transport = Transport(limits)
    return BrightspaceSession(
        base_url(host),
        credentials.authenticator(transport),
        transport,
        limits,
        pinned={
            product: checked_version(f"{product}_version", version)
            for product, version in (pinned or {}).items()
        },
        sleep=sleep,
    )


def configured_session(sleep: Callable[[float], None] = time.sleep) -> BrightspaceSession:
    """A session by the settings that the source would use; arguments and errors as in `connect`."""
    with checked_settings((SECTION,), settings_of(_settings)):
        host, credentials, pinned = _settings()
    return connect(host, credentials, pinned=pinned, sleep=sleep)


def configured_credentials() -> BrightspaceCredentials:
    """The credentials that the source would use."""
    return _settings()[1]


@with_config(sections=("sources", SECTION))
def _settings(
    host: str = dlt.config.value,
    credentials: BrightspaceCredentials = dlt.secrets.value,
    lp_version: str | None = None,
    le_version: str | None = None,
) -> tuple[str, BrightspaceCredentials, dict[str, str | None]]:
    return host, credentials, {"lp": lp_version, "le": le_version}


declare(SECTION, settings_of(_settings))
