"""The settings of the source, checked before the first request."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, ClassVar

from dlt.common.configuration import configspec, resolve_configuration, with_config
from dlt.common.configuration.specs import BaseConfiguration

from .client.errors import ConfigurationError
from .client.http.origins import ascii_host, is_loopback
from .client.limits import Limits
from .setting_checks import plain_setting_errors
from .setting_names import declare
from .timestamps import in_utc
from .timestamps import utc_milliseconds as utc_milliseconds  # noqa: PLC0414  # re-exported

SECTION = "d2l_brightspace_source"
"""Settings live in `[sources.d2l_brightspace_source]`."""

BEGINNING = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""Start of the logs where no `start_date` is given: before any Brightspace."""
LOG_LEVELS = ("Debug", "Info", "Warn", "Error", "Fatal")


@configspec
class LogFilter(BaseConfiguration):
    """Which log messages to load: section `[sources.d2l_brightspace_source.logging]`.

    The filters are ANDed by Brightspace (`res/apiprop`, "Logging").
    """

    __section__: ClassVar[str] = "logging"

    log_level: str | None = None
    """Levels to load, separated by commas, each exactly that level: `Error,Fatal`."""
    search: str | None = None
    """Only messages that contain this text."""
    logger_assembly: str | None = None
    """Only messages of this assembly."""
    user_id: int | None = None
    """Only messages about this user."""
    org_unit_id: int | None = None
    """Only messages about this org unit."""
    message_group_id: int | None = None
    """Only messages of this group."""
    include_traces: bool = False
    """Load stack traces as well."""
    overlap_minutes: float = 60.0
    """How far each run goes back before the newest message it has, for those written late."""

    def on_resolved(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: If a level is unknown or the overlap out of range.
        """
        for level in (self.log_level or "").split(","):
            if level and level.strip() not in LOG_LEVELS:
                raise ConfigurationError(
                    f"Setting `logging.log_level` holds {level.strip()!r}; the levels are "
                    f'{", ".join(LOG_LEVELS)}. Example: log_level = "Error,Fatal".'
                )
        if not 0 <= self.overlap_minutes < math.inf:
            raise ConfigurationError(
                f"Setting `logging.overlap_minutes` is {self.overlap_minutes}, but must be 0 or "
                "more and finite. Example: overlap_minutes = 60."
            )

    def parameters(self, resource: str) -> dict[str, Any]:
        """The query parameters for a resource, only those that are set; none for other topics."""
        if resource not in ("log_messages", "log_message_groups"):
            return {}
        levels = ",".join(level.strip() for level in (self.log_level or "").split(",") if level)
        parameters = {
            "logLevel": levels or None,
            "search": self.search,
            "loggerAssembly": self.logger_assembly,
            "userId": self.user_id,
            "orgUnitId": self.org_unit_id,
            "messageGroupId": self.message_group_id,
            # summaries of groups have no traces
            "includeTraces": "true" if self.include_traces and resource == "log_messages" else None,
        }
        return {name: value for name, value in parameters.items() if value is not None}


@configspec
class Options(BaseConfiguration):
    """What the source's signature has no room for: section `[sources.d2l_brightspace_source]`."""

    course_offerings_from: str = "auto"
    """Where the list of courses comes from; `auto` is the org structure where it may be read."""

    def on_resolved(self) -> None:
        """Check the value.

        Raises:
            ConfigurationError: If it is none of the three.
        """
        if self.course_offerings_from not in ("auto", "org_structure", "my_enrollments"):
            raise ConfigurationError(
                f"Setting `course_offerings_from` is {self.course_offerings_from!r}; it can be "
                '"auto", "org_structure" or "my_enrollments".'
            )


declare(SECTION, Limits, LogFilter, Options)


def resolve(spec: Any) -> Any:
    """Fill a configuration from `[sources.d2l_brightspace_source]` and the environment.

    Raises:
        ConfigurationError: If a value has the wrong type or is out of range.
    """
    return resolve_in(SECTION, spec)


def resolve_in(section: str, spec: Any) -> Any:
    """Fill a configuration from a section below `[sources]` and the environment.

    Raises:
        ConfigurationError: If a value has the wrong type or is out of range.
    """
    with plain_setting_errors():
        return resolve_configuration(spec, sections=("sources", section))


def base_url(host: str) -> str:
    """The API root of a host.

    Args:
        host: `school.brightspace.com`; a scheme is accepted, `http://` on loopback only.

    Returns:
        `https://school.brightspace.com/d2l/api/`.

    Raises:
        ConfigurationError: If it is no host, or plain HTTP to another machine.
    """
    parts = _HOST.fullmatch(host.strip()) if isinstance(host, str) else None
    if parts is not None:
        _check_alphabet(parts["name"])
    if parts is None or int(parts["port"] or 443) not in _PORTS or not parts["name"].isascii():
        raise ConfigurationError(
            f'Setting `host` is no host name. Example: host = "school.brightspace.com" in '
            f"[sources.{SECTION}] of .dlt/config.toml; without path, user or query."
        )
    scheme = (parts["scheme"] or "https").lower()
    name = parts["name"].strip("[]").lower()
    if scheme != "https" and not (scheme == "http" and is_loopback(name)):
        raise ConfigurationError(
            "Setting `host` asks for plain HTTP; Brightspace is called over HTTPS "
            '(http:// works for 127.0.0.1 only). Example: host = "school.brightspace.com".'
        )
    return f"{scheme}://{parts['place']}/d2l/api/"


def _check_alphabet(name: str) -> None:
    """Refuse a host name in other letters than ASCII: it may look like another's."""
    if name.isascii():
        return
    try:
        punycode = ascii_host(name)
    except ValueError:
        return
    raise ConfigurationError(
        "Setting `host` holds letters outside ASCII, and could be taken for another host. "
        f'If it is the right one, set its ASCII form: host = "{punycode}"; if you meant a '
        'name such as host = "school.brightspace.com", type it anew.'
    )


def checked_version(name: str, version: str | None) -> str | None:
    """A pinned version as it goes into a path.

    Raises:
        ConfigurationError: If it has not the form of a version.
    """
    if version is None:
        return None
    if not re.fullmatch(r"\d+\.\d+", str(version)):
        raise ConfigurationError(
            f'Setting `{name}` is {version!r}, which is no API version. Example: {name} = "1.49".'
        )
    return str(version)


def checked_org_unit_ids(ids: Sequence[int] | None) -> list[int] | None:
    """Org unit ids without repetition, in the order given.

    Raises:
        ConfigurationError: If one is no id.
    """
    if ids is None:
        return None
    try:
        checked = [int(str(one)) for one in ids]
    except (TypeError, ValueError):
        checked = [-1]
    if isinstance(ids, (str, bytes)) or not all(0 < one < _NO_ID for one in checked):
        raise ConfigurationError(
            "Setting `org_unit_ids` must be a list of org unit ids (whole numbers above 0). "
            "Example: org_unit_ids = [6606, 6607]."
        )
    return list(dict.fromkeys(checked))


def checked_start_date(start_date: str | date | None) -> datetime | None:
    """The start date in UTC; a date without a time zone is UTC.

    Raises:
        ConfigurationError: If it is no date, or one that lies ahead.
    """
    if start_date is None:
        return None
    try:
        start = in_utc(start_date)
    except (TypeError, ValueError, OverflowError):
        raise ConfigurationError(
            f"Setting `start_date` is {start_date!r}, which is no date. "
            'Example: start_date = "2026-09-01" or "2026-09-01T08:00:00Z".'
        ) from None
    # today is the future still where the day began earlier than in UTC
    if start > datetime.now(timezone.utc) + timedelta(days=1):
        raise ConfigurationError(
            f"Setting `start_date` is {start:%Y-%m-%d}, which lies ahead: no log message would be "
            'loaded. Set the first day to load. Example: start_date = "2026-09-01".'
        )
    return start


def configured_selection(
    tables: Sequence[str] | None = None, org_unit_ids: Sequence[int] | None = None
) -> tuple[list[str] | None, list[int] | None]:
    """The tables and courses of a load: those that are given, else those of the settings.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    with plain_setting_errors():
        of_settings = _selection()
    names, ids = tables or of_settings[0], org_unit_ids or of_settings[1]
    return None if names is None else list(names), checked_org_unit_ids(ids)


@with_config(sections=("sources", SECTION))
def _selection(
    tables: list[str] | None = None, org_unit_ids: list[int] | None = None
) -> tuple[list[str] | None, list[int] | None]:
    return tables, org_unit_ids


_NO_ID = 2**63
_PORTS = range(1, 2**16)
_HOST = re.compile(
    r"((?P<scheme>[a-z]+)://)?"
    r"(?P<place>(?P<name>[\w-]+(\.[\w-]+)*\.?|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?)/?",
    re.IGNORECASE,
)
