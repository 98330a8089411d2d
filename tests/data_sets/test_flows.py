"""Whole loads against the sandbox: every table equals its truth, row for row."""

from __future__ import annotations

import json
import logging
import zipfile
from collections import Counter

import pytest

from d2l_brightspace import (
    BrightspaceError,
    ConfigurationError,
    PermissionDenied,
    brightspace_data_sets_source,
)
from d2l_brightspace.data_sets.dictionary import table_name
from d2l_brightspace.sandbox.data_hub import UNDOCUMENTED, without_types

CHOSEN = (
    "Users",  # Version; no differential or with, as chance has it
    "User Enrollments",  # two keys, a column added later
    "Grade Results",
    "Discussion Posts",  # IsDeleted, Version
    "Content Objects",  # IsDeleted
    "Portfolio Evidence Categories",  # a key column called Group, guids
    "Question Relationships",  # no key
    "Survey User Answers",  # a key that may be null
    UNDOCUMENTED,
)


def assert_all_equal(one) -> None:
    with one.reading():
        for name in one.sandbox.hub.data_sets:
            truth = one.truth(name)
            if name in without_types():
                truth = Counter(
                    tuple(value and str(value) for value in row) for row in truth.elements()
                )
            assert one.table(table_name(name)) == truth, name


@pytest.fixture
def ours(tenant, loader):
    return loader(tenant(*CHOSEN), data_sets=None, full_every_days=7)


@pytest.mark.slow
def test_ten_days_a_gap_and_a_full_equal_the_truth(ours):
    ours.run()
    assert_all_equal(ours)
    for days in (1, 1, 1, 4, 3):
        ours.sandbox.hub.advance(days)
        ours.run()
        assert_all_equal(ours)
    ours.sandbox.hub.advance(20)
    ours.run()
    assert_all_equal(ours)
    reasons = {reason for _, reason in ours.extracts(where="created > '2026-01-25'")}
    assert reasons == {"gap", "newer", "no differentials"}
    assert ours.query("SELECT count(*) FROM extracts_loaded WHERE gap") == [(0,)]


@pytest.mark.slow
def test_every_data_set_of_the_dictionary_equals_the_truth(tenant, loader):
    one = loader(tenant(data_set_rows=4))
    one.sandbox.hub.advance(1)
    one.run()
    assert len(one.sandbox.hub.data_sets) == 152
    assert_all_equal(one)
    assert one.query("SELECT count(*) FROM skipped_requests") == [(0,)]


def test_running_again_changes_nothing(tenant, loader):
    one = loader(tenant("Discussion Posts"))
    one.run()
    one.sandbox.hub.advance(2)
    one.run()
    before = one.table("discussion_posts"), one.extracts("*")
    one.sandbox.requests.clear()
    one.run()
    assert (one.table("discussion_posts"), one.extracts("*")) == before
    assert not any("extracts/" in request["path"] for request in one.sandbox.requests)


def test_one_source_may_be_run_again_and_again(tenant, loader):
    one = loader(tenant("Discussion Posts", "Grade Results"), full_every_days=7)
    source = one.source()
    for _ in range(5):
        one.run_source(source)
        assert one.table("discussion_posts") == one.truth("Discussion Posts")
        one.sandbox.hub.advance(2)


def test_several_days_at_once_give_the_same_as_each_day(tenant, loader):
    one = loader(tenant("Discussion Posts"))
    one.run()
    one.sandbox.hub.advance(6)
    one.run()
    assert one.table("discussion_posts") == one.truth("Discussion Posts")
    rows = one.extracts("kind, reason, rows_in_file, rows_loaded, rows_inserted")
    assert rows[0] == ("full", "first", 12, 12, 12)
    assert [row[:2] for row in rows[1:]] == [("differential", "newer")] * 6
    in_file, in_table = (sum(row[column] for row in rows[1:]) for column in (2, 3))
    assert in_table < in_file


def test_rows_deleted_for_good_go_with_the_next_full(tenant, loader):
    one = loader(tenant("Discussion Posts"), full_every_days=7)
    one.run()
    one.sandbox.hub.advance(6)
    one.run()
    hub = one.sandbox.hub.data_sets["Discussion Posts"]
    lingering = len(one.table("discussion_posts")) - len(hub.rows)
    assert lingering == 3
    one.sandbox.hub.advance(1)
    one.run()
    assert one.table("discussion_posts") == one.truth("Discussion Posts")
    assert len(one.table("discussion_posts")) == len(hub.rows)


