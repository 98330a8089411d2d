from __future__ import annotations

import pytest

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.settings import resolve

DEFAULTS = {
    "requests_in_flight": 20,
    "max_attempts": 5,
    "backoff_seconds": 1.0,
    "max_wait_seconds": 300.0,
    "connect_seconds": 10.0,
    "response_seconds": 120.0,
    "upload_seconds": 3600.0,
    "max_body_megabytes": 100.0,
    "max_pages": 100_000,
    "max_undeclared_fields": 500,
}
LEAST_COUNT = ["requests_in_flight", "max_attempts", "max_pages", "max_undeclared_fields"]
ABOVE_NOUGHT = ["connect_seconds", "response_seconds", "upload_seconds", "max_body_megabytes"]
NOUGHT_OR_MORE = ["backoff_seconds", "max_wait_seconds"]
SECTION = "SOURCES__D2L_BRIGHTSPACE_SOURCE__LIMITS__"


def test_every_limit_has_a_default() -> None:
    limits = resolve(Limits())
    assert {name: limits[name] for name in limits} == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_limits_come_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECTION + name.upper(), "7")
    limits = resolve(Limits())
    assert {other: limits[other] for other in limits} == {**DEFAULTS, name: 7}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, "1") for name in LEAST_COUNT]
    + [(name, "0.001") for name in ABOVE_NOUGHT]
    + [(name, "0") for name in NOUGHT_OR_MORE],
)
def test_smallest_values(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECTION + name.upper(), value)
    assert resolve(Limits())[name] == float(value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [(name, value, "1 or more") for name in LEAST_COUNT for value in ("0", "-1")]
    + [(name, value, "more than 0") for name in ABOVE_NOUGHT for value in ("0", "-0.5")]
    + [(name, "-0.5", "0 or more") for name in NOUGHT_OR_MORE],
)
def test_out_of_range(name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECTION + name.upper(), value)
    with pytest.raises(ConfigurationError) as caught:
        resolve(Limits())
    text = str(caught.value)
    assert f"`limits.{name}` is {value}" in text
    assert f"must be {allowed}" in text
    assert f"the default is {name} = {DEFAULTS[name]}" in text


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("name", ABOVE_NOUGHT + NOUGHT_OR_MORE)
def test_no_finite_number(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECTION + name.upper(), value)
    with pytest.raises(ConfigurationError, match=f"`limits.{name}` is {value}.*finite"):
        resolve(Limits())
