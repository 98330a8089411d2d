"""Times as Brightspace writes and takes them."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from d2l_brightspace.timestamps import utc_milliseconds

UTC = timezone.utc


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own clock is not UTC."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "America/Toronto")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        (datetime(2026, 11, 22, 4, 44, tzinfo=UTC), "2026-11-22T04:44:00.000Z"),
        (datetime(2026, 11, 22, 4, 44, 0, 999, tzinfo=UTC), "2026-11-22T04:44:00.000Z"),
        (datetime(2026, 11, 22, 4, 44, 0, 999_999, tzinfo=UTC), "2026-11-22T04:44:00.999Z"),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "1969-12-31T23:59:59.999Z"),
        (
            datetime(2026, 3, 8, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
            "2026-03-07T19:45:00.000Z",
        ),
        ("2026-11-22T04:44:00Z", "2026-11-22T04:44:00.000Z"),
        ("2026-11-22T04:44:00.123456Z", "2026-11-22T04:44:00.123Z"),
        ("2026-11-22T04:44:00.007+01:00", "2026-11-22T03:44:00.007Z"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("_far_from_utc")
def test_utc_with_milliseconds(moment: datetime | str, sent: str) -> None:
    assert utc_milliseconds(moment) == sent


def random_moments(count: int) -> Iterator[datetime]:
    numbers = random.Random(20261122)
    first = datetime(1000, 1, 2, tzinfo=UTC)
    length = datetime(9999, 12, 30, tzinfo=UTC) - first
    for _ in range(count):
        zone = timezone(timedelta(minutes=numbers.randint(-14 * 60, 14 * 60)))
        moment = first + length * numbers.random()
        micros = numbers.choice([0, 1, 999, 1000, 999_000, 999_001, 999_999, moment.microsecond])
        yield moment.replace(microsecond=micros).astimezone(zone)


@pytest.mark.usefixtures("_far_from_utc")
def test_a_time_never_moves_forward_and_loses_less_than_a_millisecond() -> None:
    for moment in random_moments(2000):
        sent = utc_milliseconds(moment)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", sent)
        read = datetime.fromisoformat(sent.replace("Z", "+00:00"))
        assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
        # sent again it stays what it is
        assert utc_milliseconds(sent) == sent


@pytest.mark.usefixtures("_far_from_utc")
@pytest.mark.parametrize(
    "moment",
    ["2026-11-22T04:44:00", datetime(2026, 11, 22, 4, 44)],  # noqa: DTZ001
    ids=["text", "datetime"],
)
def test_a_time_without_a_zone_is_utc(moment: str | datetime) -> None:
    assert utc_milliseconds(moment) == "2026-11-22T04:44:00.000Z"


def test_a_time_of_the_first_millennium() -> None:
    assert utc_milliseconds(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000Z"
