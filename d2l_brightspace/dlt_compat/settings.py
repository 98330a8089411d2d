"""What dlt looked for where a setting was missing, and in which files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import LookupTrace, LookupTraces
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext


def blocks_tried(traces: Iterable[Any]) -> list[LookupTraces]:
    """The blocks of fields, such as the schemes of a log-in, that could have given one setting.

    Relies on the traces of a union being one `LookupTraces` for each of its members.

    Args:
        traces: Of one field of a `ConfigFieldMissingException`.
    """
    return [one for one in traces if isinstance(one, LookupTraces)]


def fields_given(block: LookupTraces) -> set[str]:
    """The fields of a block that have a value.

    Relies on `resolved_fields_set` holding those that were looked at, and `traces` the missing.
    """
    return set(block.resolved_fields_set) - set(block.traces)


def first_missing(block: LookupTraces) -> tuple[str, list[LookupTrace]]:
    """The first missing field of a block, and where dlt looked for it."""
    field, traces = next(iter(block.traces.items()))
    if nested := blocks_tried(traces):
        return first_missing(nested[0])
    return field, cast("list[LookupTrace]", traces)


def files() -> tuple[set[Path], set[Path]]:
    """The files that settings were read from, and those that were looked for and are not there.

    Relies on the providers of the run context listing `present_locations` and `locations`.
    """
    providers = Container()[PluggableRunContext].providers.providers
    read = {Path(one).resolve() for each in providers for one in each.present_locations}
    return read, {Path(one).resolve() for each in providers for one in each.locations} - read


def reload_settings() -> None:
    """Read the files of settings anew: some were written just now.

    Relies on the run context reading them when its providers are made.
    """
    Container()[PluggableRunContext].reload_providers()
