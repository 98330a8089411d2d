"""What `dlt_compat.pipes` relies on: each test fails by name when dlt changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import pytest

from d2l_brightspace.dlt_compat import pipes

Change = Callable[[Any], object]


def observe(pipeline: dlt.Pipeline, question: Callable[[], Any], change: Change) -> Any:
    """What a generator learns of its own pipe when a user has made something of its resource."""
    answers: list[Any] = []

    @dlt.source
    def school() -> Any:
        @dlt.resource(name="people", primary_key="id", write_disposition="merge")
        def people() -> Iterator[Any]:
            answers.append(question())
            yield [{"id": 1, "at": datetime(2026, 1, 5, tzinfo=timezone.utc)}]

        return people

    source = school()
    change(source.people)
    pipeline.extract(source)
    return answers[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _people: None, False),
        (lambda people: people.add_limit(1), False),
        (lambda people: people.apply_hints(incremental=dlt.sources.incremental("id")), False),
        (lambda people: people.add_filter(lambda _row: True), True),
        (lambda people: people.add_map(lambda row: row, insert_at=1), True),
        (lambda people: people.add_yield_map(lambda row: [row]), True),
    ],
    ids=["plain", "limit", "incremental", "filter", "map-first", "yield-map"],
)
def test_steps_that_want_rows_are_seen(
    pipeline: dlt.Pipeline, change: Change, expected: bool
) -> None:
    assert observe(pipeline, pipes.has_row_steps, change) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _people: None, None),
        (lambda people: people.add_limit(3), (3, True)),
        (lambda people: people.add_limit(3, count_rows=True), (None, True)),
        (lambda people: people.add_limit(max_time=60), (None, False)),
    ],
    ids=["none", "yields", "rows", "time"],
)
def test_a_limit_is_seen(pipeline: dlt.Pipeline, change: Change, expected: Any) -> None:
    assert observe(pipeline, pipes.limit, change) == expected


def test_texts_that_bound_a_timestamp_become_timestamps(pipeline: dlt.Pipeline) -> None:
    cursor = dlt.sources.incremental("at", initial_value="2026-01-01T00:00:00Z")
    start = observe(
        pipeline,
        lambda: getattr(pipes.incremental(["at"]), "start_value", None),
        lambda people: people.apply_hints(incremental=cursor),
    )
    assert start.isoformat() == "2026-01-01T00:00:00+00:00"


def test_hints_are_seen_as_they_are_by_now(pipeline: dlt.Pipeline) -> None:
    schema = observe(
        pipeline,
        pipes.running_table_schema,
        lambda people: people.apply_hints(
            table_name="persons", write_disposition={"disposition": "merge", "strategy": "scd2"}
        ),
    )
    assert (schema["name"], schema["x-merge-strategy"]) == ("persons", "scd2")


def test_a_name_that_depends_on_the_row_is_no_name(pipeline: dlt.Pipeline) -> None:
    schema = observe(
        pipeline,
        pipes.running_table_schema,
        lambda people: people.apply_hints(table_name=lambda _row: "persons"),
    )
    assert "name" not in schema


def test_dlts_own_threads_are_noticed(pipeline: dlt.Pipeline) -> None:
    assert observe(pipeline, pipes.is_parallelized, lambda _people: None) is False
    assert observe(pipeline, pipes.is_parallelized, lambda people: people.parallelize()) is True


def test_items_go_past_the_steps_and_into_another_table(pipeline: dlt.Pipeline) -> None:
    seen: list[Any] = []

    @dlt.source
    def school() -> Any:
        @dlt.resource(name="people")
        def people() -> Iterator[Any]:
            yield None  # nothing yet, which dlt takes from any generator
            yield [{"id": 1}]
            yield pipes.past_steps([{"id": 2}])
            yield pipes.past_steps([{"why": "refused"}], "skipped")

        people.apply_hints(table_name="skipped", create_table_variant=True)
        return people

    source = school()
    source.people.add_map(lambda row: seen.append(row) or row)
    source.people.add_limit(5)
    pipeline.run(source)
    assert [row["id"] for row in seen] == [1]
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT id FROM people ORDER BY id") == [(1,), (2,)]
        assert client.execute_sql("SELECT why FROM skipped") == [("refused",)]


@pytest.mark.parametrize("distinct", [True, False])
def test_what_is_declared_of_keys_is_what_the_load_goes_by(
    pipeline: dlt.Pipeline, distinct: bool
) -> None:
    @dlt.source
    def school() -> Any:
        @dlt.resource(name="people", primary_key="id", write_disposition="merge")
        def people() -> Iterator[Any]:
            yield [{"id": 1}, {"id": 1}]
            pipes.declare_distinct("people", distinct=distinct)

        return people

    pipeline.run(school())
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT COUNT(*) FROM people") == [(2 if distinct else 1,)]


def test_a_table_is_known_once_it_was_loaded(pipeline: dlt.Pipeline) -> None:
    before = observe(pipeline, lambda: pipes.known_table("people"), lambda _people: None)
    pipeline.normalize()
    pipeline.load()
    after = observe(pipeline, lambda: pipes.known_table("people"), lambda _people: None)
    assert before is None
    assert "id" in after["columns"]


def test_a_function_as_destination_is_seen(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    @dlt.destination(name="taker")
    def taker(items: Any, table: Any) -> None: ...

    assert observe(pipeline, pipes.is_row_destination, lambda _people: None) is False
    into_function = dlt.pipeline("taker", pipelines_dir=str(tmp_path), destination=taker)
    pipeline.activate()  # whichever was made or used last: the one that runs counts
    assert observe(into_function, pipes.is_row_destination, lambda _people: None) is True


def test_outside_a_run_there_is_no_load() -> None:
    assert pipes.current_load_id() is None