def test_rows_deleted_for_good_are_reported_where_asked_for(tenant, loader):
    one = loader(tenant("Discussion Posts", "Question Relationships"), full_every_days=7)
    one.run(deleted_rows=True)
    one.sandbox.hub.advance(6)
    one.run(deleted_rows=True)
    assert one.query("SELECT count(*) FROM deleted_rows") == [(0,)]
    query = "SELECT post_id FROM discussion_posts"
    before = set(one.query(query))
    one.sandbox.hub.advance(1)
    one.run(deleted_rows=True)
    assert one.query("SELECT detail FROM skipped_requests") == []
    gone = {post_id for (post_id,) in before - set(one.query(query))}
    found = one.query("SELECT data_set, key FROM deleted_rows")
    assert {data_set for data_set, _ in found} == {"discussion_posts"}
    assert {json.loads(key)["post_id"] for _, key in found} == gone
    assert len(gone) > 2
    where = "data_set = 'discussion_posts' AND kind = 'full'"
    assert one.extracts("rows_disappeared", where) == [(None,), (len(gone),)]


def test_a_full_is_not_taken_before_its_time(tenant, loader):
    one = loader(tenant("Discussion Posts"), full_every_days=None)
    one.run()
    one.sandbox.hub.advance(8)
    one.run()
    assert [kind for kind, _ in one.extracts()] == ["full", *["differential"] * 8]


def test_rows_marked_as_deleted_are_kept_or_dropped(tenant, loader):
    one = loader(tenant("Discussion Posts"), full_every_days=7)
    one.sandbox.hub.advance(3)
    one.run()
    marked = one.query("SELECT count(*) FROM discussion_posts WHERE is_deleted")
    assert marked[0][0] > 0
    assert one.table("discussion_posts") == one.truth("Discussion Posts")
    one.sandbox.hub.advance(5)
    one.run(deletes="drop")
    assert one.table("discussion_posts") == one.truth("Discussion Posts", without="IsDeleted")
    one.sandbox.hub.advance(1)
    one.run(deletes="drop")
    assert one.table("discussion_posts") == one.truth("Discussion Posts", without="IsDeleted")


def test_types_are_exact(tenant, loader):
    one = loader(tenant("Grade Results"))
    one.run()
    types = dict(
        one.query(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = 'grade_results' AND table_schema = 'd2l_brightspace_bds'"
        )
    )
    assert types["points_numerator"] == "DECIMAL(19,9)"
    assert types["last_modified"] == "TIMESTAMP WITH TIME ZONE"
    assert types["user_id"] == "BIGINT"
    assert types["is_released"] == "BOOLEAN"


def test_codes_can_be_decoded_in_a_query(tenant, loader):
    one = loader(tenant("Grade Objects"))
    one.run()
    one.run()
    assert one.query('SELECT count(*), count(DISTINCT (data_set, "column", code)) FROM codes') == [
        (250, 250)
    ]
    [(column,)] = one.query(
        "SELECT DISTINCT \"column\" FROM codes WHERE data_set = 'grade_objects' AND code = '9'"
    )
    decoded = one.query(
        f"SELECT count(*) FROM grade_objects g LEFT JOIN codes c ON c.data_set = 'grade_objects' "
        f"AND c.\"column\" = '{column}' AND c.code = CAST(g.{column} AS text)"
    )
    assert decoded == [(12,)]


def test_files_are_imported_as_they_are(tenant, loader, caplog):
    """dlt rewrites a Parquet file whose columns differ from the table's: 2.5 s for 5 M rows."""
    one = loader(tenant("Discussion Posts"))
    pipeline = one.pipeline()
    pipeline.extract(one.source())
    with caplog.at_level(logging.INFO, "dlt"):
        pipeline.normalize()
    texts = [record.getMessage() for record in caplog.records]
    assert not any("must be rewritten" in text and "discussion_posts" in text for text in texts)


def test_a_data_set_nobody_documents_is_loaded_as_text(tenant, loader):
    one = loader(tenant(UNDOCUMENTED, "Users"), data_sets=None)
    one.run()
    assert (
        one.query("SELECT min(event_id), max(happened_at) FROM tenant_own_events")[0][0] == "1001"
    )
    unknown = one.extracts("unknown_columns", "data_set = 'tenant_own_events'")
    assert unknown == [("EventId, Happened At",)]


def test_a_data_set_the_tenant_does_not_offer_is_reported(tenant, loader):
    one = loader(tenant("Users"), data_sets=["Users", "Grade Results"])
    one.run()
    assert one.query("SELECT resource, reason FROM skipped_requests") == [
        ("grade_results", "NotFound")
    ]
    assert one.table("users") == one.truth("Users")


