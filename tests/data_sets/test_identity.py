"""A data set keeps its table, whatever it is called; two never share one."""

from __future__ import annotations

import pytest

from d2l_brightspace.data_sets.dictionary import dictionary
from d2l_brightspace.data_sets.identity import Loaded, assign, identity_of
from d2l_brightspace.sandbox.data_hub import UNDOCUMENTED

USERS = "b21a6414-38f8-4da8-9a65-8b5586f9fe3b"
A, B, C, D = (f"{one * 8}-1111-4111-8111-111111111111" for one in "abcd")


def tables(*offered: tuple[str, str], **loaded) -> dict[str, str]:
    return {one: data_set.table for one, (data_set, _) in assign(offered, Loaded(**loaded)).items()}


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([(USERS, "Users")], ["users"]),
        ([(USERS, "People")], ["users"]),
        ([(A, "Users")], ["users"]),  # an id nobody published
        ([(A, "Users"), (USERS, "People")], ["users_aaaaaaaa", "users"]),
        ([(A, "Own"), (B, "OWN")], ["own", "own_bbbbbbbb"]),
        ([(A, "学生")], ["data_set_aaaaaaaa"]),
        ([(A, "Bad Rows"), (B, "Codes")], ["bad_rows_aaaaaaaa", "codes_bbbbbbbb"]),
        ([(A, "x" * 3000)], ["x" * 50 + "_aaaaaaaa"]),
        ([("name:own", "Own")], ["own"]),
    ],
    ids=str,
)
def test_tables_of_a_first_run(offered, expected):
    found = tables(*offered)
    assert [found[identity] for identity, _ in offered] == expected


@pytest.mark.parametrize(
    ("offered", "loaded", "expected"),
    [
        ((A, "New Name"), {"tables": {A: "own"}}, "own"),
        ((B, "Own"), {"tables": {A: "own"}}, "own_bbbbbbbb"),
        ((A, "Own"), {"unclaimed": frozenset({"own"})}, "own"),
        ((A, "Own"), {"tables": {"name:own": "own"}}, "own"),
        (("name:own", "Own"), {"tables": {A: "own"}}, "own"),
        (
            (dictionary()["gradebook_settings"].schema_id, "Gradebook Settings"),
            {"unclaimed": frozenset({"grade_book_settings"})},
            "grade_book_settings",
        ),
    ],
    ids=[
        "renamed",
        "another-of-the-same-name",
        "loaded-before-ids-were-kept",
        "loaded-by-the-older-routes",
        "older-routes-again",
        "former-spelling",
    ],
)
def test_tables_of_later_runs(offered, loaded, expected):
    assert tables(offered, **loaded) == {offered[0]: expected}


def test_without_an_id_the_public_one_is_known_by_the_name():
    assert identity_of(None, "USERS") == USERS
    assert identity_of(None, "Own Events") == "name:ownevents"


@pytest.mark.parametrize("name", ["Users", UNDOCUMENTED])
@pytest.mark.parametrize("by_name", [True, False], ids=["named", "everything"])
def test_a_renamed_data_set_keeps_its_table(tenant, loader, name, by_name):
    one = loader(tenant(name, "Grade Results"), data_sets=None)
    one.run()
    table = name.lower().replace(" ", "_")
    one.sandbox.hub.data_sets[name].shown_name = "People of Today"
    one.sandbox.hub.advance(8)
    for names in [["People of Today"], [name]] if by_name else [None]:
        one.run(data_sets=names, full_every_days=7)
        assert len(one.table(table)) == len(one.truth(name))
    assert one.query("SELECT count(*) FROM skipped_requests") == [(0,)]
    found = one.query("SELECT table_name FROM information_schema.tables")
    assert ("people_of_today",) not in found
    assert {row[0] for row in one.extracts("data_set")} == {table, "grade_results"}


def test_odd_names_are_loaded_beside_the_others(tenant, loader):
    one = loader(tenant("Grade Results"), data_sets=None)
    hub = one.sandbox.hub
    for shown, own_id in (
        ("学生", A),
        ("Bad Rows", B),
        ("x" * 3000, C),
        ("Grade Results ", D),
    ):
        hub.offer_new(UNDOCUMENTED, shown, own_id)
    one.run()
    counts = {
        table: one.query(f"SELECT count(*) FROM {table}")[0][0]
        for table in ("data_set_aaaaaaaa", "bad_rows_bbbbbbbb", "x" * 50 + "_cccccccc")
    }
    assert set(counts.values()) == {12}
    assert one.query("SELECT count(*) FROM grade_results_dddddddd") == [(12,)]
    assert one.table("grade_results") == one.truth("Grade Results")
    assert one.query("SELECT count(*) FROM bad_rows") == [(0,)]


@pytest.mark.parametrize("name", ["bad_rows", "学生", "x" * 3000])
def test_odd_names_can_be_asked_for(tenant, loader, name):
    one = loader(tenant("Grade Results"), data_sets=[name, "Grade Results"])
    one.run()
    assert one.query("SELECT reason FROM skipped_requests") == [("NotFound",)]
    assert one.table("grade_results") == one.truth("Grade Results")


def test_a_folder_from_before_ids_goes_on(tenant, loader):
    """Progress was kept by the name of the table, and without a SchemaId."""
    one = loader(tenant("Gradebook Settings", UNDOCUMENTED, "Users"), data_sets=None)
    one.run()
    one.query("ALTER TABLE gradebook_settings RENAME TO grade_book_settings")
    forget_ids(one, {"gradebook_settings": "grade_book_settings"})
    one.sandbox.hub.advance(8)
    one.run(full_every_days=7)
    assert one.table("grade_book_settings") == one.truth("Gradebook Settings")
    assert one.table("users") == one.truth("Users")
    assert {reason for (reason,) in one.extracts("reason", "created > '2026-01-06'")} <= {
        "newer",
        "schedule",
        "no differentials",
    }


def forget_ids(one, renamed: dict[str, str]) -> None:
    """Make the state and the schema what they were before SchemaIds were kept."""
    pipeline = one.pipeline()
    with pipeline.managed_state() as state:
        resources = state["sources"]["d2l_brightspace_data_sets"]["resources"]
        for states in (resources, resources["other_data_sets"]):
            for one_state in states.values():
                if isinstance(one_state, dict):
                    one_state.pop("schema_id", None)
                    one_state.pop("name", None)
        for new, old in renamed.items():
            resources[old] = resources.pop(new)
    schema = pipeline.default_schema
    for new, old in renamed.items():
        table = schema.tables.pop(new)
        schema.tables[old] = {**table, "name": old}
    pipeline.sync_schema()
