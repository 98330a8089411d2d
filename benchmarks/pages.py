"""What the benchmark's Brightspace holds: bodies that are there, or joined from a few pieces.

A list of a million rows does not fit into memory as text, and must cost nothing to send. Its pages
are alike but for the ids: a template is cut where the ids stand, and joined with those of the page.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

_FIRST_USER = 10_000
_YEARS = 2
_MARK = "@@"  # stands where the digits go that pages differ in


@dataclass(frozen=True)
class Size:
    """How much there is to read.

    Attributes:
        enrollments: Users of each org unit.
        my_enrollments: Org units of the caller.
        users_per_course: Rows of each class list.
        log_messages: Messages of the last two years.
        quizzes: Quizzes of each course.
        attempts: Attempts at each quiz.
    """

    enrollments: int = 0
    my_enrollments: int = 0
    users_per_course: int = 0
    log_messages: int = 0
    quizzes: int = 0
    attempts: int = 0
    page: int = 1000
    log_page: int = 100


Answerer = Callable[[dict[str, str], "re.Match[str]"], bytes]


class Pages:
    """All bodies, by what is asked for."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._routes: list[tuple[re.Pattern[str], Answerer]] = [
            (re.compile(pattern), answerer)
            for pattern, answerer in (
                (r"/classlist/paged/$", self._class_list),
                (r"/enrollments/orgUnits/\d+/users/$", self._enrollments),
                (r"/enrollments/myenrollments/$", self._my_enrollments),
                (r"/(\d+)/quizzes/$", self._quizzes),
                (r"/quizzes/(\d+)/attempts/$", self._attempts),
                (r"/logging/$", self._log_messages),
                (r"/versions/$", lambda *_: _VERSIONS),
            )
        ]
        self._members = body({"Next": None, "Objects": _class_list(size.users_per_course)})
        self._users = _Paged([_org_unit_user(n) for n in range(size.page)], size.enrollments)
        self._mine = _Paged([_my_org_unit(n) for n in range(size.page)], size.my_enrollments)
        self._log = LogMessages(size.log_messages, size.log_page)
        self._quiz_pieces = _quiz_pieces(size.quizzes)
        self._attempt_pieces = _attempt_pieces(size.attempts)

    def answer(self, target: str) -> bytes | None:
        """The body for a request target; None where there is none."""
        parts = urlsplit(target)
        for pattern, answerer in self._routes:
            match = pattern.search(parts.path)
            if match:
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                return answerer(query, match)
        return None

    def _class_list(self, _query: dict[str, str], _match: re.Match[str]) -> bytes:
        return self._members

    def _enrollments(self, query: dict[str, str], _match: re.Match[str]) -> bytes:
        return self._users.page(query.get("bookmark"))

    def _my_enrollments(self, query: dict[str, str], _match: re.Match[str]) -> bytes:
        return self._mine.page(query.get("bookmark"))

    def _log_messages(self, query: dict[str, str], _match: re.Match[str]) -> bytes:
        return self._log.page(
            query.get("dateRangeStart"), query.get("dateRangeEnd"), query.get("bookmark")
        )

    def _quizzes(self, _query: dict[str, str], match: re.Match[str]) -> bytes:
        return match[1].encode().join(self._quiz_pieces)

    def _attempts(self, _query: dict[str, str], match: re.Match[str]) -> bytes:
        return match[1].encode().join(self._attempt_pieces)


