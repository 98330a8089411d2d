from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.settings import (
    LogFilter,
    Options,
    base_url,
    checked_org_unit_ids,
    checked_start_date,
    checked_version,
    resolve,
)

SECTION = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
UTC = timezone.utc


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own clock is not UTC."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "America/Toronto")
        time.tzset()
        yield
    time.tzset()


# --- hosts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("school.brightspace.com", "https://school.brightspace.com/d2l/api/"),
        ("  school.brightspace.com\n", "https://school.brightspace.com/d2l/api/"),
        ("school.brightspace.com/", "https://school.brightspace.com/d2l/api/"),
        ("https://school.brightspace.com", "https://school.brightspace.com/d2l/api/"),
        ("https://school.brightspace.com/", "https://school.brightspace.com/d2l/api/"),
        ("HTTPS://school.brightspace.com", "https://school.brightspace.com/d2l/api/"),
        ("school.brightspace.com:8443", "https://school.brightspace.com:8443/d2l/api/"),
        ("lernen.xn--bcher-kva.example", "https://lernen.xn--bcher-kva.example/d2l/api/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/d2l/api/"),
        ("http://127.0.0.2", "http://127.0.0.2/d2l/api/"),
        ("http://localhost:8080/", "http://localhost:8080/d2l/api/"),
        ("http://[::1]:8080", "http://[::1]:8080/d2l/api/"),
        ("localhost:8080", "https://localhost:8080/d2l/api/"),
    ],
)
def test_hosts(host: str, url: str) -> None:
    assert base_url(host) == url


@pytest.mark.parametrize(
    "host",
    [
        "",
        "   ",
        "https://",
        "/d2l/api",
        "school.brightspace.com/d2l/home",
        "https://school.brightspace.com/d2l/api/lp/1.49/users/",
        "school.brightspace.com?x_a=canary",
        "canary:secret@school.brightspace.com",
        "https://canary@school.brightspace.com",
        None,
        7,
    ],
    ids=repr,
)
def test_what_is_no_host(host: Any) -> None:
    with pytest.raises(ConfigurationError, match="`host` is no host name") as caught:
        base_url(host)
    assert 'host = "school.brightspace.com"' in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "http://school.brightspace.com",
        "HTTP://school.brightspace.com",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://192.168.0.1",
        "http://0.0.0.0",
        "ftp://127.0.0.1",
    ],
)
def test_plain_http_goes_to_this_machine_only(host: str) -> None:
    with pytest.raises(ConfigurationError, match="HTTPS"):
        base_url(host)


@pytest.mark.parametrize(
    "host",
    [
        "https://school.brightspace.com:port",
        "school.brightspace.com:99999",
        "https://[school",
        "my school.brightspace.com",
        "school.brightspace.com\\d2l",
        "school.brightspace.com#d2l",
        "school..brightspace.com",
        "school.brightspace.com:0",
        "school.brightspace.com:",
        "[::1",
        "sch\nool.brightspace.com",
    ],
    ids=repr,
)
def test_hosts_that_cannot_be_called(host: str) -> None:
    with pytest.raises(ConfigurationError, match="`host`"):
        base_url(host)


# --- versions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "checked"),
    [(None, None), ("1.49", "1.49"), ("1.9", "1.9"), ("10.100", "10.100"), (1.62, "1.62")],
    ids=repr,
)
def test_versions(version: Any, checked: str | None) -> None:
    assert checked_version("lp_version", version) == checked


@pytest.mark.parametrize(
    "version", ["", "1", "1.", ".49", "v1.49", "1.49.0", "1.49/..", " 1.49", "1.49\n", "unstable"]
)
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(ConfigurationError, match=r"`le_version`.*no API version") as caught:
        checked_version("le_version", version)
    assert 'le_version = "1.49"' in str(caught.value)


# --- org unit ids -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "checked"),
    [
        (None, None),
        ([], []),
        ([6606], [6606]),
        ((6607, 6606), [6607, 6606]),
        ([6607, 6606, 6607], [6607, 6606]),
        (["6606", 6606, " 6607 "], [6606, 6607]),
        (range(1, 4), [1, 2, 3]),
        ([2**62], [2**62]),
    ],
    ids=repr,
)
def test_org_unit_ids(ids: Any, checked: list[int] | None) -> None:
    assert checked_org_unit_ids(ids) == checked


@pytest.mark.parametrize(
    "ids",
    [
        "6606",
        "6606,6607",
        b"6606",
        6606,
        [0],
        [6606, -1],
        [6606.0],
        [True],
        [None],
        ["BIO101"],
        [[6606]],
        "",
    ],
    ids=repr,
)
def test_what_are_no_org_unit_ids(ids: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"org_unit_ids = \[6606, 6607\]"):
        checked_org_unit_ids(ids)