def test_the_older_routes_are_spoken_where_there_are_no_others(tenant, loader):
    one = loader(tenant(*CHOSEN[:3], data_hub_routes=("old",), page_size=2), full_every_days=7)
    one.run()
    one.sandbox.hub.advance(2)
    one.run()
    assert_all_equal(one)
    one.sandbox.hub.advance(6)
    one.run()
    assert_all_equal(one)


def test_a_long_list_is_read_to_its_end(tenant, loader):
    one = loader(tenant(*CHOSEN[:5], page_size=2), full_every_days=7)
    one.run()
    one.sandbox.hub.advance(3)
    one.run()
    assert_all_equal(one)


def replace_newest(one, name: str, text: str) -> None:
    extract = one.sandbox.hub.data_sets[name].extracts[-1]
    with zipfile.ZipFile(extract.path, "w") as archive:
        archive.writestr("x.csv", text)


def test_a_bad_row_costs_its_data_set_and_no_other(tenant, loader):
    one = loader(tenant("Users", "Grade Results"))
    replace_newest(one, "Users", "UserId,UserName\r\n1,a\r\nsecret,b\r\n")
    one.run()
    assert one.table("grade_results") == one.truth("Grade Results")
    [(resource, reason, detail)] = one.query(
        "SELECT resource, reason, detail FROM skipped_requests"
    )
    assert (resource, reason) == ("users", "BadCsv")
    assert "line 3, column UserId" in detail
    assert "secret" not in detail


def test_bad_rows_are_quarantined(tenant, loader):
    one = loader(tenant("Users"), bad_rows="quarantine")
    replace_newest(one, "Users", "UserId,UserName\r\n1,a\r\nx,b\r\n2,c\r\n")
    one.run()
    assert one.query("SELECT user_id FROM users ORDER BY 1") == [(1,), (2,)]
    [(line, column, cells)] = one.query('SELECT line, "column", cells FROM bad_rows')
    assert (line, column, json.loads(cells)) == (3, "UserId", ["x", "b"])
    assert one.extracts("rows_in_file, rows_loaded, rows_bad") == [(3, 2, 1)]


def test_a_file_without_its_key_is_refused_and_the_table_kept(tenant, loader):
    one = loader(tenant("Grade Results"), full_every_days=1)
    one.run()
    before = one.table("grade_results")
    one.sandbox.hub.advance(7)
    replace_newest(one, "Grade Results", "UserId,PointsNumerator\r\n1,2\r\n")
    with pytest.raises(BrightspaceError, match="the key column"):
        one.run()
    assert one.table("grade_results") == before


@pytest.mark.parametrize("data_sets", [None, ("Users", "Grade Results", "Org Units")])
def test_not_one_data_set_that_can_be_loaded_is_an_error(tenant, loader, data_sets):
    one = loader(tenant("Users", "Grade Results"), data_sets=data_sets)
    for name in ("Users", "Grade Results"):
        replace_newest(one, name, "<html>Log in</html>")
    of = 2 if data_sets is None else 3
    with pytest.raises(BrightspaceError, match=f"Not one of {of} data sets could be loaded"):
        one.run()
    one.sandbox.hub.advance(8)
    one.run()
    assert one.table("users") == one.truth("Users")


def test_an_empty_full_empties_the_table(tenant, loader):
    one = loader(tenant("Grade Results"), full_every_days=1)
    one.run()
    one.sandbox.hub.advance(7)
    shape = one.sandbox.hub.data_sets["Grade Results"].shape
    replace_newest(one, "Grade Results", ",".join(c.name for c in shape.columns) + "\r\n")
    one.run()
    assert not one.table("grade_results")


def test_a_missing_scope_is_named(tenant, loader):
    one = loader(tenant("Users", scopes="core:*:*"))
    with pytest.raises(Exception, match="datasets:bds:read") as caught:
        one.run()
    assert isinstance(_cause(caught.value), PermissionDenied)


@pytest.mark.parametrize(("name", "value"), [("deletes", "remove"), ("bad_rows", "ignore")])
def test_a_wrong_setting_is_reported_before_any_request(name, value):
    with pytest.raises(ConfigurationError, match=name):
        brightspace_data_sets_source("http://127.0.0.1:1", _token(), **{name: value})


def _token():
    from d2l_brightspace import BearerAuth

    return BearerAuth(token="t")


def _cause(error: BaseException | None) -> BaseException | None:
    while error is not None and not isinstance(error, PermissionDenied):
        error = error.__cause__ or error.__context__
    return error
