"""Ours against plain dlt and against the limit of the wire, in one run and in alternation.

    make bench                      # all of it, into docs/performance.md: half an hour
    python -m benchmarks --tenth    # a tenth only
    python -m benchmarks --growth   # time and memory against rows and courses

Every figure is of a process of its own, from start to end: imports, reading, loading. Each load is
checked for the rows it must hold, and the server counts the requests. Writes docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import duckdb

from . import data_sets, per_child
from .works import (
    Work,
    class_lists,
    enrollments,
    my_enrollments,
    small_courses,
    smallest,
    works,
)

ROOT = Path(__file__).resolve().parents[1]
IN_FLIGHT = 40
_LIMITS = "SOURCES__D2L_BRIGHTSPACE_SOURCE__LIMITS__"


@dataclass(frozen=True)
class Measured:
    """One load by one process."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    requests: int
    refused: int
    reading_seconds: float
    """From the first request that the server saw to the last one."""


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tenth", action="store_true", help="a tenth of the size only")
    parser.add_argument("--growth", action="store_true", help="growth only")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each (default: 3)")
    parser.add_argument("--write", type=Path, help="folder for performance.md and its plots")
    options = parser.parse_args()
    report = [_machine()]
    if not options.growth:
        report.append(_proof_of_the_server())
        scales = [0.1] if options.tenth else [0.1, 1.0]
        report += [_comparison(scale, options.rounds, options.write) for scale in scales]
        report.append(_smallest_load(options.rounds))
        report.append(_per_child_request())
        report.append(_within_the_budget(options.rounds))
    if options.growth or options.write:
        report.append(_growth(options.write))
    if not options.growth and not options.tenth:
        # last: a process counts its parent's memory as its own, and this one makes a large file
        report.append(data_sets.report([(5_000_000, options.rounds), (20_000_000, 1)]))
        print(report[-1])
    text = "\n".join(report)
    if options.write:
        (options.write / "performance.md").write_text(f"# Performance\n\n{text}\n{_NOTES}")
    return 0


def _comparison(scale: float, rounds: int, folder: Path | None) -> str:
    seconds: dict[str, dict[str, float]] = {}
    lines = [
        f"\n## {'A tenth of the size' if scale < 1 else 'Full size'}\n",
        "| work | who | seconds | of the limit | CPU s | peak MB | requests |",
        "|---|---|---|---|---|---|---|",
    ]
    for work in works(scale):
        found: dict[str, list[Measured]] = {"limit": [], "ours": [], "plain": []}
        with served(work.server_arguments) as address:
            for number in range(rounds):
                for who, measured in found.items():
                    if who == "plain" and (number or scale == 1.0):
                        continue  # minutes each; a tenth is enough to tell
                    measured.append(load(who, work, address))
                    print(f"{work.name} x {scale:g} {who}: {measured[-1]}", flush=True)
        found = {who: measured for who, measured in found.items() if measured}
        medians = {who: statistics.median(one.seconds for one in found[who]) for who in found}
        seconds[work.name] = medians
        lines += [_line(work, who, found[who], medians) for who in found]
    if folder is not None and scale == 1.0:
        _plot_comparison(seconds, folder / "comparison.svg")
        lines.append("\n![seconds of each work](comparison.svg)")
    text = "\n".join(lines)
    print(text)
    return text


def _line(work: Work, who: str, measured: Sequence[Measured], medians: Mapping[str, float]) -> str:
    cells = [
        f"{work.name} {work.rows:,} rows: {work.title}",
        who,
        f"{medians[who]:.2f}",
        f"{medians[who] / medians['limit']:.2f}",
        f"{statistics.median(one.cpu_seconds for one in measured):.1f}",
        f"{max(one.peak_megabytes for one in measured):.0f}",
        f"{measured[-1].requests}",
    ]
    return "| " + " | ".join(cells) + " |"