# --- start dates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "moment"),
    [
        ("2026-09-01", datetime(2026, 9, 1, tzinfo=UTC)),
        (" 2026-09-01 ", datetime(2026, 9, 1, tzinfo=UTC)),
        ("2026-09-01T08:00:00", datetime(2026, 9, 1, 8, tzinfo=UTC)),
        ("2026-09-01 08:00:00", datetime(2026, 9, 1, 8, tzinfo=UTC)),
        ("2026-09-01T08:00:00Z", datetime(2026, 9, 1, 8, tzinfo=UTC)),
        ("2026-09-01T08:00:00+02:00", datetime(2026, 9, 1, 6, tzinfo=UTC)),
        ("2026-09-01T08:00:00.1Z", datetime(2026, 9, 1, 8, 0, 0, 100_000, tzinfo=UTC)),
        ("2026-09-01T08:00:00.1234567Z", datetime(2026, 9, 1, 8, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-09-01T08:00:00.123Z", datetime(2026, 9, 1, 8, 0, 0, 123_000, tzinfo=UTC)),
        (datetime(2026, 9, 1, 8), datetime(2026, 9, 1, 8, tzinfo=UTC)),  # noqa: DTZ001
        (
            datetime(2026, 9, 1, 8, tzinfo=timezone(timedelta(hours=-4))),
            datetime(2026, 9, 1, 12, tzinfo=UTC),
        ),
    ],
    ids=str,
)
@pytest.mark.usefixtures("_far_from_utc")
def test_start_dates(start: str | datetime, moment: datetime) -> None:
    checked = checked_start_date(start)
    assert checked == moment
    assert checked is not None
    assert checked.tzinfo is UTC


def test_no_start_date() -> None:
    assert checked_start_date(None) is None


@pytest.mark.parametrize(
    "start", ["", "yesterday", "2026-13-01", "2026-02-30", "01.09.2026", 7, 1.5, ["2026-09-01"]]
)
def test_what_is_no_start_date(start: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"`start_date`.*no date") as caught:
        checked_start_date(start)
    assert 'start_date = "2026-09-01"' in str(caught.value)


def test_a_date_without_a_time() -> None:
    assert checked_start_date(date(2026, 9, 1)) == datetime(2026, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00"])
def test_a_start_date_outside_of_time(start: str) -> None:
    with pytest.raises(ConfigurationError):
        checked_start_date(start)


# --- the log filter -----------------------------------------------------------------------------


def log_filter(monkeypatch: pytest.MonkeyPatch, **settings: str) -> LogFilter:
    for name, value in settings.items():
        monkeypatch.setenv(f"{SECTION}LOGGING__{name.upper()}", value)
    resolved: LogFilter = resolve(LogFilter())
    return resolved


@pytest.mark.parametrize("resource", ["log_messages", "log_message_groups", "users"])
def test_nothing_is_filtered_by_default(resource: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unset = log_filter(monkeypatch)
    assert unset.parameters(resource) == {}
    assert unset.overlap_minutes == 60


def test_every_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    every = log_filter(
        monkeypatch,
        log_level=" Error, Fatal,",
        search="a b",
        logger_assembly="D2L.LP",
        user_id="101",
        org_unit_id="6606",
        message_group_id="7",
        include_traces="true",
        overlap_minutes="0",
    )
    filters = {
        "logLevel": "Error,Fatal",
        "search": "a b",
        "loggerAssembly": "D2L.LP",
        "userId": 101,
        "orgUnitId": 6606,
        "messageGroupId": 7,
    }
    assert every.parameters("log_messages") == {**filters, "includeTraces": "true"}
    # groups have no traces
    assert every.parameters("log_message_groups") == filters
    assert every.parameters("users") == {}
    assert every.overlap_minutes == 0


@pytest.mark.parametrize("level", ["Debug", "Info", "Warn", "Error", "Fatal"])
def test_levels(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = log_filter(monkeypatch, log_level=level).parameters("log_messages")
    assert parameters == {"logLevel": level}


@pytest.mark.parametrize("level", ["error", "Warning", "Error;Fatal", "Error,Trace", " "])
def test_unknown_levels(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="the levels are Debug, Info, Warn, Error, Fatal"):
        log_filter(monkeypatch, log_level=level)


@pytest.mark.parametrize("overlap", ["-1", "nan", "inf"])
def test_an_overlap_out_of_range(overlap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="overlap_minutes = 60"):
        log_filter(monkeypatch, overlap_minutes=overlap)


# --- the other options --------------------------------------------------------------------------


@pytest.mark.parametrize("found_in", ["auto", "org_structure", "my_enrollments"])
def test_where_courses_come_from(found_in: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(Options()).course_offerings_from == "auto"
    monkeypatch.setenv(f"{SECTION}COURSE_OFFERINGS_FROM", found_in)
    assert resolve(Options()).course_offerings_from == found_in


def test_courses_come_from_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{SECTION}COURSE_OFFERINGS_FROM", "catalogue")
    with pytest.raises(ConfigurationError, match='"my_enrollments"'):
        resolve(Options())


def test_a_start_that_lies_ahead() -> None:
    now = datetime.now(timezone.utc)
    for start in ("2099-01-01", now + timedelta(days=2)):
        with pytest.raises(ConfigurationError, match="lies ahead") as caught:
            checked_start_date(start)
        assert 'start_date = "2026-09-01"' in str(caught.value)
    # where the day began before that of UTC, today's date is still to come there
    assert checked_start_date(now + timedelta(hours=13)) is not None
