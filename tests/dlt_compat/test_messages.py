"""What is relied on about dlt's errors and log; a failure here means that dlt has changed it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common import logger as dlt_logger

from d2l_brightspace.dlt_compat import messages

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.messages relies on: "


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What passes the filters of dlt's logger."""
    seen: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    handler = Keep()
    log = dlt_logger.LOGGER
    log.addHandler(handler)
    yield seen
    log.removeHandler(handler)


def test_dlt_warns_of_json_in_a_text_column_by_resource(
    pipeline: dlt.Pipeline, records: list[logging.LogRecord]
) -> None:
    @dlt.resource(name="users", columns={"roles": {"data_type": "json"}})
    def users() -> Iterator[Any]:
        yield pa.table({"id": [1], "roles": ['["Student"]']})

    pipeline.extract(users())
    told = [messages.resource_with_arrow_hints_kept(record) for record in records]
    assert "users" in told, RELIED_ON + "the words of the warning on hints of Arrow columns"


def test_lines_of_dlt_can_be_filtered_and_those_of_others_pass(
    pipeline: dlt.Pipeline, records: list[logging.LogRecord]
) -> None:
    from dlt.common.storages import load_package

    theirs = load_package.__file__
    with messages.filter_log(lambda record: "unwanted" not in record.getMessage()):
        for path, text in ((theirs, "unwanted"), (theirs, "wanted"), (__file__, "unwanted, ours")):
            record = logging.LogRecord("dlt", logging.ERROR, path, 1, text, (), None)
            dlt_logger.LOGGER.handle(record)
    assert [record.getMessage() for record in records] == ["wanted", "unwanted, ours"]
    dlt_logger.error("a line")
    assert records[-1].pathname == __file__, RELIED_ON + "a line names the file that logs it"


def test_the_table_of_a_job_that_failed_is_known(pipeline: dlt.Pipeline) -> None:
    arrow = {"id": pa.array([1]), "name": pa.array([1])}
    pipeline.run(pa.table(arrow), table_name="users")
    with pytest.raises(messages.PipelineStepFailed) as failed:
        pipeline.run(pa.table(arrow | {"name": pa.array(["a"])}), table_name="users")
    jobs = [
        cause
        for cause in messages.causes(failed.value)
        if isinstance(cause, messages.LoadClientJobException)
    ]
    assert jobs, RELIED_ON + "a failed job is among the causes of the failed step"
    assert messages.table_of(jobs[0]) == "users"


def test_a_destination_without_sql_is_recognized(pipeline: dlt.Pipeline) -> None:
    @dlt.destination(name="sink")
    def sink(items: Any, table: Any) -> None: ...

    other = dlt.pipeline("other", destination=sink, pipelines_dir=pipeline.pipelines_dir)
    other.run([{"id": 1}], table_name="users")
    with pytest.raises(messages.SqlClientNotAvailable):
        other.sql_client()


def test_a_destination_out_of_reach_is_recognized(tmp_path: Any) -> None:
    (tmp_path / "no.duckdb").mkdir()
    pipeline = dlt.pipeline(
        "unreachable",
        destination=dlt.destinations.duckdb(str(tmp_path / "no.duckdb")),
        pipelines_dir=str(tmp_path),
    )
    with pytest.raises(Exception, match=r"no\.duckdb") as failed:
        pipeline.run([{"id": 1}], table_name="users")
    chain = list(messages.causes(failed.value))
    assert any(isinstance(cause, messages.OUT_OF_REACH) for cause in chain), RELIED_ON + "the class"