class _Paged:
    """Pages of a PagedResultSet whose rows differ from page to page in their ids only."""

    def __init__(self, rows: list[Any], total: int) -> None:
        self._rows, self._total = rows, total
        self._pieces = _cut(b",".join(body(row) for row in rows))

    def page(self, bookmark: str | None) -> bytes:
        """The page after a bookmark, which is the number of rows before it."""
        first = int(bookmark or 0)
        last = min(first + len(self._rows), self._total)
        pieces = self._pieces
        if last - first < len(self._rows):
            pieces = _cut(b",".join(body(row) for row in self._rows[: last - first]))
        more = b"true" if last < self._total else b"false"
        front = b'{"PagingInfo":{"Bookmark":"%d","HasMoreItems":%s},"Items":[' % (last, more)
        # page 7 of thousand rows has the ids from 10 007 000 to 10 007 999
        digits = b"%05d" % (_FIRST_USER + first // len(self._rows))
        whole = list(pieces)
        whole[0] = front + whole[0]
        whole[-1] += b"]}"
        return digits.join(whole)


class LogMessages:
    """Messages of two years until now: quiet weeks, usual ones, and bursts of thousands in a day.

    Numbers and times grow together, so that a range of times is a range of numbers.
    """

    def __init__(self, count: int, page: int, now: datetime | None = None) -> None:
        self._page = page
        now = (now or datetime.now(timezone.utc)).replace(microsecond=0)
        self.times = _times(count, now)
        self._messages = [_message(number, at) for number, at in enumerate(self.times, 1)]

    def page(self, start: str | None, end: str | None, bookmark: str | None) -> bytes:
        """The messages of a window that follow a bookmark."""
        first = bisect_left(self.times, _milliseconds(start)) + 1 if start else 1
        last = bisect_right(self.times, _milliseconds(end)) if end else len(self.times)
        first = max(first, int(bookmark or 0) + 1)
        until = min(first + self._page - 1, last)
        items = ",".join(self._messages[first - 1 : until])
        more = "true" if until < last else "false"
        mark = f'"{until}"' if items else "null"
        return (
            f'{{"PagingInfo":{{"Bookmark":{mark},"HasMoreItems":{more}}},"Items":[{items}]}}'
        ).encode()


def body(block: object) -> bytes:
    """JSON without blanks, as Brightspace sends it; marked numbers lose their quotes."""
    text = json.dumps(block, separators=(",", ":")).encode()
    return text.replace(b'"<<', b"").replace(b'>>"', b"")


def _marked(digits: str) -> str:
    """A number that begins with the mark and ends with these digits."""
    return f"<<{_MARK}{digits}>>"


def _cut(text: bytes) -> list[bytes]:
    return text.split(_MARK.encode())


# -- rows ----------------------------------------------------------------------------------------

_VERSIONS = body(
    [
        {"ProductCode": code, "LatestVersion": latest, "SupportedVersions": [latest]}
        for code, latest in (("lp", "1.62"), ("le", "1.98"))
    ]
)
_ROLES: tuple[list[str], ...] = (
    [],
    ["urn:lti:role:ims/lis/Learner"],
    ["urn:lti:role:ims/lis/Instructor", "urn:lti:instrole:ims/lis/Observer"],
)


def _org_unit_user(place: int) -> dict[str, Any]:
    number = f"{_MARK}{place:03d}"
    return {
        "User": {
            "Identifier": number,
            "DisplayName": f"Student {number}",
            "EmailAddress": f"student{number}@example.edu",
            "OrgDefinedId": f"S{number}",
            "ProfileBadgeUrl": None,
            "ProfileIdentifier": f"p{number}",
            "UserName": f"student{number}",
        },
        "Role": {"Id": 110, "Code": "S", "Name": "Student"},
    }


def _my_org_unit(place: int) -> dict[str, Any]:
    number = f"{place:03d}"
    text = f"{_MARK}{number}"
    has_dates = place % 4 != 0
    return {
        "OrgUnit": {
            "Id": _marked(number),
            "Type": {"Id": 3, "Code": "Course Offering", "Name": "Course Offering"},
            "Name": f"Course {text}",
            "Code": f"C-{text}" if place % 7 else None,
            "HomeUrl": f"https://school.brightspace.com/d2l/home/{text}",
            "ImageUrl": f"https://s.brightspace.com/images/{text}.jpg" if place % 3 else None,
        },
        "Access": {
            "IsActive": place % 5 != 0,
            "StartDate": "2026-09-01T04:00:00.000Z" if has_dates else None,
            "EndDate": "2026-12-20T04:59:00.000Z" if has_dates else None,
            "CanAccess": place % 5 != 0,
            "ClasslistRoleName": "Student" if place % 9 else None,
            "LISRoles": _ROLES[place % 3],
            "LastAccessed": f"2026-10-01T08:15:{place % 60:02d}.120Z" if place % 2 else None,
        },
        "PinDate": "2026-09-02T12:00:00.500Z" if place % 50 == 0 else None,
    }


def _class_list(users: int) -> list[dict[str, object]]:
    return [
        {
            "Identifier": str(_FIRST_USER + number),
            "ProfileIdentifier": f"p{number:08x}",
            "DisplayName": f"Student {number}",
            "Username": f"student{number}",
            "OrgDefinedId": f"S{number:07d}",
            "Email": f"student{number}@example.edu",
            "FirstName": "Student",
            "LastName": str(number),
            "RoleId": 110,
            "LastAccessed": "2026-10-01T08:15:30.120Z",
            "IsOnline": False,
            "ClasslistRoleDisplayName": "Student",
            "Pronouns": None,
        }
        for number in range(users)
    ]


def _quiz_pieces(count: int) -> list[bytes]:
    """A course's quizzes, cut where the digits of the course stand."""
    rows = _invented("quizzes", count)
    for number, row in enumerate(rows, 1):
        row["QuizId"] = _marked(f"{number:02d}")
    return _cut(body({"Next": None, "Objects": rows}))


def _attempt_pieces(count: int) -> list[bytes]:
    """A quiz's attempts, cut where the digits of the quiz stand."""
    rows = _invented("quiz_attempts", count)
    for number, row in enumerate(rows, 1):
        row |= {
            "AttemptId": _marked(f"{number:02d}"),
            "QuizId": _marked(""),
            "UserId": _FIRST_USER + number,
        }
    return _cut(body({"Next": None, "Objects": rows}))


def _invented(table: str, count: int) -> list[dict[str, Any]]:
    """Rows of one list, with every documented field, as the sandbox invents them."""
    if not count:
        return []
    from d2l_brightspace.sandbox import Sandbox, SandboxSettings

    sandbox = Sandbox(SandboxSettings(courses=1, items_of={table: count}))
    rows = sandbox.rows(table)
    return [row.block for row in rows if row.keys == rows[0].keys]


# -- log messages --------------------------------------------------------------------------------


def _times(count: int, now: datetime) -> list[int]:
    """Moments in milliseconds since the epoch, in order, each its own."""
    random = Random(4)
    weeks = range(52 * _YEARS)
    weights = [random.choices((0.02, 1.0, 12.0), (35, 55, 10))[0] for _ in weeks]
    chosen = random.choices(weeks, weights, k=count)
    week, day = 7 * 86_400_000, 86_400_000
    begin = int(now.timestamp() * 1000) - len(weeks) * week
    moments = {
        begin + one * week + random.randrange(day if weights[one] > 1 else week) for one in chosen
    }
    while len(moments) < count:
        moments.add(begin + random.randrange(len(weeks) * week))
    return sorted(moments)


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000)


def _message(number: int, at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=at)
    return json.dumps(
        {
            "LogMessageId": number,
            "LogLevel": "Error",
            "MessageTimestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z",
            "ExceptionMessage": "Object reference not set to an instance of an object.",
            "MachineName": "WEB01",
            "ProcessName": "w3wp",
            "ProcessStartTime": "2026-01-01T00:00:00.000Z",
            "LoggerAssembly": "D2L.LP",
            "LoggerType": "D2L.LP.Logging",
            "ExceptionStackTrace": None,
            "ExceptionType": "System.NullReferenceException",
            "DeveloperMessage": f"Message {number}",
            "StackTrace": None,
            "MessageGroupId": number % 50,
            "UserId": _FIRST_USER + number % 1000,
            "OrgId": 6606,
            "OrgUnitId": 6606 + number % 100,
        },
        separators=(",", ":"),
    )