def _within_the_budget(rounds: int) -> str:
    """W2 at a tenth of its size with a bucket that refills 200 credits/s and 10 credits a call."""
    work, refill, cost, capacity = class_lists(0.1), 200.0, 10.0, 200.0
    # from a full bucket: what it holds is there at once, the rest has to flow back
    least = (cost * (work.requests + 1) - capacity) / refill
    budget = ["--credits", str(capacity), "--refill", str(refill)]
    measured = []
    for _ in range(rounds):
        with served([*work.server_arguments, *budget]) as address:
            measured.append(load("ours", work, address))
    with served(work.server_arguments) as address:
        without = load("ours", work, address)
    reading = statistics.median(one.reading_seconds for one in measured)
    whole = statistics.median(one.seconds for one in measured)
    text = (
        f"\n## Within a credit budget\n\nW2 at a tenth, a full bucket of {capacity:.0f}, refill "
        f"{refill:.0f}/s, {cost:.0f} a call: the credits cost at least {least:.2f} s. From the "
        f"first request to the last it takes {reading:.2f} s ({reading / least:.2f} of that), the "
        f"whole process {whole:.2f} s ({whole / least:.2f}); without a limit the process takes "
        f"{without.seconds:.2f} s. Refused (429): {sum(one.refused for one in measured)}.\n"
    )
    print(text)
    return text


def _smallest_load(rounds: int) -> str:
    """What a process costs before its first request and after its last."""
    work = smallest()
    found: dict[str, list[Measured]] = {"bare": [], "ours": []}
    with served(work.server_arguments) as address:
        for _ in range(2 * rounds):
            for who, measured in found.items():
                measured.append(load(who, work, address))
    seconds = {who: [one.seconds for one in measured] for who, measured in found.items()}
    median = {who: statistics.median(values) for who, values in seconds.items()}
    text = (
        f"\n## The smallest load\n\nOne table, one page, the whole process: "
        f"{median['ours']:.2f} s (least {min(seconds['ours']):.2f} s). The same rows, merged by "
        f"dlt alone, without a request: {median['bare']:.2f} s (least {min(seconds['bare']):.2f} "
        f"s), so ours is {median['ours'] / median['bare']:.2f} of dlt.\n"
    )
    print(text)
    return text


def _per_child_request() -> str:
    """CPU of executor and dlt for each list of a course or of a course's quiz."""
    measured = per_child.measure()
    text = (
        f"\n## CPU for each child request\n\nExecutor and dlt, the HTTP exchange and the rows "
        f"themselves apart: {measured.classlists * 1000:.3f} ms for a list of a course, "
        f"{measured.attempts * 1000:.3f} ms for a list of a course's quiz.\n"
    )
    print(text)
    return text


def _proof_of_the_server() -> str:
    """How fast the server is read by a client that throws everything away."""
    work = my_enrollments(0.1)
    with served(work.server_arguments) as address:
        url = f"{address}/d2l/api/lp/1.62/enrollments/myenrollments/"
        started = time.perf_counter()
        size = 0
        for page in range(work.requests):
            with urllib.request.urlopen(f"{url}?bookmark={page * 1000}") as answer:
                size += len(answer.read())
        seconds = time.perf_counter() - started
    text = (
        f"The server alone: {work.requests} pages, {size / 1e6:.0f} MB, read and thrown away one "
        f"after the other in {seconds:.2f} s ({work.rows / seconds / 1e6:.2f} million rows/s).\n"
    )
    print(text)
    return text


def _growth(folder: Path | None) -> str:
    by_rows = [enrollments(rows) for rows in (10_000, 30_000, 100_000, 300_000, 1_000_000)]
    by_courses = [small_courses(courses) for courses in (10, 100, 1000, 3000, 10_000)]
    lines = ["\n## Growth\n", "| size | seconds | peak MB |", "|---|---|---|"]
    series: list[tuple[str, list[int], list[Measured]]] = []
    for title, group in (("enrollments", by_rows), ("courses of 10 users", by_courses)):
        measured = []
        for work in group:
            with served(work.server_arguments) as address:
                measured.append(load("ours", work, address))
            one = measured[-1]
            lines.append(f"| {work.name} | {one.seconds:.2f} | {one.peak_megabytes:.0f} |")
            print(lines[-1], flush=True)
        sizes = [w.rows if w.table == "enrollments" else w.courses for w in group]
        series.append((title, sizes, measured))
    if folder is not None:
        _plot(series, folder / "growth.svg")
        lines.append("\n![time and memory against size](growth.svg)")
    return "\n".join(lines)


