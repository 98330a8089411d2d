"""Which settings there are: one that nobody reads is an error, since without it more is loaded.

The names come from the code: the signatures of the source functions, and the blocks of settings.
Each part of the package declares its own when it is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from importlib import import_module
from typing import Any

from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import get_all_types_of_class_in_union, is_union_type

from .client.errors import ConfigurationError
from .dlt_compat.given_settings import (
    DLT_SECTIONS,
    Given,
    active_pipeline,
    all_settings,
    given_settings,
)
from .printable import printable

Fields = dict[str, Any]
"""Types by the names of settings."""


@dataclass
class Section:
    """A section below `[sources]`."""

    names: set[str] = field(default_factory=set)
    """Of its sources: dlt reads `[sources.<section>.<name>]` and `[sources.<name>]` as well."""
    blocks: dict[str, list[type[BaseConfiguration]]] = field(default_factory=dict)
    """What is read by the name of the section below; the empty one is for the section itself."""
    of_sources: dict[str, list[type[BaseConfiguration]]] = field(default_factory=dict)
    """Those of the blocks that a source itself reads, and so by its name as well."""

    def fields(self, block: str = "", *, by_name: bool = False) -> Fields:
        """The settings of a block, sections below it not among them."""
        found: Fields = {}
        for spec in (self.of_sources if by_name else self.blocks).get(block, []):
            found |= spec.get_resolvable_fields()
        return {name: hint for name, hint in found.items() if not blocks_in(hint)}


SECTIONS: dict[str, Section] = {}
"""What was declared, by the name of the section."""


def declare(section: str, *specs: type[BaseConfiguration], name: str | None = None) -> None:
    """Say what is read in a section below `[sources]`.

    Args:
        section: Its name.
        specs: Blocks of settings; one with a `__section__` is in the section of that name below.
        name: Of the source that reads them.
    """
    known = SECTIONS.setdefault(section, Section())
    if name is not None and name != section:
        known.names.add(name)
    for spec in specs:
        _add(known.blocks, spec)
        if name is not None:
            _add(known.of_sources, spec)


def _add(blocks: dict[str, list[type[BaseConfiguration]]], spec: type[BaseConfiguration]) -> None:
    nested = [
        (below, one)
        for below, hint in spec.get_resolvable_fields().items()
        for one in blocks_in(hint)
    ]
    for block, one in [(spec.__section__ or "", spec), *nested]:
        specs = blocks.setdefault(block, [])
        if one not in specs:
            specs.append(one)


def blocks_in(hint: Any) -> list[type[BaseConfiguration]]:
    """The blocks of settings, such as the schemes of a log-in, that a setting may be."""
    if is_union_type(hint):
        return get_all_types_of_class_in_union(hint, BaseConfiguration)
    is_block = isinstance(hint, type) and issubclass(hint, BaseConfiguration)
    return [hint] if is_block else []


def check_names() -> None:
    """Refuse settings in our sections that nobody reads.

    Raises:
        ConfigurationError: If there are any; it names those that were probably meant.
    """
    given, everything = given_settings(), all_settings()
    problems = [*_problems(given), *_misplaced(everything)]
    for part in _PARTS:
        if not problems:
            return
        import_part(part)
        problems = [*_problems(given), *_misplaced(everything)]
    if problems:
        lines = "\n".join(f"  {one}" for one in dict.fromkeys(problems))
        raise ConfigurationError(
            "These settings are read by nobody, so what they ask for would not be done; nothing "
            f"was requested. Correct them or take them out:\n{lines}"
        )


def import_part(name: str = "d2l_brightspace_source") -> None:
    """Import a part of the package that declares settings; most programs need not all parts.

    Args:
        name: Something public that is in it.
    """
    # by its name, because it stands above this module
    getattr(import_module(__package__), name)


def declared_field(given: Given) -> tuple[str, str, str] | None:
    """Section, block and name of what somebody has set; None if it is none of ours."""
    _, first, *rest = given.path
    section = _section_of(first)
    if section is None or not rest:
        return None
    known = SECTIONS[section]
    if len(rest) > 1 and rest[0] not in known.blocks:
        # of one source only; a copy of a source may have any name
        rest = rest[1:]
    block, name = ("", rest[0]) if len(rest) == 1 else (rest[0], ".".join(rest[1:]))
    return section, block, name


def _section_of(name: str) -> str | None:
    if name in SECTIONS:
        return name
    # a copy: a source of another thread may declare its section meanwhile
    return next((section for section, one in [*SECTIONS.items()] if name in one.names), None)


def _problems(given: Iterable[Given]) -> Iterator[str]:
    for one in given:
        problem = _problem_of_section(one) or _problem_of_name(one)
        if problem:
            yield f"{_where(one)}: {problem}"


def _where(given: Given) -> str:
    if given.variable:
        return printable(given.place)
    *sections, name = given.path
    return f"{printable(name)} under [{printable('.'.join(sections))}] in {printable(given.place)}"


def _problem_of_section(given: Given) -> str | None:
    first = given.path[1]
    if _section_of(first) is not None:
        return None
    near = next((section for section in [*SECTIONS] if _is_misspelled(first, section)), None)
    return f"did you mean the section {_spelled(given, near)}?" if near else None


def _is_misspelled(name: str, section: str) -> bool:
    if re.match(rf"{section}[_\d]", name):
        return False  # somebody's second tenant
    return SequenceMatcher(None, name.lower(), section).ratio() > _NEAR_SECTION


def _problem_of_name(given: Given) -> str | None:
    found = declared_field(given)
    if found is None or not DLT_SECTIONS.isdisjoint(given.path[2:-1]):
        return None
    section, block, name = found
    known = SECTIONS[section]
    below = known.blocks.keys() - {""}
    if block == "" and name in below:
        return f"{name} is a section of its own, with the settings {', '.join(known.fields(name))}"
    misspelled = _near(given.path[2], below) if len(given.path) > 3 else None
    if misspelled and given.path[2] not in below | known.names:
        return f"did you mean the section {_spelled(given, section, misspelled)}?"
    if name in known.fields(block, by_name=_is_by_name(given)):
        return None
    return _suggestion(given, section, block, name)


def _is_by_name(given: Given) -> bool:
    """Whether it is for one source, by its name, and not for all of the section."""
    _, section, first, *rest = given.path
    return section not in SECTIONS or bool(rest and first not in SECTIONS[section].blocks)


def _misplaced(given: Iterable[Given]) -> Iterator[str]:
    """What is meant for our sections and is where nobody looks."""
    pipeline = active_pipeline()
    for one in given:
        if one.path[0] == pipeline or not DLT_SECTIONS.isdisjoint(one.path[:-1]):
            continue
        meant = _meant_variable(one) if one.variable else _meant_section(one)
        if meant:
            yield f"{_where(one)}: did you mean {meant}?"


def _own_sections() -> list[str]:
    """Sections whose names are nobody else's; that of a copy may be `postgres`."""
    return [section for section in [*SECTIONS] if section.startswith(_OWN)]


