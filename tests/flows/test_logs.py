"""Log messages: incremental, filtered, single."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import pytest

from d2l_brightspace import ConfigurationError, log_message, run

from .conftest import count, counts_of_truth, credentials_of, query

LOGGING = "SOURCES__D2L_BRIGHTSPACE_SOURCE__LOGGING__"


def asked(sandbox: Any, route: str = "/logging/") -> list[dict[str, str]]:
    return [
        arrival["query"]
        for arrival in sandbox.requests
        if arrival["path"].lower().endswith(route) and "bookmark" not in arrival["query"]
    ]


def test_later_runs_ask_from_the_newest_message_less_the_overlap(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox).with_resources("log_messages"))
    newest = query(pipeline, "SELECT MAX(message_timestamp) FROM log_messages")[0][0]
    sandbox.requests.clear()

    sandbox.world.add_log_messages(7)
    run(pipeline, source_of(sandbox).with_resources("log_messages"))

    start = (newest - timedelta(minutes=60)).astimezone(timezone.utc)
    expected = f"{start:%Y-%m-%dT%H:%M:%S}.{start.microsecond // 1000:03d}Z"
    assert asked(sandbox)[0]["dateRangeStart"] == expected
    assert min(query["dateRangeStart"] for query in asked(sandbox)) >= f"{expected[:19]}.000Z"
    assert count(pipeline, "log_messages") == counts_of_truth(sandbox)["log_messages"] == 257


def test_a_message_written_late_with_an_earlier_time_is_loaded(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    run(pipeline, source_of(sandbox).with_resources("log_messages"))
    newest = query(pipeline, "SELECT MAX(message_timestamp) FROM log_messages")[0][0]

    sandbox.world.add_log_messages(1, at=newest - timedelta(minutes=30))
    run(pipeline, source_of(sandbox).with_resources("log_messages"))

    assert count(pipeline, "log_messages") == 251


def test_the_start_date_is_sent_in_utc_milliseconds(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    since = datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=2)))

    run(
        pipeline,
        source_of(sandbox, start_date=since).with_resources("log_messages", "log_message_groups"),
    )

    assert asked(sandbox)[0]["dateRangeStart"] == "2026-03-01T07:00:00.000Z"
    assert asked(sandbox, "/logging/grouped/")[0]["dateRangeStart"] == "2026-03-01T07:00:00.000Z"
    assert count(pipeline, "log_messages", "message_timestamp < '2026-03-01 07:00:00+00'") == 0


def test_filters_are_sent_to_both_routes(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "LOG_LEVEL": "Error, Fatal",
        "SEARCH": "a",
        "USER_ID": "9951",
        "ORG_UNIT_ID": "6606",
        "MESSAGE_GROUP_ID": "3",
        "INCLUDE_TRACES": "true",
    }.items():
        monkeypatch.setenv(LOGGING + name, value)

    run(pipeline, source_of(sandbox).with_resources("log_messages", "log_message_groups"))

    filters = {
        "logLevel": "Error,Fatal",
        "search": "a",
        "userId": "9951",
        "orgUnitId": "6606",
        "messageGroupId": "3",
    }
    assert filters.items() <= asked(sandbox)[0].items()
    assert asked(sandbox)[0]["includeTraces"] == "true"
    assert filters.items() <= asked(sandbox, "/logging/grouped/")[0].items()
    assert "includeTraces" not in asked(sandbox, "/logging/grouped/")[0]


def test_a_level_filter_loads_only_that_level(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOGGING + "LOG_LEVEL", "Error")
    run(pipeline, source_of(sandbox).with_resources("log_messages"))
    assert query(pipeline, "SELECT DISTINCT log_level FROM log_messages") == [("Error",)]


def test_an_unknown_level_is_refused_before_any_request(
    sandbox: Any, source_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOGGING + "LOG_LEVEL", "Warning")
    with pytest.raises(ConfigurationError, match="'Warning'; the levels are Debug, Info, Warn"):
        source_of(sandbox)
    assert len(sandbox.requests) == 0


def test_one_message_by_its_id(sandbox: Any, pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    message = sandbox.world.add_log_messages(1)[0]

    run(
        pipeline,
        log_message(
            message.message_id,
            sandbox.url,
            credentials_of(sandbox, "id_key", tmp_path),
            include_traces=True,
        ),
    )

    assert query(pipeline, "SELECT log_message_id FROM log_messages") == [(message.message_id,)]
    assert sandbox.requests[-1]["path"].endswith(f"/logging/{message.message_id}/")
    assert sandbox.requests[-1]["query"] == {"includeTraces": "true"}