def _plot_comparison(seconds: Mapping[str, Mapping[str, float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.subplots()
    for place, who in enumerate(("limit", "ours")):  # plain dlt is measured at a tenth only
        values = [medians[who] for medians in seconds.values()]
        bars = axes.barh([one + 0.4 * place for one in range(len(values))], values, 0.38)
        bars.set_label(who)
        axes.bar_label(bars, fmt="%.1f s", padding=3)
    axes.set(xlabel="seconds")
    axes.margins(x=0.1)
    axes.set_yticks([one + 0.2 for one in range(len(seconds))], list(seconds))
    axes.invert_yaxis()
    axes.legend()
    figure.savefig(path)


def _plot(series: Sequence[tuple[str, list[int], list[Measured]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, len(series))
    for column, (title, sizes, measured) in enumerate(series):
        for row, (label, values) in enumerate(
            [
                ("seconds", [one.seconds for one in measured]),
                ("peak MB", [one.peak_megabytes for one in measured]),
            ]
        ):
            axes[row][column].plot(sizes, values, marker="o")
            axes[row][column].set(xlabel=title, ylabel=label, ylim=(0, None))
            axes[row][column].grid(visible=True, alpha=0.3)
    figure.savefig(path)


def load(who: str, work: Work, address: str) -> Measured:
    """Load once in a process of its own, and check that every row arrived."""
    _counted(address)
    with tempfile.TemporaryDirectory() as folder:
        database, tables = f"{folder}/w.duckdb", ",".join(work.tables)
        arguments = {
            "limit": [address, tables, str(work.courses), str(IN_FLIGHT), database],
        }.get(who, [address, tables, str(work.courses), database, folder])
        environment = {
            **os.environ,
            _LIMITS + "REQUESTS_IN_FLIGHT": str(IN_FLIGHT),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{who}", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{who} failed on {work.name}")
        _check_rows(database, who, work)
    counted = _counted(address)
    return Measured(
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        int(counted["requests"]),
        int(counted["refused"]),
        counted["seconds"],
    )


def _check_rows(database: str, who: str, work: Work) -> None:
    table = work.table if who == "limit" else f"brightspace.{work.table}"
    with duckdb.connect(database, read_only=True) as connection:
        (rows,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchall()[0]
    if rows != work.rows:
        raise RuntimeError(f"{who} loaded {rows} rows of {work.name}, not {work.rows}")


@contextmanager
def served(arguments: Sequence[str]) -> Iterator[str]:
    """Serve in a process of its own; gives the address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.wait()


def _counted(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{address}/requests") as answer:
        counted: dict[str, float] = json.load(answer)
    return counted


_NOTES = """
## Reading these figures

* *limit* is a script that fetches with aiohttp, decodes with msgspec into typed structs, makes
  Arrow columns and inserts them into DuckDB while it reads on: no dlt, no retries, no checks.
  *plain* is dlt's `rest_api` as its documentation has it, measured at a tenth only. The server is
  `benchmarks/server.py`, for data sets the sandbox; it runs on the same cores.
* Requests: one more than the least for `/versions/`. W3 is split into windows of time while it is
  read; each ends with a page that is not full.
* A list of the whole tenant leaves in tables of 50 000 rows. One org unit's list is loaded whole or
  not at all, so it waits as Arrow until its end. The peak is DuckDB's, while it inserts.
* CPU for each child request: loads of many empty lists that are answered in memory, the larger
  load's CPU less the smaller one's, by the lists between them.
* Memory of data sets: both sides grow until DuckDB has filled its `memory_limit`, and no further.
"""


def _machine() -> str:
    text = (
        f"Measured on {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, dlt {version('dlt')}, DuckDB {duckdb.__version__}, whole "
        "processes, medians. The server runs on the same cores.\n"
    )
    print(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
