"""Data sets change while they are loaded: keys grow, columns and sets come and go."""

from __future__ import annotations

from datetime import datetime

import pytest

from d2l_brightspace.sandbox.data_hub import UNDOCUMENTED

NAME, TABLE = "Discussion Posts", "discussion_posts"


def changes(one, where: str = "1 = 1") -> list:
    return one.query(
        f"SELECT data_set, change, detail FROM data_set_changes WHERE {where} ORDER BY 1, 2, 3"
    )


def as_text(rows) -> list:
    """Rows with an undocumented column, whose type nobody knows, at their end."""
    plain = [
        [one.isoformat() if isinstance(one, datetime) else one for one in row]
        for row in rows.elements()
    ]
    return sorted(repr((*row[:-1], str(row[-1]))) for row in plain)


@pytest.mark.parametrize("first_seen_in", ["full", "differential"])
def test_a_key_that_grows_is_noticed_and_followed_by_a_full(tenant, loader, first_seen_in):
    one = loader(tenant(NAME), full_every_days=1)
    hub = one.sandbox.hub
    hub.data_sets[NAME].gets_new_column = False
    one.run()
    before = one.table(TABLE)
    hub.advance(6)
    hub.grow_key(NAME, "PartId")
    hub.data_sets[NAME].version = "9.9"
    if first_seen_in == "differential":
        # all rows that were touched share their old key with others
        hub.advance(1)
        hub.data_sets[NAME].extracts = [
            extract
            for extract in hub.data_sets[NAME].extracts
            if extract.version != "9.9" or extract.kind == "Differential"
        ]
        one.run()
        assert one.table(TABLE) == before or len(one.table(TABLE)) >= len(before)
        hub.advance(7)
    else:
        hub.advance(1)
    one.run()
    one.run()
    assert as_text(one.table(TABLE)) == as_text(one.truth(NAME))
    assert (TABLE, "key", "PartId belongs to the key now") in changes(one)
    hub.advance(3)
    one.run()
    assert as_text(one.table(TABLE)) == as_text(one.truth(NAME))
    [(rows, older)] = one.query(
        "SELECT sum(rows_in_file), sum(rows_loaded + rows_older + rows_bad) FROM extracts_loaded"
    )
    assert rows == older


def test_rows_that_nothing_tells_apart_are_all_kept(tenant, loader):
    from tests.data_sets.test_flows import replace_newest

    one = loader(tenant("Users"))
    replace_newest(one, "Users", "UserId,UserName\r\n1,a\r\n1,a\r\n2,b\r\n1,c\r\n")
    one.run()
    assert one.query("SELECT user_id, user_name FROM users ORDER BY ALL") == [
        (1, "a"),
        (1, "a"),
        (1, "c"),
        (2, "b"),
    ]
    assert changes(one) == [("users", "key", "rows share a key; only fulls are applied")]
    one.sandbox.hub.advance(7)
    one.run()
    assert one.table("users") == one.truth("Users")


@pytest.mark.parametrize("kept_by", ["state", "schema"])
def test_a_key_of_the_dictionary_that_changed_means_a_new_full(tenant, loader, kept_by):
    """The working folder was made with an earlier dictionary, whose key was smaller."""
    one = loader(tenant("Assignment Submissions"), full_every_days=None)
    one.run()
    pipeline = one.pipeline()
    with pipeline.managed_state() as state:
        resources = state["sources"]["d2l_brightspace_data_sets"]["resources"]
        resources["assignment_submissions"]["key"] = ["DropboxId", "SubmitterId"]
        if kept_by == "schema":  # before keys were kept in the state
            del resources["assignment_submissions"]["key"]
    if kept_by == "schema":
        columns = pipeline.default_schema.tables["assignment_submissions"]["columns"]
        del columns["submitter_type"]["primary_key"]
        pipeline.sync_schema()
    one.run()
    assert one.query("SELECT count(*) FROM skipped_requests") == [(0,)]
    one.sandbox.hub.advance(2)
    one.run()
    assert one.table("assignment_submissions") == one.truth("Assignment Submissions")
    assert ("full", "key") in one.extracts()


def test_data_sets_and_columns_that_come_and_go_are_noted(tenant, loader):
    one = loader(tenant(NAME, "Users", "Grade Results"), data_sets=None)
    hub = one.sandbox.hub
    hub.data_sets[NAME].gets_new_column = True
    hub.data_sets["Users"].gets_new_column = hub.data_sets["Grade Results"].gets_new_column = False
    one.run()
    assert changes(one) == []
    hub.advance(5)
    hub.retire("Grade Results")
    hub.offer_new(UNDOCUMENTED)
    hub.data_sets["Users"].shown_name = "People"
    hub.data_sets["Users"].header = {"UserName": "LoginName"}
    hub.advance(2)
    one.run(full_every_days=7)
    assert changes(one) == [
        (TABLE, "new_column", "AddedLater"),
        (TABLE, "version", "9.8 -> 9.9"),
        ("grade_results", "retired", "Grade Results"),
        ("tenant_own_events", "new", UNDOCUMENTED),
        ("users", "missing_column", "UserName"),
        ("users", "new_column", "LoginName"),
        ("users", "renamed", "Users -> People"),
    ]
    one.run(full_every_days=7)
    assert len(changes(one)) == 7
    assert one.query("SELECT count(user_name), count(login_name) > 0 FROM users") == [(0, True)]
    assert len(one.table("grade_results")) == 12


def test_every_row_of_every_file_is_accounted_for(tenant, loader):
    one = loader(tenant(NAME, "Users", "Grade Results"))
    one.run()
    one.sandbox.hub.advance(6)
    one.run()
    [(wrong,)] = one.query(
        "SELECT count(*) FROM extracts_loaded "
        "WHERE rows_in_file <> rows_loaded + rows_older + rows_bad"
    )
    assert wrong == 0
    assert one.query("SELECT sum(rows_older) > 0 FROM extracts_loaded") == [(True,)]


def test_a_row_that_got_lost_on_the_way_stops_its_data_set(tenant, loader, monkeypatch):
    from d2l_brightspace.data_sets import load

    one = loader(tenant("Users", "Grade Results"))
    convert = load.convert

    def loses_one(*arguments, name, **more):
        converted = convert(*arguments, name=name, **more)
        converted.rows_in_file += name.startswith("users")
        return converted

    monkeypatch.setattr(load, "convert", loses_one)
    one.run()
    [(resource, detail)] = one.query("SELECT resource, detail FROM skipped_requests")
    assert resource == "users"
    assert "Of 13 rows in the file 12 are to be loaded" in detail
