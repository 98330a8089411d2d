"""Names for the rows of docs/reliability.md."""

from __future__ import annotations

from typing import Any, Literal

import pytest

Outcome = Literal["exact", "clear error", "recorded", "safe"]
RELIABILITY = (
    "Paging",
    "Authentication",
    "Rate limit",
    "Transport",
    "Data",
    "Skipped",
    "Keys",
    "Process",
    "Memory",
)
SECURITY = (
    "Secrets and persons",
    "Terminal",
    "Network",
    "Persons on disk",
    "Files and folders",
    "Bounds",
    "Sandbox",
    "Dependencies",
)


def case(topic: str, title: str, outcome: Outcome) -> Any:
    """Mark a test as the proof of a case of the table."""
    assert topic in RELIABILITY + SECURITY
    return pytest.mark.case(topic=topic, title=title, outcome=outcome)


def each(topic: str, *rows: tuple[Any, ...]) -> Any:
    """Parametrize a test: each row is title, outcome and the values of the parameters."""

    def decorate(test: Any) -> Any:
        names = [
            name
            for name in test.__code__.co_varnames[: test.__code__.co_argcount]
            if name not in _FIXTURES
        ]
        parameters = [
            pytest.param(*values, id=title.replace(" ", "-"), marks=case(topic, title, outcome))
            for title, outcome, *values in rows
        ]
        return pytest.mark.parametrize(names, parameters)(test)

    return decorate


def together(topic: str, outcome: Outcome, *titles: str) -> Any:
    """Mark one test as the proof of several cases: a run costs most of a second."""

    def decorate(test: Any) -> Any:
        for title in reversed(titles):
            test = case(topic, title, outcome)(test)
        return test

    return decorate


_FIXTURES = ("arena", "rotating", "monkeypatch", "caplog", "capsys", "tmp_path", "pipeline")
