"""What is set in dlt's files, in the environment and elsewhere, without resolving anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigValueCannotBeCoercedException
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.providers.toml import TomlProviderReadException
from dlt.common.configuration.resolve import _resolve_single_value, inject_section
from dlt.common.configuration.specs import known_sections
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.pipeline import PipelineContext
from dlt.common.typing import AnyType

__all__ = [
    "DLT_SECTIONS",
    "ConfigValueCannotBeCoercedException",
    "Given",
    "SettingsFileError",
    "TomlProviderReadException",
    "active_pipeline",
    "all_settings",
    "find_place",
    "given_settings",
    "in_sections",
    "locate_toml_error",
]

DLT_SECTIONS = frozenset(
    value for name, value in vars(known_sections).items() if name.isupper()
) - {known_sections.SOURCES}
"""Sections of dlt's own that it looks for in the section of a source, such as `data_writer`."""


class Given(NamedTuple):
    """One setting that somebody has given; its value is not kept."""

    path: tuple[str, ...]
    """Section by section and then the name."""
    place: str
    """The file or variable that it is in."""
    variable: bool
    """Whether that is a variable of the environment."""


class SettingsFileError(NamedTuple):
    """Which file of settings cannot be read, where in it, and why."""

    file: str
    problem: str


def given_settings() -> list[Given]:
    """Everything that is set below `sources`, that of one pipeline only included.

    The paths begin with `sources`.
    """
    return [
        given._replace(path=given.path[start:])
        for given in all_settings()
        if (start := _start(given.path)) is not None
        and not (given.variable and not given.place.isupper())
    ]


def all_settings() -> list[Given]:
    """Everything that is set, wherever it is; the names of variables in small letters.

    Relies on the variables of the environment being named by their sections in capitals with two
    underscores between, and on the other providers keeping what they hold in `_config_doc` and
    naming its file by `get_value_location`; a provider that fetches single values lists none.
    """
    found = list(_variables())
    for provider in _providers():
        document = getattr(provider, "_config_doc", None)
        if isinstance(document, Mapping):
            found += [
                Given(path, _place(provider, path), variable=False) for path in _paths(document)
            ]
    return found


def _variables() -> Iterator[Given]:
    for name in os.environ:
        yield Given(tuple(name.lower().split("__")), name, variable=True)


def _start(path: Sequence[str]) -> int | None:
    """Where `sources` is in a path: at its beginning, or after the name of a pipeline."""
    for start in (0, 1):
        if len(path) > start + 2 and path[start] == known_sections.SOURCES:
            return start
    return None


def _paths(node: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in node.items():
        path = (*above, str(name))
        if isinstance(value, Mapping):
            yield from _paths(value, path)
        else:
            yield path


def _place(provider: ConfigProvider, path: Sequence[str]) -> str:
    return provider.get_value_location(path[-1], None, *path[:-1]) or provider.name


def _providers() -> list[ConfigProvider]:
    return list(Container()[PluggableRunContext].providers.providers)


@contextmanager
def in_sections(sections: tuple[str, ...]) -> Iterator[None]:
    """Look for settings where dlt does for a source; the active pipeline has sections of its own.

    Relies on a source being resolved with the name of the active pipeline.
    """
    with inject_section(ConfigSectionContext(pipeline_name=active_pipeline(), sections=sections)):
        yield


def active_pipeline() -> str | None:
    """The name of the active pipeline: a section in which dlt looks for everything."""
    active = Container()[PipelineContext]
    return active.pipeline().pipeline_name if active.is_active() else None


def find_place(name: str, hint: Any, section: str) -> str | None:
    """Where dlt finds a field of a block of settings; inside `in_sections`.

    Relies on `_resolve_single_value` naming in its last trace the provider that had the value.

    Args:
        name: Of the field.
        hint: Its type, by which dlt tells what is secret.
        section: Of the block, such as `credentials`.

    Returns:
        The file or variable; None where dlt finds nothing.

    Raises:
        ConfigurationException: If something secret is where secrets cannot be.
    """
    value, traces = _resolve_single_value(name, hint, AnyType, section, (), ())
    if value is None:
        return None
    found = traces[-1]
    return found.provider_location or (found.key if found.key.isupper() else found.provider)


def locate_toml_error(error: TomlProviderReadException) -> SettingsFileError:
    """The file that dlt could not read; its own message names two, and not which of them.

    Relies on `full_paths` of the error, and on dlt reading the files by tomlkit, whose errors end
    in line and column and quote no value.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    for path in error.full_paths:
        try:
            if os.path.isfile(path):  # noqa: PTH113  # as dlt asks
                with open(path, encoding="utf-8") as file:  # noqa: PTH123
                    tomlkit.load(file)
        except TOMLKitError as problem:
            return SettingsFileError(os.path.abspath(path), str(problem))  # noqa: PTH100
        except (OSError, ValueError) as problem:  # ValueError: it is no UTF-8
            return SettingsFileError(os.path.abspath(path), type(problem).__name__)  # noqa: PTH100
    return SettingsFileError(error.file_name, "it cannot be read")
