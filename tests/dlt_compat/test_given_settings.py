"""Canaries: what `dlt_compat.given_settings` and `dlt_compat.source_functions` rely on in dlt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration import with_config
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import ConfigTomlProvider
from dlt.common.configuration.specs import PluggableRunContext
from dlt.common.typing import TSecretStrValue

from d2l_brightspace.dlt_compat import given_settings, source_functions

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat relies on: "


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "config.toml").write_text(
        "[sources.canary]\nx = 1\n[p.sources.canary.sub]\ny = 2\n"
    )
    providers = Container()[PluggableRunContext].providers
    before = list(providers.providers)
    providers.providers[:] = [before[0], ConfigTomlProvider(str(tmp_path))]
    yield tmp_path
    providers.providers[:] = before


def test_what_is_given(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__CANARY__SUB__Z", "3")
    assert set(given_settings.given_settings()) == {
        (("sources", "canary", "sub", "z"), "SOURCES__CANARY__SUB__Z", True),
        (("sources", "canary", "x"), "config.toml", False),
        (("sources", "canary", "sub", "y"), "config.toml", False),
    }, RELIED_ON + "documents and places of providers"
    assert {"data_writer", "schema", "extract"} <= given_settings.DLT_SECTIONS


def test_where_a_setting_is_found(
    config: Path, monkeypatch: pytest.MonkeyPatch, pipeline: dlt.Pipeline
) -> None:
    monkeypatch.setenv("SOURCES__CANARY__SUB__Z", "3")
    monkeypatch.setenv(f"{pipeline.pipeline_name.upper()}__SOURCES__CANARY__SUB__W", "3")
    with given_settings.in_sections(("sources", "canary", "name")):
        places = [
            given_settings.find_place("z", TSecretStrValue, "sub"),
            given_settings.find_place("w", str, "sub"),
            given_settings.find_place("x", str, ""),
            given_settings.find_place("v", str, "sub"),
        ]
    assert places == [
        "SOURCES__CANARY__SUB__Z",
        f"{pipeline.pipeline_name.upper()}__SOURCES__CANARY__SUB__W",
        "config.toml",
        None,
    ], RELIED_ON + "the last trace is where the value is"


def test_a_call_of_a_source_is_within_something(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    @contextmanager
    def surroundings(section: str, name: str, given: dict[str, Any]) -> Iterator[None]:
        calls.append((section, name, given))
        yield
        calls.append("after")

    @dlt.source(name="canary", section="canaries")
    def canary(x: int = dlt.config.value, y: int = 2) -> Any:
        calls.append((x, y))
        return dlt.resource([{"x": x}], name="rows")

    monkeypatch.setenv("SOURCES__CANARIES__X", "1")
    assert source_functions.settings_of(canary).get_resolvable_fields().keys() == {"x", "y"}
    within = source_functions.call_within(canary, surroundings)
    within(y=3)
    within.with_args(name="north")(5)
    assert calls == [
        *(("canaries", "canary", {"y": 3}), (1, 3), "after"),
        *(("canaries", "north", {"x": 5}), (5, 2), "after"),
    ], RELIED_ON + "a copy of a source function has its class"


def test_the_settings_of_a_function() -> None:
    @with_config(sections=("sources", "canary"))
    def canary(x: int = dlt.config.value, y: str | None = None) -> None: ...

    assert source_functions.settings_of(canary).get_resolvable_fields().keys() == {"x", "y"}
