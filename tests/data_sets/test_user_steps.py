"""What a user does with a resource: filters, maps and limits never cost a row unseen."""

from __future__ import annotations

import pytest

from d2l_brightspace.sandbox.data_hub import UNDOCUMENTED

NAME, TABLE = "Discussion Posts", "discussion_posts"


@pytest.fixture
def one(tenant, loader):
    return loader(tenant(NAME))


def run_with(one, step, resource=TABLE) -> None:
    source = one.source()
    step(source.resources[resource])
    one.run_source(source)


@pytest.mark.parametrize(
    "step",
    [
        lambda resource: resource.add_map(lambda row: row),
        lambda resource: resource.add_filter(lambda row: row["post_id"] > 0),
        lambda resource: resource.add_yield_map(lambda row: iter([row])),
    ],
    ids=["map", "filter", "yield-map"],
)
def test_a_step_that_changes_nothing_changes_nothing(one, step):
    run_with(one, step)
    assert one.table(TABLE) == one.truth(NAME)
    assert one.extracts("rows_in_file, rows_loaded") == [(12, 12)]
    one.sandbox.hub.advance(2)
    run_with(one, step)
    assert one.table(TABLE) == one.truth(NAME)


def test_a_filter_leaves_out_what_it_says_and_nothing_else(one):
    run_with(one, lambda resource: resource.add_filter(lambda row: row["post_id"] % 2 == 0))
    even = {row: times for row, times in one.truth(NAME).items() if row[0] % 2 == 0}
    assert one.query(
        "SELECT column_name FROM information_schema.columns WHERE column_name = 'post_id'"
    )
    assert one.query(f"SELECT count(*) FROM {TABLE}") == [(len(even),)]


def test_a_map_changes_values(one):
    def masked(row):
        return {**row, "subject": "***"}

    run_with(one, lambda resource: resource.add_map(masked))
    assert one.query(f"SELECT DISTINCT subject FROM {TABLE}") == [("***",)]
    assert one.query(f"SELECT count(*) FROM {TABLE}") == [(12,)]


def test_runs_with_and_without_a_step_may_alternate(one):
    one.run()
    for day in range(4):
        one.sandbox.hub.advance(1)
        if day % 2:
            one.run()
        else:
            run_with(one, lambda resource: resource.add_map(lambda row: row))
        assert one.table(TABLE) == one.truth(NAME)
    one.sandbox.hub.advance(7)
    one.run(full_every_days=1)
    assert one.table(TABLE) == one.truth(NAME)


def test_a_limit_records_no_progress(tenant, loader):
    one = loader(tenant(NAME, data_set_rows=5000))
    run_with(one, lambda resource: resource.add_limit(1))
    assert one.query(f"SELECT count(*) FROM {TABLE}") == [(2000,)]
    assert one.extracts() == []
    one.run()
    assert one.table(TABLE) == one.truth(NAME)


def test_a_limit_never_replaces_a_table_by_a_part_of_it(tenant, loader):
    one = loader(tenant(NAME, data_set_rows=5000), full_every_days=1)
    one.run()
    one.sandbox.hub.advance(7)
    run_with(one, lambda resource: resource.add_limit(1))
    assert one.query(f"SELECT count(*) FROM {TABLE}")[0][0] >= 5000
    one.run()
    assert one.table(TABLE) == one.truth(NAME)


def test_other_data_sets_pass_steps_as_rows_too(tenant, loader):
    one = loader(tenant(UNDOCUMENTED), data_sets=None)
    run_with(one, lambda r: r.add_filter(lambda row: row["event_id"] == "1001"), "other_data_sets")
    assert one.query("SELECT event_id FROM tenant_own_events") == [("1001",)]
    assert len(one.extracts()) == 1


def test_a_filter_that_keeps_nothing_leaves_an_empty_table(one):
    run_with(one, lambda resource: resource.add_filter(lambda row: False))
    assert one.query(f"SELECT count(*) FROM {TABLE}") == [(0,)]
