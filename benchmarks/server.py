"""A Brightspace that costs nothing: answers are made before the first request arrives.

Not the sandbox, which checks what it is sent and would be what the benchmark measures. This one
looks at the path and the bookmark only, and writes bytes that are there already; `make bench`
proves that it is not the bottleneck by reading it with a client that throws everything away.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

SECONDS_BETWEEN_MESSAGES = 60
_ENROLLMENT = {
    "Role": {"Id": 110, "Code": "S", "Name": "Student"},
}


@dataclass
class Bucket:
    """The credit bucket; capacity 0 switches it off."""

    capacity: float = 0
    refill: float = 0
    cost: float = 10
    level: float = field(init=False)
    seen: float = field(init=False)
    refused: int = 0

    def __post_init__(self) -> None:
        self.level, self.seen = self.capacity, time.monotonic()

    def pay(self) -> tuple[bool, str]:
        """Whether a call can be paid, and the headers that say what is left."""
        if not self.capacity:
            return True, ""
        now = time.monotonic()
        self.level = min(self.capacity, self.level + (now - self.seen) * self.refill)
        self.seen = now
        if self.level < self.cost:
            self.refused += 1
            wait = math.ceil((self.cost - self.level) / self.refill)
            return False, f"Retry-After: {wait}\r\n"
        self.level -= self.cost
        reset = math.ceil((self.capacity - self.level) / self.refill)
        return True, (
            f"X-Rate-Limit-Remaining: {int(self.level)}\r\nX-Request-Cost: {int(self.cost)}\r\n"
            f"X-Rate-Limit-Reset: {reset}\r\n"
        )


@dataclass(frozen=True)
class Size:
    """How much there is to read."""

    enrollments: int
    courses: int
    users_per_course: int
    log_messages: int
    enrollment_page: int = 1000
    log_page: int = 100


class Pages:
    """All bodies, by what is asked for."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._enrollments = [
            self._enrollment_page(first)
            for first in range(0, size.enrollments, size.enrollment_page)
        ]
        self._class_list = _body({"Next": None, "Objects": _class_list(size.users_per_course)})
        # the logs reach until now, as those of a living system do
        spread = timedelta(seconds=SECONDS_BETWEEN_MESSAGES * (size.log_messages + 1))
        self._begin = datetime.now(timezone.utc).replace(microsecond=0) - spread
        self._messages = [
            _message(number, self._begin) for number in range(1, size.log_messages + 1)
        ]

    def answer(self, target: str) -> bytes | None:
        """The body for a request target; None where there is none."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for pattern, method in self._routes().items():
            if re.search(pattern, parts.path):
                return method(query)
        return None

    def _routes(self) -> dict[str, Callable[[dict[str, str]], bytes]]:
        return {
            r"/classlist/paged/$": lambda _: self._class_list,
            r"/enrollments/orgUnits/\d+/users/$": self._enrollment,
            r"/logging/$": self._log,
            r"/versions/$": lambda _: _body(
                [
                    {"ProductCode": code, "LatestVersion": latest, "SupportedVersions": [latest]}
                    for code, latest in (("lp", "1.62"), ("le", "1.98"))
                ]
            ),
        }

    def _enrollment_page(self, first: int) -> bytes:
        last = min(first + self.size.enrollment_page, self.size.enrollments)
        return _body(
            {
                "PagingInfo": {"Bookmark": str(last), "HasMoreItems": last < self.size.enrollments},
                "Items": [{"User": _user(number), **_ENROLLMENT} for number in range(first, last)],
            }
        )

    def _enrollment(self, query: dict[str, str]) -> bytes:
        return self._enrollments[int(query.get("bookmark", 0)) // self.size.enrollment_page]

    def _log(self, query: dict[str, str]) -> bytes:
        # numbers and times grow together, so that a range of times is a range of numbers
        start = self._number_at(query.get("dateRangeStart"), 1)
        end = self._number_at(query.get("dateRangeEnd"), self.size.log_messages, up=False)
        end = min(end, self.size.log_messages)
        first = max(start, int(query.get("bookmark", 0)) + 1)
        last = min(first + self.size.log_page - 1, end)
        items = ",".join(self._messages[first - 1 : last])
        more = "true" if last < end else "false"
        bookmark = f'"{last}"' if items else "null"
        return (
            f'{{"PagingInfo":{{"Bookmark":{bookmark},"HasMoreItems":{more}}},"Items":[{items}]}}'
        ).encode()

    def _number_at(self, moment: str | None, otherwise: int, *, up: bool = True) -> int:
        if moment is None:
            return otherwise
        passed = datetime.fromisoformat(moment.replace("Z", "+00:00")) - self._begin
        number = passed.total_seconds() / SECONDS_BETWEEN_MESSAGES
        return max(1 if up else 0, math.ceil(number) if up else math.floor(number))


class Answering(asyncio.Protocol):
    """One connection: GET requests without bodies, kept alive."""

    def __init__(self, pages: Pages, bucket: Bucket, latency: float, times: list[float]) -> None:
        self._pages = pages
        self._bucket = bucket
        self._latency = latency
        self._times = times
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head, self._rest = self._rest[:end], self._rest[end + 4 :]
            target = head.split(b" ", 2)[1].decode()
            answer = self._answer(target)
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._write, answer)
            else:
                self._write(answer)

    def _answer(self, target: str) -> bytes:
        if target == "/requests":
            return _response(200, self._counted())
        self._times.append(time.monotonic())
        paid, headers = self._bucket.pay()
        if not paid:
            return _response(429, b"{}", headers)
        body = self._pages.answer(target)
        return _response(404, b"{}") if body is None else _response(200, body, headers)

    def _counted(self) -> bytes:
        """What came since the last time somebody asked."""
        times, refused = list(self._times), self._bucket.refused
        self._times.clear()
        self._bucket.refused = 0
        span = times[-1] - times[0] if times else 0.0
        return _body({"requests": len(times), "refused": refused, "seconds": span})

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]


def _response(status: int, body: bytes, headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def _body(block: object) -> bytes:
    return json.dumps(block, separators=(",", ":")).encode()


def _user(number: int) -> dict[str, object]:
    return {
        "Identifier": str(10_000 + number),
        "DisplayName": f"Student {number}",
        "EmailAddress": f"student{number}@example.edu",
        "OrgDefinedId": f"S{number:07d}",
        "ProfileBadgeUrl": None,
        "ProfileIdentifier": f"p{number:08x}",
        "UserName": f"student{number}",
    }


def _class_list(users: int) -> list[dict[str, object]]:
    return [
        {
            "Identifier": str(10_000 + number),
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


def _message(number: int, begin: datetime) -> str:
    moment = begin + timedelta(seconds=number * SECONDS_BETWEEN_MESSAGES)
    return json.dumps(
        {
            "LogMessageId": number,
            "LogLevel": "Error",
            "MessageTimestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
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
            "UserId": 10_000 + number % 1000,
            "OrgId": 6606,
            "OrgUnitId": 6606 + number % 100,
        },
        separators=(",", ":"),
    )


async def serve(size: Size, bucket: Bucket, latency: float) -> None:
    """Serve on a free port of loopback, which is printed, until killed."""
    pages, times = Pages(size), list[float]()
    server = await asyncio.get_running_loop().create_server(
        lambda: Answering(pages, bucket, latency, times), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("enrollments", "courses", "users-per-course", "log-messages"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--credits", type=float, default=0)
    parser.add_argument("--refill", type=float, default=0)
    options = parser.parse_args()
    size = Size(
        options.enrollments, options.courses, options.users_per_course, options.log_messages
    )
    bucket = Bucket(options.credits, options.refill)
    asyncio.run(serve(size, bucket, options.latency_ms / 1000))


if __name__ == "__main__":
    main()
