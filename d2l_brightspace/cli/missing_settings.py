"""What to say where settings are missing; dlt itself says a hundred lines for four schemes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    LookupTrace,
    LookupTraces,
)

from d2l_brightspace.dlt_compat import settings as dlt_settings
from d2l_brightspace.settings import SECTION

_OURS, _DESTINATION = f"sources__{SECTION}__", "destination__"


def describe(error: ConfigFieldMissingException) -> str:
    """Which settings are missing, where they go, and which files were looked at."""
    lines = [f"Missing settings: {', '.join(error.fields)}"]
    for field, traces in error.traces.items():
        blocks = dlt_settings.blocks_tried(traces)
        lines += ["", *(_one_of(field, blocks) if blocks else _value(field, traces))]
    return "\n".join([*lines, "", *_files()])


def _one_of(field: str, blocks: list[LookupTraces]) -> Iterator[str]:
    section, variable = _places(*dlt_settings.first_missing(blocks[0]))
    yield f"{field}: " + ("fill in ONE of" if len(blocks) > 1 else "fill in")
    for block in blocks:
        given = sorted(dlt_settings.fields_given(block))
        there = f"  ({', '.join(given)}: found)" if given else ""
        yield f"  {block.spec_name:<17} {', '.join(block.traces)}{there}"
    yield f"  under [{section}] in .dlt/secrets.toml, or in the environment, e.g. {variable}"
    if len(blocks) > 1:
        yield "  (which one is for whom, and where its values come from: README, Credentials;"
        yield "  `d2l-brightspace login` asks for what RefreshTokenAuth needs, and logs in)"


def _value(field: str, traces: Iterable[Any]) -> Iterator[str]:
    section, variable = _places(field, traces)
    file = "secrets.toml" if section.endswith(".credentials") else "config.toml"
    yield f"{field}: under [{section}] in .dlt/{file}, or {variable} in the environment"


def _places(field: str, traces: Iterable[LookupTrace]) -> tuple[str, str]:
    """The section and the variable that README names, of the many in which dlt looks."""
    keys = [one.key.replace(".", "__").lower() for one in traces]
    ours = [key for key in keys if key.startswith(_OURS)]
    theirs = [key for key in keys if key.startswith(_DESTINATION)] or keys
    key = min(ours, key=len) if ours else max(theirs, key=len)
    return key.removesuffix(f"__{field}").replace("__", "."), key.upper()


def _files() -> list[str]:
    read, missing = dlt_settings.files()
    here = {path for path in missing if path.is_relative_to(Path.cwd())}
    return [f"read:      {path}" for path in sorted(read)] + [
        f"not there: {path}" for path in sorted(here)
    ]
