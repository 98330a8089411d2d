"""A run as it is watched, what it leaves in `load_runs`, and what `status` makes of that."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from click.testing import CliRunner, Result

from d2l_brightspace import BearerAuth, PermissionDenied, RunReport, d2l_brightspace_source, run
from d2l_brightspace.cli.main import main
from d2l_brightspace.extract.load_runs import LOAD_RUNS
from d2l_brightspace.pipeline.progress import JsonLines
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests.conftest import new_pipeline

TABLES = ["courses", "classlist", "users"]


@dataclass
class School:
    """A sandbox, and the tables of its courses after some runs."""

    sandbox: Sandbox
    folder: Path
    pipeline: dlt.Pipeline

    def run(self, display: Any = None, **arguments: Any) -> RunReport:
        source = d2l_brightspace_source(
            self.sandbox.url,
            BearerAuth(**self.sandbox.credentials["bearer"]),
            **{"tables": TABLES, **arguments},
        )
        return run(self.pipeline, source, progress=display)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as connection:
            found = connection.execute(sql.replace("$", "d2l_brightspace_data."))
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def runs(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM $load_runs ORDER BY started_at")

    def status(self, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
        monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", "duckdb")
        monkeypatch.setenv(
            "DESTINATION__WAREHOUSE__CREDENTIALS", str(self.folder / "warehouse.duckdb")
        )
        return CliRunner().invoke(main, ["status", *options])


@contextmanager
def opened(folder: Path) -> Iterator[School]:
    settings = SandboxSettings(courses=6, users=20, log_messages=0, forbidden_courses=1)
    with Sandbox(settings, port=0) as sandbox:
        yield School(sandbox, folder, new_pipeline(folder))


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    with opened(tmp_path) as one:
        yield one


def costs(sandbox: Sandbox) -> tuple[int, int]:
    """How many requests arrived, and how many credits they cost; versions are asked for free."""
    paid = [one for one in sandbox.requests if not one["path"].startswith("/d2l/api/versions")]
    return len(sandbox.requests), len(paid) * sandbox.settings.request_cost


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@dataclass
class Watched:
    """Two runs: of all tables, and of the class lists when somebody has left a course."""

    school: School
    first: RunReport
    events: list[dict[str, Any]]
    costs: tuple[int, int]
    truth: dict[str, Any]
    second: RunReport


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    shown = io.StringIO()
    with opened(folder) as school:
        first = school.run(JsonLines(shown, interval_seconds=0.02))
        known = costs(school.sandbox), school.sandbox.truth(*TABLES)
        world = school.sandbox.world
        course = world.course_ids[0]
        world.unenroll(course, world.class_list(course)[0].user_id)
        second = school.run(tables=["classlist"])
        yield Watched(school, first, events(shown), *known, second)


def test_the_report_says_what_the_run_did_and_took(watched: Watched) -> None:
    report = watched.first
    requests, credits_spent = watched.costs
    assert (report.requests, report.credits_spent) == (requests, credits_spent)
    counted = {one.table: one for one in report.tables}
    assert {*counted} == {*TABLES, "skipped_requests"}
    for table in TABLES:
        one, rows = counted[table], watched.truth[table]
        assert (one.from_this_run, one.change, one.in_all) == (rows, rows, rows)
        assert 0 < (one.seconds or 0) < (report.seconds or 0)
    assert (counted["courses"].skipped, counted["users"].skipped) == (1, 0)
    assert report.place == str(watched.school.folder / "warehouse.duckdb")
    assert f"The data is in {report.place}\n" in str(report)
    assert f"{requests} requests, {credits_spent} credits\n" in str(report)
    assert report.as_json()["outcome"] == report.outcome == "skipped"
    # Brightspace's own words may name a person
    assert "orgUnitId" in str(report.skipped)
    assert "orgUnitId" not in json.dumps(report.as_json())
    changes = {one.table: one.change for one in watched.second.tables}
    assert changes == {"classlist": -1, "courses": 0, "users": 0, "skipped_requests": 1}


def test_what_is_shown_is_what_was_read(watched: Watched) -> None:
    found = watched.events
    assert (found[0]["event"], {*found[0]["tables"]}) == ("run_started", {*TABLES})
    (loading,) = (one for one in found if (one["event"], one.get("phase")) == ("phase", "loading"))
    assert (loading["courses"], loading["courses_done"]) == (6, 6)
    assert loading["courses_complete"]
    assert (loading["requests"], loading["credits"]) == watched.costs
    assert loading["rows"] == sum(watched.truth[table] for table in TABLES)
    assert (loading["skipped"], loading["tables_read"]) == (2, 3)
    assert {one["table"] for one in found if one["event"] == "table_finished"} == {*TABLES}
    assert found[-1]["event"] == "run_finished"
    assert found[-1]["report"] == watched.first.as_json()


def test_each_run_is_a_row_of_load_runs(watched: Watched) -> None:
    row, second = watched.school.runs()
    requests, credits_spent = watched.costs
    assert row["run_id"] == watched.first.load_ids[0]
    assert (row["outcome"], row["error"], row["source"]) == ("skipped", None, "d2l_brightspace")
    assert (row["requests"], row["credits"]) == (requests, credits_spent)
    assert row["skipped_requests"] == 2
    assert json.loads(row["rows_by_table"]) == {
        one.table: one.from_this_run for one in watched.first.tables
    }
    assert json.loads(row["tables_read"]) == sorted(TABLES)
    assert row["dlt_version"] == dlt.__version__
    seconds = (row["ended_at"] - row["started_at"]).total_seconds()
    assert row["seconds"] == pytest.approx(seconds, abs=0.001)
    assert seconds > 0
    assert {*LOAD_RUNS["columns"]} == {name for name in row if not name.startswith("_dlt_")}
    assert all(hint["description"] for hint in LOAD_RUNS["columns"].values())
    assert second["run_id"] == watched.second.load_ids[0]
    assert json.loads(second["tables_read"]) == ["classlist"]


def test_status_tells_age_and_what_is_skipped_since_when(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = watched.school.status(monkeypatch, "--max-age", "1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "classlist  PermissionDenied          1         1" in result.stdout

    (dataset,) = json.loads(watched.school.status(monkeypatch, "--json").stdout)["datasets"]
    assert dataset["last_run"]["run_id"] == watched.second.load_ids[0]
    last = {one["table"]: one["last_good_run"] for one in dataset["tables"]}
    assert last["classlist"] > last["users"] == last["courses"]
    found = {one["resource"]: one for one in dataset["skipped"]}
    assert {*found} == {"classlist", "courses"}  # each by the newest run that read it
    recorded = watched.school.rows(
        "SELECT epoch_us(recorded_at) AS at FROM $skipped_requests "
        "WHERE resource = 'classlist' ORDER BY 1"
    )
    seen = [found["classlist"][which] for which in ("first_seen", "last_seen")]
    assert [round(datetime.fromisoformat(one).timestamp() * 1e6) for one in seen] == [
        one["at"] for one in recorded
    ]


def test_failures_are_recorded_and_make_a_table_stale(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.sandbox.fail("users", 403)
    with pytest.raises(PermissionDenied):
        school.run()
    school.sandbox.fail("versions", 401)
    with pytest.raises(Exception, match="401"):
        school.run()

    first, second = school.runs()
    assert first["outcome"] == "failed_tables"
    assert json.loads(first["failed_tables"]) == ["users"]
    assert json.loads(first["tables_read"]) == ["classlist", "courses"]
    assert (second["outcome"], second["error"]) == ("failed", "AuthenticationError")
    assert second["run_id"] != first["run_id"]
    assert json.loads(second["tables_read"]) == []

    requests = len(school.sandbox.requests)
    result = school.status(monkeypatch, "--max-age", "1")
    assert result.exit_code == 1
    assert "failed (AuthenticationError)" in result.stdout
    lines = {line.split()[0]: line for line in reversed(result.stdout.splitlines()) if line}
    assert " ".join(lines["users"].split()[1:]) == "never failed in its last run, too old"
    assert "too old" not in lines["courses"]
    assert school.status(monkeypatch).exit_code == 0
    assert len(school.sandbox.requests) == requests


@pytest.mark.parametrize("is_there", [False, True], ids=["no-file", "other-tables"])
def test_status_says_that_nothing_was_loaded_and_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    file = tmp_path / "warehouse.duckdb"
    if is_there:
        duckdb.connect(str(file)).close()
    content = file.read_bytes() if is_there else None
    nothing: Any = None
    result = School(nothing, tmp_path, nothing).status(monkeypatch, "--dataset", "mine")
    assert result.exit_code == 1
    assert "No run is recorded in the dataset mine of the destination 'warehouse'" in result.stderr
    assert (file.read_bytes() if file.exists() else None) == content


def test_plain_dlt_makes_no_table_of_runs(school: School, source_of: Callable[..., Any]) -> None:
    school.pipeline.run(source_of(school.sandbox, "bearer", tables=["users"]))
    assert "load_runs" not in school.pipeline.default_schema.tables
    # the first run that records itself finds the other tables there
    school.run(tables=["users"])
    assert len(school.runs()) == 1


def test_a_table_of_runs_that_somebody_dropped_costs_no_run(
    school: School, caplog: pytest.LogCaptureFixture
) -> None:
    school.run(tables=["users"])
    with school.pipeline.sql_client() as client:
        client.execute_sql("DROP TABLE load_runs")
    report = school.run(tables=["users"])
    assert report.outcome == "complete"
    assert "The run is not recorded in load_runs (DatabaseUndefinedRelation)" in caplog.text


def test_the_source_of_a_user_in_the_same_pipeline_hides_nothing(school: School) -> None:
    own = dlt.resource([{"id": 1}], name="rooms")
    # what comes first in a pipeline gives it its default schema
    run(school.pipeline, dlt.source(lambda: own, name="own")())
    source = d2l_brightspace_source(
        school.sandbox.url, BearerAuth(**school.sandbox.credentials["bearer"]), tables=["classlist"]
    )
    report = run(school.pipeline, source, strict=True)
    assert (report.outcome, report.exit_code) == ("skipped", 1)
    counted = {one.table: (one.from_this_run, one.in_all) for one in report.tables}
    rows = school.sandbox.truth("classlist")["classlist"]
    assert counted == {"classlist": (rows, rows), "rooms": (0, 1), "skipped_requests": (1, 1)}
    assert [one["outcome"] for one in school.runs()] == ["skipped"]
