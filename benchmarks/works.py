"""What is measured, and against what size of server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """One thing to load.

    Attributes:
        name: Short name.
        title: What it is.
        tables: Tables that are loaded; the last one has the rows.
        rows: Rows that it must hold in the end.
        courses: Org units to read.
        latency_ms: How long the server waits before each answer.
        server: Arguments for `benchmarks.server`.
        requests: The least number of requests, without the one for versions.
    """

    name: str
    title: str
    tables: Sequence[str]
    rows: int
    courses: int
    latency_ms: float
    server: Sequence[str]
    requests: int

    @property
    def table(self) -> str:
        """The table that has the rows."""
        return self.tables[-1]

    @property
    def server_arguments(self) -> list[str]:
        """Arguments for `benchmarks.server`."""
        return [*self.server, "--latency-ms", str(self.latency_ms)]


def works(scale: float) -> list[Work]:
    """All works, at full size (1.0) or at a part of it."""
    return [my_enrollments(scale), class_lists(scale), log_messages(scale), attempts(scale)]


def my_enrollments(scale: float) -> Work:
    """The worst flat table: nested blocks, and an array in each row."""
    rows = int(1_000_000 * scale)
    return Work(
        "W1",
        "my_enrollments (an array in each row), pages of 1 000, no latency",
        ["my_enrollments"],
        rows,
        1,
        0,
        ["--my-enrollments", str(rows)],
        -(-rows // 1000),
    )


def class_lists(scale: float) -> Work:
    """Many small lists, one for each course."""
    courses = max(int(2000 * scale), 1)
    return Work(
        "W2",
        "class lists of 100 users, 50 ms latency",
        ["classlist"],
        courses * 100,
        courses,
        50,
        ["--users-per-course", "100"],
        courses,
    )


def log_messages(scale: float) -> Work:
    """One list that can be read in windows of time; two years, unevenly filled."""
    rows = int(20_000 * scale)
    return Work(
        "W3",
        "log messages of two years, pages of 100, 50 ms latency",
        ["log_messages"],
        rows,
        1,
        50,
        ["--log-messages", str(rows)],
        -(-rows // 100),
    )


def attempts(scale: float) -> Work:
    """Grandchildren: each course's quizzes, each quiz's attempts."""
    courses = max(int(500 * scale), 1)
    return Work(
        "W5",
        "attempts at 8 quizzes of each course, 40 at each, 50 ms latency",
        ["quizzes", "quiz_attempts"],
        courses * 8 * 40,
        courses,
        50,
        ["--quizzes", "8", "--attempts", "40"],
        courses * 9,
    )


def smallest() -> Work:
    """One table, one page: what a process costs before and after all reading."""
    return Work(
        "W0", "one page of 100 rows", ["classlist"], 100, 1, 0, ["--users-per-course", "100"], 1
    )


def enrollments(rows: int) -> Work:
    """One org unit's list of any length, which is loaded whole or not at all."""
    return Work(
        f"{rows:,} rows",
        "",
        ["enrollments"],
        rows,
        1,
        0,
        ["--enrollments", str(rows)],
        -(-rows // 1000),
    )


def small_courses(courses: int) -> Work:
    """Any number of courses of ten users."""
    return Work(
        f"{courses:,} courses",
        "",
        ["classlist"],
        courses * 10,
        courses,
        5,
        ["--users-per-course", "10"],
        courses,
    )
