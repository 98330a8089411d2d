"""What is shown and recorded of a load of data sets."""

from __future__ import annotations

import io
import json

from d2l_brightspace import run
from d2l_brightspace.pipeline.progress import JsonLines
from d2l_brightspace.pipeline.status import dataset_status


def test_data_sets_are_counted_shown_and_recorded(tenant, loader):
    one = loader(tenant("Users", "Role Details"))
    shown = io.StringIO()
    source = one.source(data_sets=["Users", "Role Details", "No Such Data Set"])
    report = run(one.pipeline(), source, progress=JsonLines(shown, interval_seconds=0.02))

    events = [json.loads(line) for line in shown.getvalue().splitlines()]
    assert {*events[0]["tables"]} == {"users", "role_details", "no_such_data_set"}
    (loading,) = (e for e in events if (e["event"], e.get("phase")) == ("phase", "loading"))
    rows = sum(one.truth(name).total() for name in ("Users", "Role Details"))
    sizes = sum(size for (size,) in one.query("SELECT bytes FROM extracts_loaded"))
    assert (loading["data_sets"], loading["data_sets_done"], loading["skipped"]) == (3, 3, 1)
    assert (loading["rows"], loading["bytes"]) == (rows, sizes)
    assert loading["requests"] == len(one.sandbox.requests) == report.requests
    failed = [event for event in events if event["event"] == "table_failed"]
    assert [(event["table"], event["error"]) for event in failed] == [
        ("no_such_data_set", "NotFound")
    ]

    again = run(one.pipeline(), one.source(data_sets=["Users", "Role Details"]))
    # the changes that the audit tables show are those of this run
    assert {count.table: count.change for count in again.tables if count.change} == {}

    runs = one.query("SELECT outcome, tables_read, failed_tables FROM load_runs ORDER BY ended_at")
    both = '["role_details", "users"]'
    assert runs == [("skipped", both, '["no_such_data_set"]'), ("complete", both, "[]")]
    status = dataset_status(one.pipeline())
    assert {table.table: table.last_good_run is None for table in status.tables} == {
        "users": False,
        "role_details": False,
        "no_such_data_set": True,
    }
    assert [(skip.resource, skip.reason) for skip in status.skipped] == [
        ("no_such_data_set", "NotFound")
    ]
