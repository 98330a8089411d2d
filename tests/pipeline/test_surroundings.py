"""A run leaves its process as it was, whether it ends well or not."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common import logger as dlt_logger

from d2l_brightspace import PermissionDenied, RunInProgress, run

from .test_failed_tables import FORBIDDEN, NEW, OLD, rows_of, source_of


def traces(*pipelines: dlt.Pipeline) -> dict[str, Any]:
    """Everything of the process that a run could have changed."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    return {
        "loggers": {
            log.name: (list(log.filters), list(log.handlers), log.level, log.disabled)
            for log in loggers
            if log.filters or log.handlers
        },
        "log": dlt_logger.LOGGER,
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "destinations": [
            (id(p.destination), dict(p.destination.caps_params), dict(p.destination.config_params))
            for p in pipelines
        ],
        "frozen": gc.get_freeze_count(),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "threads": set(threading.enumerate()),
        "path": list(sys.path),
        "hooks": (sys.excepthook, threading.excepthook, sys.stdout, sys.stderr),
        "warnings": list(warnings.filters),
    }


def test_a_good_run_leaves_no_trace(pipeline: dlt.Pipeline) -> None:
    before = traces(pipeline)
    run(pipeline, source_of(users=(OLD, None, {})))
    assert traces(pipeline) == before


@pytest.mark.parametrize("failure", ["table", "extraction", "load", "lock"])
def test_a_failing_run_leaves_no_trace(pipeline: dlt.Pipeline, failure: str) -> None:
    run(pipeline, source_of(users=(OLD, None, {})))
    before = traces(pipeline)
    if failure == "table":
        with pytest.raises(PermissionDenied):
            run(pipeline, source_of(users=(OLD, FORBIDDEN, {})))
    elif failure == "extraction":
        source = source_of(users=(OLD, None, {}))
        source.users.add_map(lambda row: row["not there"])
        with pytest.raises(Exception, match="not there"):
            run(pipeline, source)
    elif failure == "load":
        with pipeline.sql_client() as client:
            client.execute_sql("DROP TABLE users")
        with pytest.raises(Exception, match="users"):
            run(pipeline, source_of(users=(NEW, None, {})))
    else:
        source, second = source_of(users=(OLD, None, {})), source_of(users=(OLD, None, {}))

        def run_again(row: Any) -> Any:
            with pytest.raises(RunInProgress):
                run(pipeline, second)
            return row

        source.users.add_map(run_again)
        run(pipeline, source)
    assert traces(pipeline) == before


def test_two_runs_in_threads_leave_no_trace_and_load_both(tmp_path: Path) -> None:
    destination = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    meet = threading.Barrier(2, timeout=60)
    outcomes: dict[str, Any] = {}

    def pipeline_of(name: str) -> dlt.Pipeline:
        return dlt.pipeline(
            name, pipelines_dir=str(tmp_path), destination=destination, dataset_name=name
        )

    def load(name: str, rows: Any, error: Any) -> None:
        source = source_of(users=(rows, error, {}), courses=(OLD, None, {}))
        once = iter([None])

        def wait(row: Any) -> Any:
            for _ in once:
                meet.wait()  # each run is in its extraction now
            return row

        source.courses.add_map(wait)
        try:
            outcomes[name] = run(pipeline_of(name), source)
        except PermissionDenied as failed:
            outcomes[name] = failed.report

    pipeline_of("one")
    caps, config = dict(destination.caps_params), dict(destination.config_params)
    before = traces()
    threads = [
        threading.Thread(target=load, args=("one", OLD, None)),
        threading.Thread(target=load, args=("two", NEW, FORBIDDEN)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert traces() == before
    assert (destination.caps_params, destination.config_params) == (caps, config)
    assert not outcomes["one"].failures
    assert [failure.table for failure in outcomes["two"].failures] == ["users"]
    assert rows_of(pipeline_of("one"), "users") == [(1, "a"), (2, "b")]
    assert rows_of(pipeline_of("two"), "courses") == [(1, "a"), (2, "b")]


def test_the_collector_is_given_back_what_it_was_kept_from(pipeline: dlt.Pipeline) -> None:
    frozen = []
    source = source_of(users=(OLD, None, {}))
    source.users.add_map(lambda row: (frozen.append(gc.get_freeze_count()), row)[1])
    run(pipeline, source)
    assert frozen[0] > 0
    assert gc.get_freeze_count() == 0


def arrow_source(data_type: str) -> Any:
    @dlt.resource(name="users", columns={"roles": {"data_type": data_type}})
    def users() -> Iterator[Any]:
        yield pa.table({"id": [1], "roles": ['["Student"]']})

    @dlt.source(name="arrows")
    def arrows() -> Any:
        return users

    return arrows()


def test_json_in_an_arrow_column_of_text_is_no_reason_to_warn(
    pipeline: dlt.Pipeline, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run(pipeline, arrow_source("json"))
    assert "merging arrow schema" not in capfd.readouterr().err + caplog.text
    assert rows_of(pipeline, "users", "typeof(roles), roles ->> 0") == [("JSON", "Student")]


def test_other_differences_to_an_arrow_column_are_reported(
    pipeline: dlt.Pipeline, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Exception, match="users"):
        run(pipeline, arrow_source("bigint"))
    assert "merging arrow schema" in capfd.readouterr().err + caplog.text


def test_no_row_is_in_the_log_when_the_destination_refuses_it(
    pipeline: dlt.Pipeline, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run(pipeline, source_of(users=([{"id": 1, "name": 5}], None, {"arrow": True})))
    rows = [{"id": 1, "name": "Canary-Person"}]
    with pytest.raises(Exception, match="users"):
        run(pipeline, source_of(users=(rows, None, {"arrow": True})))
    assert "Canary-Person" not in capfd.readouterr().err + caplog.text


def test_nothing_keeps_a_source_alive(pipeline: dlt.Pipeline) -> None:
    @dlt.source
    def school() -> Any:
        return dlt.resource([{"id": 1}], name="people", primary_key="id", write_disposition="merge")

    def load() -> weakref.ref[Any]:
        source = school()
        run(pipeline, source)
        return weakref.ref(source)

    source = load()
    gc.collect()
    assert source() is None
