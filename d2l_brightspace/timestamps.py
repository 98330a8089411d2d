"""Times as Brightspace writes and takes them (UTCDateTime): UTC, three decimals, `Z`."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timezone


def utc_milliseconds(moment: date | str) -> str:
    """A time as Brightspace takes it: UTC with exactly three decimals and `Z`.

    Rounds down, so that a start never moves past what it should include.

    Raises:
        ValueError: If the text is no time.
        OverflowError: If it is outside the years 1 to 9999 in UTC.
    """
    return in_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_utc(moment: date | str) -> datetime:
    """A time in UTC, whatever form it comes in.

    Args:
        moment: A time, a date (its first moment), or the text of one as ISO 8601 has it; without
            a time zone it is UTC.

    Raises:
        ValueError: If the text is no time.
        OverflowError: If it is outside the years 1 to 9999 in UTC.
    """
    if isinstance(moment, str):
        # Python 3.10 reads no `Z`, and three or six decimals only
        text = re.sub("[Zz]$", "+00:00", moment.strip())
        moment = datetime.fromisoformat(
            re.sub(r"\.[0-9]+", lambda decimals: decimals[0].ljust(7, "0")[:7], text)
        )
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)
