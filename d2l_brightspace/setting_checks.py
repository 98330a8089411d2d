"""Settings are looked at before dlt resolves them, and its errors about them are put in our words.

No message holds a value: whatever is in the wrong place may be a secret.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from dlt.common.configuration.exceptions import ValueNotSecretException
from dlt.common.configuration.specs import BaseConfiguration

from .client.errors import ConfigurationError
from .dlt_compat import given_settings as dlt_given
from .dlt_compat.source_functions import call_within, settings_of
from .printable import printable
from .setting_names import (
    SECTIONS,
    blocks_in,
    check_names,
    declare,
    declared_field,
    import_part,
)

_Source = TypeVar("_Source")

CREDENTIALS = "credentials"


def checked(source: _Source) -> _Source:
    """Check the settings of a source function at each call; a decorator above `dlt.source`."""
    spec = settings_of(source)

    def surroundings(section: str, name: str, given: dict[str, Any]) -> Any:
        declare(section, spec, name=name)
        return checked_settings((section, name), spec, given)

    checked_source = call_within(source, surroundings)
    declare(source.section, spec, name=source.name)  # type: ignore[attr-defined]
    return checked_source


@contextmanager
def checked_settings(
    sections: Sequence[str],
    spec: type[BaseConfiguration] | None = None,
    given: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Check settings before they are resolved inside, and say what is wrong with them.

    Args:
        sections: Below `sources`, from which they are resolved.
        spec: The block that is resolved; None to look at names and types only.
        given: Arguments that outdo settings.

    Raises:
        ConfigurationError: If a name is misspelled, the credentials are those of two schemes, a
            value has the wrong type, or a file cannot be read.
    """
    with plain_setting_errors():
        check_names()
        # who passes credentials in Python means them
        if spec is not None and not _is_given((given or {}).get(CREDENTIALS)):
            _check_schemes(("sources", *sections), spec)
        yield


def _is_given(credentials: Any) -> bool:
    return isinstance(credentials, Mapping)


def _check_schemes(sections: tuple[str, ...], spec: type[BaseConfiguration]) -> None:
    """Refuse fields that no single scheme has: dlt takes the first scheme that is complete."""
    schemes = blocks_in(spec.get_resolvable_fields().get(CREDENTIALS))
    fields = {name: hint for one in schemes for name, hint in one.get_resolvable_fields().items()}
    with dlt_given.in_sections(sections):
        places = {
            name: place
            for name, hint in fields.items()
            if (place := dlt_given.find_place(name, hint, CREDENTIALS))
        }
    if not any(places.keys() <= _names(scheme) for scheme in schemes):
        raise ConfigurationError(_two_schemes(schemes, places))


def _names(scheme: type[BaseConfiguration]) -> set[str]:
    return set(scheme.get_resolvable_fields())


def _two_schemes(schemes: Sequence[type[BaseConfiguration]], places: Mapping[str, str]) -> str:
    lines = []
    for name, place in places.items():
        owners = [scheme.__name__ for scheme in schemes if name in _names(scheme)]
        lines.append(f"  {name} in {printable(place)}, of {' or '.join(owners)}")
    listed = "\n".join(lines)
    return (
        "The settings hold credentials of more than one scheme, and only one can be used; nothing "
        f"was requested. Take out what does not belong to the one you mean:\n{listed}"
    )


@contextmanager
def plain_setting_errors() -> Iterator[None]:
    """Raise dlt's errors about settings as ours: which setting, where it is, what it should be.

    Raises:
        ConfigurationError: In place of dlt's own errors.
    """
    try:
        yield
    except dlt_given.ConfigValueCannotBeCoercedException as error:
        raise ConfigurationError(_wrong_type(error)) from None
    except ValueNotSecretException as error:
        name = printable(error.key)
        raise ConfigurationError(
            f"The setting {name} is a secret and stands in {error.provider_name}, which everybody "
            "may read. Move it to .dlt/secrets.toml, or to the environment."
        ) from None
    except dlt_given.TomlProviderReadException as error:
        raise ConfigurationError(unreadable_file(error)) from None


def unreadable_file(error: dlt_given.TomlProviderReadException) -> str:
    """What to say of a file of settings that is no TOML: which one, where in it, and why."""
    file, problem = dlt_given.locate_toml_error(error)
    return (
        f"The settings in {file} cannot be read: {printable(problem)}. Nothing was requested. "
        'A text stands in quotes, as in host = "school.brightspace.com"; a list in brackets, as in '
        "org_unit_ids = [6606, 6607]."
    )


def _wrong_type(error: dlt_given.ConfigValueCannotBeCoercedException) -> str:
    name, hint, default = error.field_name, error.hint, None
    where = ""
    import_part()  # what reads only some of the source's settings knows less about them
    for given in dlt_given.given_settings():
        found = declared_field(given)
        if found is None or found[2] != name:
            continue
        section, block, _ = found
        known = SECTIONS[section]
        hint = known.fields(block).get(name, hint)
        default = next(
            (getattr(one, name) for one in known.blocks[block] if hasattr(one, name)), None
        )
        where = f" in {printable(given.place)}"
        if not given.variable:
            where = f" under [{printable('.'.join(given.path[:-1]))}]{where}"
        name = f"{block}.{name}" if block else name
        break
    kind, example = _expected(hint, default)
    short = name.rpartition(".")[2]
    return (
        f"Setting `{name}`{where} must be {kind}; nothing was requested. "
        f"Example: {short} = {example}."
    )


def _expected(hint: Any, default: Any) -> tuple[str, str]:
    """What a setting of a type is in words, and as an example."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _expected(next(one for one in arguments if one is not type(None)), default)
    if origin is Literal:
        return "one of " + ", ".join(f'"{one}"' for one in arguments), f'"{arguments[0]}"'
    if isinstance(origin, type) and issubclass(origin, Sequence):
        whole = int in arguments
        return ("a list of whole numbers", "[6606, 6607]") if whole else ("a list", '["…", "…"]')
    words, example = next(
        ((words, example) for kind, words, example in _KINDS if hint is kind),
        ("of another type", '"…"'),
    )
    return words, str(default).lower() if isinstance(default, (bool, int, float)) else example


_KINDS: tuple[tuple[type, str, str], ...] = (
    (bool, "true or false", "true"),
    (int, "a whole number", "10"),
    (float, "a number", "1.5"),
    (str, "a text", '"…"'),
)
