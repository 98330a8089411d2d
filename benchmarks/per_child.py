"""CPU of executor and dlt for each child request, with answers that are there at once.

A process of its own for each load, `python -m benchmarks.per_child TABLE COURSES`, prints the CPU
seconds of `pipeline.extract`; the slope between two sizes is what one list costs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SIZES = (500, 4500)
_QUIZZES = 8


@dataclass(frozen=True)
class PerChild:
    """CPU seconds for one list."""

    classlists: float
    attempts: float


def measure() -> PerChild:
    """Measure both kinds of children."""
    return PerChild(
        _slope("classlist", _SIZES, 1), _slope("quiz_attempts", (50, 500), _QUIZZES + 1)
    )


def _slope(table: str, sizes: tuple[int, int], lists: int) -> float:
    small, large = (min(_cpu(table, courses) for _ in range(3)) for courses in sizes)
    return (large - small) / ((sizes[1] - sizes[0]) * lists)


def _cpu(table: str, courses: int) -> float:
    command = [sys.executable, "-m", "benchmarks.per_child", table, str(courses)]
    root = Path(__file__).resolve().parents[1]
    return float(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)


def main() -> None:
    """Extract the lists of so many courses without a server."""
    import dlt

    from d2l_brightspace import BearerAuth, d2l_brightspace_source
    from d2l_brightspace.client.sending.sender import Sender

    def ask(_sender: Any, url: str, route: Any, _context: Any) -> tuple[Any, str]:
        if url.endswith("/quizzes/"):
            rows = b",".join(b'{"QuizId":%d}' % number for number in range(_QUIZZES))
            return route.parse(b'{"Next":null,"Objects":[%b]}' % rows), url
        return route.parse(b'{"Next":null,"Objects":[]}'), url

    def versioned(_sender: Any, url: str) -> str:
        return url.replace("(version)", "1.98")

    Sender.ask, Sender.versioned = ask, versioned  # type: ignore[assignment,method-assign]
    table, courses = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "per_child",
            pipelines_dir=folder,
            destination=dlt.destinations.duckdb(f"{folder}/w.duckdb"),
            dataset_name="brightspace",
        )
        source = d2l_brightspace_source(
            "http://127.0.0.1:1",
            BearerAuth(token="benchmark"),
            org_unit_ids=range(1, int(courses) + 1),
            tables=[table],
        )
        before = time.process_time()
        pipeline.extract(source)
        print(time.process_time() - before)


if __name__ == "__main__":
    main()
