"""What is measured, and against what size of server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """One thing to load.

    Attributes:
        name: Short name.
        table: Table that is loaded.
        rows: Rows it must hold in the end.
        courses: Org units to read.
        latency_ms: How long the server waits before each answer.
        page: Rows on a page.
    """

    name: str
    title: str
    table: str
    rows: int
    courses: int
    latency_ms: float
    page: int

    @property
    def requests(self) -> int:
        """The least number of requests, without the one for versions."""
        return self.courses * -(-self.rows // self.courses // self.page)

    @property
    def server_arguments(self) -> list[str]:
        """Arguments for `benchmarks.server`."""
        sizes = {
            "enrollments": ["--enrollments", str(self.rows)],
            "classlist": ["--users-per-course", str(self.rows // self.courses)],
            "log_messages": ["--log-messages", str(self.rows)],
        }
        return [*sizes[self.table], "--latency-ms", str(self.latency_ms)]


def works(scale: float) -> list[Work]:
    """The three works of issue 4, at full size (1.0) or at a part of it."""
    courses = max(int(2000 * scale), 1)
    return [
        Work(
            "W1",
            "enrollments, pages of 1 000, no latency",
            "enrollments",
            int(1_000_000 * scale),
            1,
            0,
            1000,
        ),
        Work(
            "W2",
            "class lists of 100 users, 50 ms latency",
            "classlist",
            courses * 100,
            courses,
            50,
            100,
        ),
        Work(
            "W3",
            "log messages, pages of 100, 50 ms latency",
            "log_messages",
            int(20_000 * scale),
            1,
            50,
            100,
        ),
    ]
