"""Canaries: what `dlt_compat.exchange` relies on in dlt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt

from d2l_brightspace.dlt_compat.destinations import private_destination
from d2l_brightspace.dlt_compat.exchange import exchange, forget_cursors

START: Any = dlt.sources.incremental("at", initial_value=0)
RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.exchange relies on: "


def load(pipeline: dlt.Pipeline, ids: list[int], *exchanged: Any) -> None:
    @dlt.resource(name="Users", primary_key="Id", write_disposition="merge")
    def users() -> Iterator[Any]:
        yield [{"Id": number, "Unit": number % 2} for number in ids]
        if exchanged:
            exchange("Users", *exchanged)

    with private_destination(pipeline):
        pipeline.run(users)


def ids(pipeline: dlt.Pipeline) -> list[int]:
    with pipeline.sql_client() as client:
        return [one for (one,) in client.execute_sql("SELECT id FROM users ORDER BY id") or ()]


def test_one_load_exchanges_a_table_and_the_next_one_does_not(pipeline: dlt.Pipeline) -> None:
    load(pipeline, [1, 2, 3])
    load(pipeline, [4, 4], None)
    assert ids(pipeline) == [4], RELIED_ON + "hints of a table come from `prepare_load_table`"
    load(pipeline, [5, 6])
    load(pipeline, [7], "Unit", [1])
    assert ids(pipeline) == [5, 7]
    stored = pipeline.default_schema.tables["users"]
    assert "x-merge-destination-scope" not in stored
    load(pipeline, [8])
    assert ids(pipeline) == [5, 7, 8], RELIED_ON + "a package has a state of its own"


def test_what_was_dropped_by_hand_is_made_again(pipeline: dlt.Pipeline) -> None:
    load(pipeline, [1])
    with pipeline.sql_client() as client:
        client.execute_sql("DROP TABLE users")
    load(pipeline, [2], None)
    assert ids(pipeline) == [2], RELIED_ON + "`force` of `update_stored_schema`"


def test_a_cursor_is_forgotten_and_nothing_else(pipeline: dlt.Pipeline) -> None:
    seen: list[Any] = []

    @dlt.source(name="canary")
    def source() -> Any:
        @dlt.resource(name="rows", primary_key="id", write_disposition="merge")
        def rows(at: Any = START) -> Iterator[Any]:
            seen.append((at.last_value, dict(dlt.current.resource_state()).get("kept")))
            dlt.current.resource_state()["kept"] = True
            yield [{"id": 1, "at": 5}]

        return rows

    pipeline.run(source())
    pipeline.run(source())
    forget_cursors(pipeline, "canary", ["rows", "unknown"])
    forget_cursors(pipeline, "unknown", ["rows"])
    pipeline.run(source())
    assert seen == [(0, None), (5, True), (0, True)], RELIED_ON + "cursors are `incremental`"