def _meant_section(given: Given) -> str | None:
    for place, section in enumerate(given.path[:-1][:_DEEPEST]):
        if section.lower() in _own_sections() and "sources" not in given.path[:place]:
            return _spelled(given, section.lower(), *given.path[place + 1 : -1])
    return None


def _meant_variable(given: Given) -> str | None:
    """What a variable should be called that is spelled otherwise than dlt spells its name."""
    for section in _own_sections():
        before, found, after = given.place.lower().partition(section)
        words = after.strip("_")
        if not found or not after.startswith("_") or before.rstrip("_") not in _BEFORE:
            continue
        for block in [*SECTIONS[section].blocks]:
            for name in SECTIONS[section].fields(block):
                right = _spelled(given, section, block, name=name)
                is_it = words.replace("__", "_") == f"{block}_{name}".lstrip("_")
                if is_it and right != given.place:
                    return right
    return None


def _suggestion(given: Given, section: str, block: str, name: str) -> str:
    known = SECTIONS[section]
    fields = list(known.fields(block))
    near = _near(name, fields)
    meant = [_spelled(given, section, block, name=near)] if near else []
    meant += [
        _spelled(given, section, other, name=name)
        for other in known.blocks
        if name in known.fields(other)
    ]
    if meant:
        return f"did you mean {', or '.join(dict.fromkeys(meant))}?"
    return f"settings there are {', '.join(fields)}"


def _near(name: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name.lower(), known, n=1, cutoff=0.7)), None)


def _spelled(given: Given, *path: str, name: str | None = None) -> str:
    """A section or a setting as it would be written in the place of another."""
    sections = ["sources", *filter(None, path)]
    if given.variable:
        return "__".join([*sections, name or "…"]).upper()
    return f"{name} under [{'.'.join(sections)}]" if name else f"[{'.'.join(sections)}]"


_PARTS = ("d2l_brightspace_source", "import_jobs_source", "brightspace_data_sets_source")
"""Public names whose modules know all the settings between them."""
_BEFORE = ("sources", "source", "")
"""What people write before one of our sections in a variable."""
_OWN = "d2l_brightspace"
_DEEPEST = 2
"""A section of ours is the first, or comes after that of a pipeline or another word for it."""
_NEAR_SECTION = 0.88
"""How alike two names of sections are, of 1, that one is taken for the other misspelled."""
