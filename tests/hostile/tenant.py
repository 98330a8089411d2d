"""A small Brightspace whose every row is known."""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.wire_server import Answer, Request

Row = dict[str, Any]
CLIENT = ("canary-client", "canary-client-secret")


@dataclass
class Tenant:
    """The rows, and the answers that tell of them.

    Bookmarks are the number of rows before the page, except for the logs, where D2L documents the
    bookmark as a `LogMessageId`.
    """

    page_size: int = 10
    users: list[Row] = field(default_factory=list)
    courses: dict[int, Row] = field(default_factory=dict)
    classlists: dict[int, list[Row]] = field(default_factory=dict)
    log: list[Row] = field(default_factory=list)
    tokens: set[str] | None = None
    """Access tokens that are accepted; None: any."""
    refresh_token: str | None = None
    """The one that works now."""
    issued: int = 0
    rate_headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        if request.path == "/core/connect/token":
            return self._token(request)
        if len(request.params) < len(request.pairs):
            return _problem(400, "a parameter came twice")
        if request.path == "/d2l/api/versions/":
            return Answer(body=VERSIONS)
        if self.tokens is not None and _bearer(request) not in self.tokens:
            return _problem(401, "Couldn't parse token")
        answer = self._block(request)
        answer.headers |= self.rate_headers
        return answer

    def _block(self, request: Request) -> Answer:
        path = re.sub(r"^/d2l/api/l[pe]/[\d.]+/", "", request.path)
        if path == "outypes/":
            return Answer(body=[COURSE_TYPE])
        if path == "orgstructure/":
            units = [
                {"Identifier": str(one), "Name": f"Course {one}", "Type": COURSE_TYPE}
                for one in self.courses
            ]
            return self._by_offset(units, request)
        if path == "users/":
            return self._by_offset(self.users, request)
        if path == "logging/":
            return self._log_page(request)
        if match := re.fullmatch(r"courses/(\d+)", path):
            course = self.courses.get(int(match[1]))
            return Answer(body=course) if course else _problem(404, "no such course")
        if match := re.fullmatch(r"(\d+)/classlist/paged/", path):
            return self._class_page(self.classlists[int(match[1])], request)
        if match := re.fullmatch(r"enrollments/orgUnits/(\d+)/users/", path):
            rows = [
                {
                    "User": {"Identifier": row["Identifier"], "DisplayName": row["DisplayName"]},
                    "Role": {"Id": 110, "Code": None, "Name": "Learner"},
                }
                for row in self.classlists[int(match[1])]
            ]
            return self._by_offset(rows, request)
        return _problem(404, "no such route")

    def _by_offset(self, rows: list[Row], request: Request) -> Answer:
        start = int(request.params.get("bookmark", 0))
        end = start + self.page_size
        return Answer(body=paged(rows[start:end], str(end), more=end < len(rows)))

    def _log_page(self, request: Request) -> Answer:
        since = request.params.get("dateRangeStart", "")
        rows = [row for row in self.log if row["MessageTimestamp"] >= since]
        bookmark = request.params.get("bookmark")
        if bookmark is not None:
            ids = [str(row["LogMessageId"]) for row in rows]
            if bookmark not in ids:
                return _problem(404, "The bookmarked item is no longer there")
            rows = rows[ids.index(bookmark) + 1 :]
        page, rest = rows[: self.page_size], rows[self.page_size :]
        last = str(page[-1]["LogMessageId"]) if page else None
        return Answer(body=paged(page, last, more=bool(rest)))

    def _class_page(self, rows: list[Row], request: Request) -> Answer:
        start = int(request.params.get("bookmark", 0))
        end = start + self.page_size
        here = f"http://{request.headers['host']}{request.path}"
        following = f"{here}?bookmark={end}" if end < len(rows) else None
        return Answer(body={"Next": following, "Objects": rows[start:end]})

    def _token(self, request: Request) -> Answer:
        form = parse_qs(request.body.decode())
        basic = request.headers.get("authorization", "").removeprefix("Basic ")
        if b64decode(basic).decode() != ":".join(CLIENT):
            return Answer(401, {"error": "invalid_client"})
        if form.get("refresh_token") != [self.refresh_token]:
            return Answer(400, {"error": "invalid_grant"})
        return Answer(body=self.issue())

    def issue(self) -> Row:
        """Rotate the refresh token and give the fields of a token answer."""
        self.issued += 1
        self.refresh_token = f"canary-refresh-{self.issued}"
        access = f"canary-access-{self.issued}"
        self.tokens = {access}
        return {"access_token": access, "refresh_token": self.refresh_token, "expires_in": 3600}


