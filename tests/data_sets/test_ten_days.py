"""Ten days of a whole tenant: everything changes that D2L changes, and every table stays right."""

from __future__ import annotations

from collections import Counter

import pytest

from d2l_brightspace.data_sets.dictionary import by_name, table_name
from d2l_brightspace.sandbox.data_hub import UNDOCUMENTED, without_types

RENAMED, GROWN = "Quiz Objects", "Content Objects"
NEW, DRIFTING = "Question Pools", "Role Details"


def plain(rows) -> list[str]:
    """Rows whose types may differ: what nobody documents is text."""
    return sorted(repr([None if one is None else str(one)[:19] for one in row]) for row in rows)


def assert_equal(one, names) -> None:
    with one.reading():
        for name in names:
            known = by_name(name)
            table = known.table if known else table_name(name)
            truth = one.truth(name)
            if name in without_types() or name == GROWN:
                assert plain(one.table(table).elements()) == plain(truth.elements()), name
            elif name == DRIFTING and one.table(table).keys() - truth.keys():
                without_drift = [row[:-1] for row in one.table(table).elements()]
                assert Counter(without_drift) == truth
            else:
                assert one.table(table) == truth, name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_days_of_a_tenant_that_changes(tenant, loader):
    one = loader(tenant(data_set_rows=4), data_sets=None, full_every_days=7)
    hub = one.sandbox.hub
    retired = sorted(hub.data_sets)[7]
    hub.retire(NEW)
    for name in (GROWN, DRIFTING):
        hub.data_sets[name].gets_new_column = False
    one.run()
    hub.advance(2)
    one.run()
    assert_equal(one, hub.data_sets)
    kept = one.table(table_name(retired))

    hub.data_sets[RENAMED].shown_name = "Quizzes of Today"
    hub.retire(retired)
    hub.offer_new(NEW, rows=4)
    hub.grow_key(GROWN, "PartId")
    hub.data_sets[DRIFTING].header = {"RoleName": "RoleTitle"}
    hub.advance(3)
    one.run()
    assert_equal(one, hub.data_sets.keys() - {GROWN, DRIFTING})

    hub.data_sets[DRIFTING].header = {}
    hub.advance(5)
    one.run()
    assert_equal(one, hub.data_sets.keys())
    assert one.table(table_name(retired)) == kept
    assert one.query("SELECT resource, detail FROM skipped_requests") == []
    found = one.query("SELECT data_set, change, detail FROM data_set_changes")
    assert ("content_objects", "key", "PartId belongs to the key now") in found
    assert ("quiz_objects", "renamed", f"{RENAMED} -> Quizzes of Today") in found
    assert (table_name(retired), "retired", retired) in found
    assert ("question_pools", "new", NEW) in found
    assert ("role_details", "missing_column", "RoleName") in found
    [(wrong,)] = one.query(
        "SELECT count(*) FROM extracts_loaded "
        "WHERE rows_in_file <> rows_loaded + rows_older + rows_bad"
    )
    assert wrong == 0
    assert UNDOCUMENTED in hub.data_sets
