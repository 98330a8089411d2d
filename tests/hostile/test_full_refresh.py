"""A full refresh: tables are exchanged as a whole, and are never empty on the way."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from d2l_brightspace import ConfigurationError, PermissionDenied, RunReport, run
from tests.cases import case
from tests.wire_server import Answer

from .arena import Arena, truth
from .tenant import message

REFUSED = Answer(403, {"title": "Not Authorized"})
ALL = ("users", "classlist", "log_messages")


def refresh(arena: Arena, *resources: str, **arguments: Any) -> RunReport:
    return run(arena.pipeline(), arena.source(*resources, **arguments), full_refresh=True)


def outlive_their_lists(arena: Arena) -> None:
    """Rows that no list has any more and that a run of the usual kind would leave."""
    for table, key in (
        ("users", "9 AS user_id"),
        ("classlist", "666 AS org_unit_id"),
        ("log_messages", "9999 AS log_message_id"),
    ):
        arena.query(f"INSERT INTO {table} SELECT * REPLACE ({key}) FROM {table} LIMIT 1")
    arena.before = arena.tables()


def log_start(arena: Arena, request: int) -> str:
    """The day from which the log was asked for."""
    return str(arena.server.asked("/logging/$")[request].params["dateRangeStart"][:10])


def test_all_that_is_in_no_list_any_more_goes(arena: Arena) -> None:
    outlive_their_lists(arena)
    arena.query("ALTER TABLE users DROP COLUMN pronouns")
    arena.query("DROP TABLE log_messages")
    report = refresh(arena, *ALL)
    now = truth(arena.tenant)
    for name, rows in arena.tables().items():
        assert rows == (now if name in ALL else arena.before)[name], name
    assert not report.skipped
    # the log was read from its beginning
    assert log_start(arena, 0) == "2000-01-01"
    assert "pronouns" in arena.columns("users")
    # and the next run is one of the usual kind
    arena.tenant.log.append(message(len(arena.tenant.log) + 1))
    arena.before = arena.tables()
    arena.exact(*ALL)
    assert log_start(arena, -1) > "2026"


@case("Process", "SIGKILL in a full refresh: each table is old or new, then exact", "exact")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "table"),
    [
        ("before normalize", None),
        ("one table merged", "classlist"),
        ("before the load is noted", None),
    ],
)
def test_kill_in_a_full_refresh(arena: Arena, point: str, table: str | None) -> None:
    outlive_their_lists(arena)
    victim = arena.child(*ALL, kill_at=point, table=table, full_refresh=True)
    assert victim.wait(60) == -signal.SIGKILL
    now = truth(arena.tenant)
    for name, rows in arena.tables().items():
        assert rows in (arena.before[name], now[name]), name
        assert rows, name
    arena.tenant.users[5]["FirstName"] = "Later"
    if point == "before normalize":
        # nothing of the refresh was loaded, nor lost: the next run of any kind finishes it
        assert arena.tables() == arena.before
    arena.exact(*ALL)


def test_what_cannot_be_read_keeps_its_rows(arena: Arena) -> None:
    outlive_their_lists(arena)
    arena.fault("/102/classlist/", REFUSED)
    arena.fault("/courses/102$", REFUSED)
    arena.fault("/users/$", REFUSED)
    with pytest.raises(PermissionDenied) as caught:
        refresh(arena, *ALL, "courses")
    now, tables = truth(arena.tenant), arena.tables()
    assert tables["users"] == arena.before["users"]
    assert tables["log_messages"] == now["log_messages"]
    for name in ("classlist", "courses"):
        kept = [row for row in arena.before[name].elements() if row[0] == 102]
        others = [row for row in now[name].elements() if row[0] != 102]
        assert kept
        assert sorted(tables[name].elements()) == sorted(kept + others)
    skipped = {(row["resource"], row["org_unit_id"]) for row in caught.value.report.skipped}
    assert skipped == {("users", 0), ("classlist", 102), ("courses", 102)}


def test_what_has_become_empty_is_emptied(arena: Arena) -> None:
    arena.tenant.log.clear()
    arena.tenant.courses.clear()
    arena.tenant.classlists.clear()
    emptied = ("log_messages", "classlist", "courses")
    refresh(arena, *emptied)
    tables = arena.tables()
    assert [tables[name].total() for name in emptied] == [0, 0, 0]
    assert tables["users"] == arena.before["users"]


def test_a_filter_holds_in_a_full_refresh(arena: Arena) -> None:
    source = arena.source("users", "classlist")
    source.users.add_filter(lambda row: row["UserId"] > 900)
    source.classlist.add_filter(lambda row: False)
    run(arena.pipeline(), source, full_refresh=True)
    tables = arena.tables()
    assert sorted(user for user, _ in tables["users"]) == [901, 902]
    assert not tables["classlist"]


@pytest.mark.parametrize("disposition", ["append", {"disposition": "merge", "strategy": "scd2"}])
def test_what_cannot_be_exchanged_is_refused(arena: Arena, disposition: object) -> None:
    source = arena.source("users")
    source.users.apply_hints(write_disposition=disposition)
    with pytest.raises(ConfigurationError, match="table of users cannot be exchanged"):
        run(arena.pipeline(), source, full_refresh=True)
    assert not arena.server.requests
    assert arena.tables() == arena.before


def test_what_a_limit_leaves_unread_keeps_its_rows(arena: Arena) -> None:
    source = arena.source("classlist")
    first = min(arena.tenant.classlists)
    # an empty list counts as one that was read, and gives no rows that would end the reading
    arena.tenant.classlists[first].clear()
    source.add_limit(1)
    run(arena.pipeline(), source, full_refresh=True)
    others = [row for row in arena.before["classlist"].elements() if row[0] != first]
    assert sorted(arena.tables()["classlist"].elements()) == sorted(others)
