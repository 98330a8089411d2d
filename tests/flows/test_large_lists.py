"""Lists longer than what is handed to dlt at once (10 000 rows)."""

from __future__ import annotations

from typing import Any

import dlt
import pytest

from d2l_brightspace import run

from .conftest import query


@pytest.mark.parametrize("resource", ["log_messages", "users"])
def test_a_list_of_several_batches_is_loaded_once(
    start: Any, source_of: Any, pipeline: dlt.Pipeline, resource: str
) -> None:
    sandbox = start(courses=1, users=20_500, log_messages=20_500, page_size=1000)
    key = {"log_messages": "log_message_id", "users": "user_id"}[resource]

    run(pipeline, source_of(sandbox).with_resources(resource))

    rows = 20_500 if resource == "log_messages" else 20_501
    assert query(pipeline, f"SELECT COUNT(DISTINCT {key}), COUNT(*) FROM {resource}") == [
        (rows, rows)
    ]
    if resource == "log_messages":
        return  # read in windows of time, each with bookmarks of its own
    bookmarks = [a["query"].get("bookmark") for a in sandbox.requests if "1.63" in a["path"]]
    assert len(bookmarks) == len(set(bookmarks)) == 21