def tenant(courses: int = 3, people: int = 25, messages: int = 25) -> Tenant:
    """A tenant as the tables of a first run hold it."""
    return Tenant(
        users=[user(number) for number in range(1, people + 1)],
        courses={101 + number: course(101 + number) for number in range(courses)},
        classlists={
            101 + number: [member(101 + number, one) for one in range(1, people + 1 - number)]
            for number in range(courses)
        },
        log=[message(number) for number in range(1, messages + 1)],
    )


def change(world: Tenant) -> None:
    """What happened in the tenant between two runs: every table must show some of it."""
    world.users[2]["FirstName"] = "Renamed"
    world.users += [user(number) for number in (901, 902)]
    for unit, rows in world.classlists.items():
        del rows[3]
        rows.append(member(unit, 901))
        world.courses[unit]["Name"] = f"Course {unit}, renewed"
    last = len(world.log)
    world.log += [message(number) for number in range(last + 1, last + 16)]


def user(number: int) -> Row:
    return {
        "OrgId": 6606,
        "UserId": number,
        "FirstName": f"First{number}",
        "MiddleName": None,
        "LastName": "Canary-Person",
        "UserName": f"user{number}",
        "ExternalEmail": f"canary-person-{number}@example.edu",
        "OrgDefinedId": None,
        "UniqueIdentifier": f"user{number}",
        "Activation": {"IsActive": True},
        "LastAccessedDate": "2026-01-05T08:00:00.000Z",
        "Pronouns": None,
    }


def course(unit: int) -> Row:
    return {
        "Identifier": str(unit),
        "Name": f"Course {unit}",
        "Code": f"C{unit}",
        "IsActive": True,
        "Path": f"/content/{unit}/",
        "StartDate": None,
        "EndDate": None,
        "CourseTemplate": None,
        "Semester": None,
        "Department": {"Identifier": "7", "Name": "Department", "Code": "D"},
        "Description": {"Text": "", "Html": ""},
        "CanSelfRegister": False,
    }


def member(unit: int, number: int) -> Row:
    return {
        "Identifier": str(number),
        "ProfileIdentifier": f"p{number}",
        "DisplayName": f"Canary-Person {number} in {unit}",
        "Username": f"user{number}",
        "OrgDefinedId": None,
        "Email": f"canary-person-{number}@example.edu",
        "FirstName": f"First{number}",
        "LastName": "Canary-Person",
        "RoleId": 110,
        "LastAccessed": None,
        "IsOnline": False,
        "ClasslistRoleDisplayName": "Learner",
    }


def message(number: int) -> Row:
    return {
        "LogMessageId": number,
        "LogLevel": "Info",
        # two messages share each moment
        "MessageTimestamp": f"2026-01-05T08:{number // 2 % 60:02}:00.000Z",
        "ExceptionMessage": f"Message {number}",
        "UserId": None,
    }


def paged(rows: list[Row], bookmark: str | None, *, more: bool) -> Row:
    """A PagedResultSet."""
    return {"PagingInfo": {"Bookmark": bookmark, "HasMoreItems": more}, "Items": rows}


def edited(change_page: Any) -> Any:
    """An effect: the page as it would be, after a change to its decoded JSON."""

    def effect(request: Request, normal: Any) -> Answer:
        answer = normal()
        page = json.loads(answer.encoded())
        answer.body = change_page(page) or page
        return answer

    return effect


def page(number: int, size: int = 10) -> Any:
    """Fits requests for that page of a list."""

    def fits(request: Request) -> bool:
        return int(request.params.get("bookmark", 0)) == (number - 1) * size

    return fits


def slowly(pieces: list[bytes], rest: float) -> Any:
    """Bytes with a rest before each piece but the first."""
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(rest)
        yield piece


def _problem(status: int, detail: str) -> Answer:
    title = {400: "Invalid Parameters", 401: "Unauthorized", 404: "Not Found"}[status]
    body = {"type": "http://docs.example.edu/", "title": title, "status": status, "detail": detail}
    return Answer(status, body, content_type="application/problem+json")


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


COURSE_TYPE = {"Id": 3, "Code": "Course Offering", "Name": "Course Offering"}
VERSIONS = [
    {"ProductCode": "lp", "LatestVersion": "1.49", "SupportedVersions": ["1.48", "1.49"]},
    {"ProductCode": "le", "LatestVersion": "1.82", "SupportedVersions": ["1.82"]},
]
