"""Displays of a run: what they show, and that they end."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import dlt
import pytest
from dlt.common.runtime.collector import LogCollector
from rich.console import Console

from d2l_brightspace import run
from d2l_brightspace.client.activity import ActivityCounts, Wait
from d2l_brightspace.extract.progress import Snapshot, TableProgress
from d2l_brightspace.pipeline.progress import JsonLines, PlainLines, RunEnd, RunPlan, words
from d2l_brightspace.pipeline.progress.command import command_progress
from d2l_brightspace.pipeline.progress.terminal import Terminal
from d2l_brightspace.pipeline.progress.watch import watch
from d2l_brightspace.pipeline.report import RunReport, TableCount
from tests import ROOT

EVIL = "users\x1b]0;evil\x07\u202e[red]"
PLAN = RunPlan("p", "s", ["users", "classlist"], "warehouse", "data")
READING = Snapshot(
    "reading",
    60.0,
    tables=2,
    courses=2_000,
    courses_done=500,
    courses_complete=True,
    rows=12_000,
    skipped=3,
    activity=ActivityCounts(1_040, 10_400, 39_600, 0.0, None),
    seconds_left=180.0,
)
BEGUN = replace(READING, seconds=30.0, rows=6_000)


def now() -> datetime:
    return datetime(2026, 1, 5, 3, 0, 7, tzinfo=timezone.utc)


class Flushed(io.StringIO):
    """A stream that only shows what was flushed."""

    shown = ""

    def flush(self) -> None:
        self.shown = self.getvalue()


class Recorder:
    """A display that notes how it is called, and by how many threads at once."""

    interval_seconds = 0.001
    yields_to_dlt = True

    def __init__(self, *, fails_at: str = "") -> None:
        self.calls: list[str] = []
        self.ends: list[RunEnd] = []
        self.updated = threading.Event()
        self._fails_at = fails_at

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if call == self._fails_at:
            raise BrokenPipeError

    def begin(self, plan: RunPlan) -> None:
        self._note("begin")

    def enter(self, snapshot: Snapshot) -> None:
        self._note(snapshot.phase)

    def update(self, snapshot: Snapshot) -> None:
        self.updated.set()
        self._note("update")

    def table_over(self, table: TableProgress) -> None:
        self._note(f"{table.table} over")

    def end(self, end: RunEnd) -> None:
        self.ends.append(end)
        self._note("end")


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if "progress" in one.name]


# -- lines -------------------------------------------------------------------------------------


def test_lines_are_stamped_and_there_at_once() -> None:
    stream = Flushed()
    lines = PlainLines(stream, now=now)
    lines.begin(PLAN)
    assert stream.shown == (
        "2026-01-05T03:00:07Z p: will read 2 tables into warehouse, dataset data: "
        "users, classlist\n"
    )
    for snapshot in (Snapshot("connecting", 0.0), Snapshot("reading", 0.2)):
        lines.enter(snapshot)
    lines.update(BEGUN)
    lines.update(READING)
    lines.enter(replace(READING, phase="loading"))
    lines.end(RunEnd(61.4, error="PermissionDenied"))

    costs = "1,040 requests, 39,600 credits left, 3 skipped"
    minute = "1 min 00 s so far"
    left = "about 3 min 00 s left at this pace"
    assert [line.partition(" ")[2] for line in stream.shown.splitlines()[1:]] == [
        "connecting",
        "reading",
        f"reading: 500 of 2,000 courses, 6,000 rows, 201 rows/s, {costs}, {left}, 30 s so far",
        f"reading: 500 of 2,000 courses, 12,000 rows, 201 rows/s, {costs}, {left}, {minute}",
        f"loading into warehouse: 12,000 rows, {costs}, {minute}",
        "ended: failed (PermissionDenied), in 1 min 01 s",
    ]


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (Wait("credits", 12.4), "waiting for credits of the rate limit, 12 s more"),
        (Wait("rate limit", 90.0), "waiting as Brightspace's rate limit asks for, 1 min 30 s more"),
        (Wait("retry", 4.0), "a request that failed is sent again in 4 s"),
        (Wait("credits", 0.2), None),
        (None, None),
    ],
    ids=["credits", "retry-after", "retry", "usual-spacing", "nothing"],
)
def test_what_it_waits_for_is_said(wait: Wait | None, expected: str | None) -> None:
    waiting = replace(READING, activity=replace(READING.activity, wait=wait))
    assert words.waiting(waiting, words.Rate()) == expected


def test_a_run_that_the_rate_limit_slows_down_says_so() -> None:
    pace = words.Pace()
    pace.rate(BEGUN)
    slow = replace(READING, activity=replace(READING.activity, waited_seconds=24.0))
    assert "80% of the time spent waiting" in str(words.waiting(slow, pace.rate(slow)))


def test_more_may_be_found() -> None:
    assert words.place(replace(READING, courses_complete=False)) == (
        "500 of 2,000 courses found so far"
    )
    none_yet = replace(READING, courses=0, courses_done=0, courses_complete=False)
    assert words.place(none_yet) == "looking for courses"
    assert words.place(replace(none_yet, courses_complete=True)) == "0 of 0 courses"


# -- a terminal --------------------------------------------------------------------------------


def screen(snapshot: Snapshot) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={})
    display = Terminal(console)
    display.begin(PLAN)
    try:
        display.update(snapshot)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()
    finally:
        display.end(RunEnd(1.0))


def test_a_terminal_shows_courses_done_of_all() -> None:
    shown = screen(READING)
    for part in (
        "Reading 2 tables into warehouse, dataset data: users, classlist",
        "reading",
        "500 of 2,000 courses, about 3 min 00 s left at this pace",
        "12,000 rows, 1,040 requests, 39,600 credits left, 3 skipped",
    ):
        assert part in shown


def test_a_terminal_shows_waits_and_data_sets() -> None:
    shown = screen(
        replace(
            READING,
            data_sets=150,
            data_sets_done=12,
            bytes=2_500_000,
            doing=[(EVIL, "downloading")],
            activity=replace(READING.activity, wait=Wait("credits", 9.0)),
        )
    )
    for part in ("12 of 150 data sets", "2.5 MB", "downloading users", "waiting for credits"):
        assert part in shown
    assert "\x1b]0;" not in shown
    assert "\u202e" not in shown
    assert "[red]" in shown


def test_log_lines_go_above_the_display_and_afterwards_where_they_went() -> None:
    stream = sys.stderr
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    console = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={})
    display = Terminal(console)
    try:
        display.begin(PLAN)
        assert handler.stream is sys.stderr is not stream
        display.end(RunEnd(1.0))
        assert handler.stream is sys.stderr is stream
    finally:
        logging.getLogger().removeHandler(handler)


# -- for programs ------------------------------------------------------------------------------


def test_json_lines_are_one_object_each_and_hold_no_words_of_brightspace() -> None:
    stream = Flushed()
    lines = JsonLines(stream, now=now)
    skipped = {"resource": "users", "reason": "NotFound", "org_unit_id": 1, "detail": "secret"}
    report = RunReport("p", "d", "duckdb", ["1"], [TableCount("users", 1, 2, 1)], [skipped])
    lines.begin(PLAN)
    lines.enter(Snapshot("connecting", 0.0))
    lines.update(READING)
    lines.update(READING)
    lines.table_over(TableProgress("u", EVIL, "read", 5, began=1.0, ended=3.5))
    lines.table_over(TableProgress("c", "courses", "failed", error="NotFound"))
    lines.end(RunEnd(2.0, report))

    assert stream.shown.isascii()
    events = [json.loads(line) for line in stream.shown.splitlines()]
    assert {event["at"] for event in events} == {"2026-01-05T03:00:07.000Z"}
    assert [event["event"] for event in events] == [
        "run_started",
        "phase",
        "skipped",
        "progress",
        "progress",
        "table_finished",
        "table_failed",
        "run_finished",
    ]
    assert events[0]["tables"] == ["users", "classlist"]
    assert events[2]["count"] == 3
    assert (events[3]["courses"], events[3]["courses_done"]) == (2_000, 500)
    assert (events[5]["table"], events[5]["seconds"]) == (EVIL, 2.5)
    assert events[6]["error"] == "NotFound"
    last = events[7]
    assert (last["outcome"], last["report"]["exit_code"]) == ("skipped", 0)
    assert last["report"]["skipped"] == [{"table": "users", "reason": "NotFound", "requests": 1}]
    assert "secret" not in stream.shown


# -- beginning and end -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, ValueError(), KeyboardInterrupt()], ids=repr)
def test_the_display_ends_in_all_cases_and_is_silent_afterwards(
    error: BaseException | None,
) -> None:
    display = Recorder()
    raises = nullcontext() if error is None else pytest.raises(type(error))
    with raises, watch(display, PLAN) as watched:
        watched.enter("reading")
        watched.progress.finish("users")
        assert display.updated.wait(10)
        if error is not None:
            raise error
    assert not threads()
    calls = [call for call in display.calls if call != "update"]
    assert calls == ["begin", "reading", "users over", "end"]
    assert display.calls[-1] == "end"
    watched.enter("loading")
    assert display.ends[0].error == (None if error is None else type(error).__name__)


def test_a_display_that_fails_costs_no_run(caplog: pytest.LogCaptureFixture) -> None:
    display = Recorder(fails_at="reading")
    with watch(display, PLAN) as watched:
        watched.enter("reading")
        watched.enter("loading")
    assert [call for call in display.calls if call != "update"] == ["begin", "reading", "end"]
    assert "The run is not shown any more (BrokenPipeError)" in caplog.text
    assert not threads()


def made_up(*items: Any) -> Any:
    @dlt.source(name="made_up")
    def source() -> Any:
        @dlt.resource(name="users", write_disposition="merge", primary_key="id")
        def users() -> Any:
            for item in items:
                if isinstance(item, BaseException):
                    raise item
                yield item

        return users

    return source()


def test_a_run_is_shown_phase_by_phase(pipeline: dlt.Pipeline) -> None:
    display = Recorder()
    report = run(pipeline, made_up([{"id": 1}]), progress=display)
    assert [call for call in display.calls if call != "update"] == [
        "begin",
        "connecting",
        "reading",
        "normalizing",
        "loading",
        "end",
    ]
    assert display.ends == [RunEnd(display.ends[0].seconds, report)]
    assert "load_runs" not in pipeline.default_schema.tables  # of another source
    assert not threads()


def test_a_run_that_is_interrupted_ends_its_display(pipeline: dlt.Pipeline) -> None:
    display = Recorder()
    with pytest.raises(KeyboardInterrupt):
        run(pipeline, made_up([{"id": 1}], KeyboardInterrupt()), progress=display)
    assert display.calls[-1] == "end"
    assert display.ends[0].error == "KeyboardInterrupt"
    assert not threads()


def test_dlts_own_progress_takes_the_place_of_ours(make_pipeline: Any) -> None:
    own = io.StringIO()
    display, programs = Recorder(), Recorder()
    programs.yields_to_dlt = False
    pipeline = make_pipeline(progress=LogCollector(0.0, logger=own, dump_system_stats=False))
    run(pipeline, made_up([{"id": 1}]), progress=display)
    run(pipeline, made_up([{"id": 1}]), progress=programs)
    assert display.calls == []
    assert programs.calls[-1] == "end"
    assert "Extract" in own.getvalue()


def test_who_asks_for_none_is_shown_nothing(
    pipeline: dlt.Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    run(pipeline, made_up([{"id": 1}]))
    assert capsys.readouterr() == ("", "")


def test_a_command_shows_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert isinstance(command_progress("auto"), PlainLines)
    assert capsys.readouterr().err.endswith("Z starting\n")
    assert isinstance(command_progress("json"), JsonLines)


@pytest.mark.parametrize("log_format", ["auto", "json"])
def test_a_command_that_was_started_with_stderr_closed_runs_unseen(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, log_format: Any
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    report = run(pipeline, made_up([{"id": 1}]), progress=command_progress(log_format))
    assert report.outcome == "complete"


def test_the_first_line_waits_for_no_slow_import() -> None:
    code = (
        "import sys; from d2l_brightspace.pipeline.progress import command_progress; "
        "command_progress(); print([one for one in ('dlt', 'rich') if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout == "[]\n"
    assert done.stderr.endswith("Z starting\n")
