"""JSON that is legal, and JSON that is not."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from d2l_brightspace import ProtocolError
from d2l_brightspace.extract.arrow import UnexpectedValue, to_array
from tests.cases import case, each, together
from tests.wire_server import Answer

from .arena import Arena, truth
from .tenant import edited, page

USERS = "/users/$"
TYPES = {
    "user_id": "BIGINT",
    "first_name": "VARCHAR",
    "last_accessed_date": "TIMESTAMP WITH TIME ZONE",
}


def with_field(name: str, values: Any) -> Any:
    """An effect: each row gets one of the values, as text that is put into the JSON as it is."""

    def effect(_request: Any, normal: Any) -> Answer:
        answer = normal()
        page = json.loads(answer.encoded())
        for place, row in enumerate(page["Items"]):
            row[name] = f"<<{place % len(values)}>>"
        text = json.dumps(page)
        for place, value in enumerate(values):
            text = text.replace(f'"<<{place}>>"', value)
        answer.body = text.encode()
        return answer

    return effect


def field(arena: Arena, column: str) -> list[Any]:
    return [row[0] for row in arena.query(f"SELECT {column} FROM users ORDER BY user_id LIMIT 10")]


def types_stay(arena: Arena) -> None:
    columns = arena.columns("users")
    assert {name: columns[name] for name in TYPES} == TYPES
    assert not [name for name in columns if "__v_" in name]


@each(
    "Data",
    ("NaN", "clear error", "NaN"),
    ("Infinity", "clear error", "-Infinity"),
    ("1e400", "clear error", "1e400"),
    ("nested 100 000 deep", "clear error", "[" * 100_000 + "]" * 100_000),
)
def test_no_json(arena: Arena, value: str) -> None:
    arena.fault(USERS, with_field("Extra", [value]))
    arena.fails(ProtocolError, "no valid JSON", "users")


@case("Data", "integers above 2^63 in an unknown field: exact, as text", "exact")
def test_long_integers(arena: Arena) -> None:
    numbers = ["9223372036854775808", "18446744073709551616", "-9223372036854775809", "1" * 40]
    arena.fault(USERS, with_field("Extra", numbers))
    arena.exact("users")
    assert field(arena, "extra")[:4] == numbers
    types_stay(arena)


@case("Data", "integers above 2^53 beside fractions in an unknown field: exact, as text", "exact")
def test_integers_a_double_cannot_hold(arena: Arena) -> None:
    arena.fault(USERS, with_field("Extra", ["9007199254740993", "7.5"]))
    arena.exact("users")
    assert field(arena, "extra")[:2] == ["9007199254740993", "7.5"]


@case("Data", "nested 300 deep in an unknown field: kept as JSON", "exact")
def test_deep_nesting(arena: Arena) -> None:
    deep = "[" * 300 + "7" + "]" * 300
    arena.fault(USERS, with_field("Extra", [deep]))
    arena.exact("users")
    assert field(arena, "extra")[0] == deep


@case("Data", "duplicate keys: the last counts, as RFC 8259 has it", "exact")
def test_duplicate_keys(arena: Arena) -> None:
    def twice(_request: Any, normal: Any) -> Answer:
        answer = normal()
        text = answer.encoded().decode()
        answer.body = text.replace('"FirstName"', '"FirstName": "canary", "FirstName"').encode()
        return answer

    arena.fault(USERS, twice)
    arena.exact("users")


@case("Data", "keys that collide after snake_case: each in a column of its own", "exact")
def test_colliding_keys(arena: Arena) -> None:
    names = ["firstName", "First_Name", "FIRST_NAME", "first-name", "A B", "A-B", "A_B", ""]

    def add(body: Any) -> None:
        for row in body["Items"]:
            row.update({name: f"{name}!" for name in names})

    arena.fault(USERS, edited(add))
    arena.exact("users")
    columns = [name for name, kind in arena.columns("users").items() if kind == "VARCHAR"]
    first = arena.query(f"SELECT {', '.join(columns)} FROM users WHERE user_id = 1")[0]
    assert {value for value in first if value and value.endswith("!")} == {f"{n}!" for n in names}


@case("Data", "unknown keys that collide: each keeps its column when the other is absent", "exact")
def test_colliding_keys_come_and_go(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("d2l_brightspace.extract.executor._BATCH_ROWS", 10)

    def add(*names: str) -> Any:
        def change(body: Any) -> None:
            for row in body["Items"]:
                row.update({name: f"{name}!" for name in names})

        return edited(change)

    arena.fault(USERS, add("badgeUrl", "BadgeURL"), when=page(1), times=1)
    arena.fault(USERS, add("badgeUrl"), when=page(2), times=1)
    arena.fault(USERS, add("BadgeURL"), when=page(3), times=1)
    arena.exact("users")
    columns = ("badge_url", "badge_url_undeclared")
    assert [set(field(arena, column)) - {None} for column in columns] == [
        {"BadgeURL!"},
        {"badgeUrl!"},
    ]
    arena.fault(USERS, add("badgeUrl"))
    arena.exact("users")
    assert set(field(arena, "badge_url_undeclared")) == {"badgeUrl!"}


@case("Data", "fields named like those of dlt and of this loader do no harm", "exact")
def test_reserved_names(arena: Arena) -> None:
    names = ["_dlt_id", "_dlt_load_id", "_deleted", "_Deleted", "OrgUnitId", "_"]

    def add(body: Any) -> None:
        for row in body.get("Items") or body.get("Objects"):
            row.update(dict.fromkeys(names, True))

    arena.fault("/users/$|/classlist/", edited(add))
    arena.exact("users", "classlist")


@case("Data", "an unknown number that is 7 and then 7.5, in one run and across runs", "exact")
def test_number_drift(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("d2l_brightspace.extract.executor._BATCH_ROWS", 10)
    arena.fault(USERS, with_field("Points", ["7"]), when=page(1), times=1)
    arena.fault(USERS, with_field("Points", ["7.5"]), when=page(2), times=1)
    arena.fault(USERS, with_field("Points", ['"eight"']), when=page(1))
    arena.exact("users")
    assert points(arena) == {7: 10, 7.5: 10}
    arena.exact("users")
    assert points(arena) == {"eight": 10}


def points(arena: Arena) -> Counter[Any]:
    """How often which value is there, in whichever column: pages that come together share one."""
    rows = arena.query("SELECT COLUMNS('^points') FROM users")
    texts = [value for row in rows for value in row if value is not None]
    return Counter(float(text) if str(text)[0].isdigit() else text for text in texts)


@case("Data", "an unknown field whose type changes from run to run", "exact")
def test_type_drift_across_runs(arena: Arena) -> None:
    for values in (["true"], ["7", "1.5"], ['"text"', "null"], ['{"a": 1}', "[1, 2]"]):
        arena.server._faults.clear()
        arena.fault(USERS, with_field("Extra", values))
        arena.exact("users")


@case("Data", "an unknown field that comes and goes within a run", "exact")
def test_field_that_comes_and_goes(arena: Arena) -> None:
    arena.fault(USERS, with_field("Extra", ["7"]), when=page(2))
    arena.exact("users")
    assert arena.query("SELECT COUNT(extra) FROM users") == [(10,)]


FIELDS = {
    "a number that arrives as a string": ("OrgId", ['"6606"', "6606", "6606.0", '""']),
    "a string that arrives as a number": ("MiddleName", ["12", "1.5", "true", "null"]),
    "a string that arrives as an object or an array": ("OrgDefinedId", ['{"a": 1}', "[]"]),
    "NUL in a string": ("UserName", ['"a\\u0000b"']),
    "half a surrogate pair in a string": ("Pronouns", ['"a\\ud83d!"', '"\\ud83d\\ude00"']),
    "null everywhere": ("ExternalEmail", ["null"]),
}
LOADED = {
    "org_id": [6606, 6606, 6606, None],
    "middle_name": ["12", "1.5", "true", None],
    "org_defined_id": ['{"a":1}', "[]"],
    "user_name": ["a\0b"],
    "pronouns": ["a\ufffd!", "\U0001f600"],
    "external_email": [None],
}


@together("Data", "exact", *FIELDS)
def test_documented_field(arena: Arena) -> None:
    def all_of_them(_request: Any, normal: Any) -> Answer:
        answer = normal()
        for name, values in FIELDS.values():
            answer = with_field(name, values)(_request, lambda given=answer: given)
        return answer

    arena.fault(USERS, all_of_them)
    arena.exact("users")
    for column, expected in LOADED.items():
        assert field(arena, column)[: len(expected)] == expected, column
    types_stay(arena)


@each(
    "Data",
    ("a text where a block should be", "clear error", "Activation", '"canary"'),
    ("a text where the key should be", "clear error", "UserId", '"canary"'),
)
def test_impossible_value(arena: Arena, name: str, value: str) -> None:
    arena.fault(USERS, with_field(name, [value]))
    arena.fails(ProtocolError, f"field {name} ", "users")


@together(
    "Data",
    "recorded",
    "an object where a date should be: null, and counted",
    "a text where a date should be: null, and counted",
    "a text where a number should be: null, and counted",
)
def test_unreadable_values(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    # three batches, whose counts are one record
    monkeypatch.setattr("d2l_brightspace.extract.executor._BATCH_ROWS", 10)

    def spoil(body: Any) -> None:
        first, second, third, *_ = body["Items"]
        first["LastAccessedDate"], second["LastAccessedDate"] = {"canary": 1}, "canary"
        third["OrgId"] = "canary"

    def lose_a_key(body: Any) -> None:
        spoil(body)
        del body["Items"][-1]["UserId"]

    arena.fault(USERS, edited(spoil), when=page(1))
    arena.fault(USERS, edited(lose_a_key), when=page(2))
    report = arena.run("users", "classlist")
    (skip,) = report.skipped
    assert (skip["resource"], skip["org_unit_id"], skip["reason"]) == ("users", 0, "ProtocolError")
    assert skip["detail"] == (
        "Rows without UserId were left out (1). "
        "Values that cannot be read became null: LastAccessedDate (4), OrgId (2)"
    )
    assert (skip["rows_missing"], skip["values_missing"]) == (1, 6)
    assert arena.tables()["classlist"] == truth(arena.tenant)["classlist"]
    loaded = arena.query("SELECT COUNT(*), COUNT(last_accessed_date), COUNT(org_id) FROM users")
    # the user without a key stays as an earlier run has loaded it
    assert loaded == [(27, 27 - 4, 27 - 2)]
    arena.observed = "recorded"


@case("Data", "a date of one class list that cannot be read: its rows load", "recorded")
def test_unreadable_date_in_a_class_list(arena: Arena) -> None:
    arena.fault(
        "/102/classlist/",
        edited(lambda body: body["Objects"][1].update(LastAccessed="canary")),
        when=page(1),
    )
    report = arena.run("classlist")
    (skip,) = report.skipped
    assert (skip["org_unit_id"], skip["rows_missing"], skip["values_missing"]) == (102, 0, 1)
    assert arena.tables()["classlist"] == truth(arena.tenant)["classlist"]
    arena.observed = "recorded"


@case("Data", "a log message whose moment cannot be read: the cursor does not move", "clear error")
def test_unreadable_cursor(arena: Arena) -> None:
    spoil = edited(lambda body: body["Items"][0].update(MessageTimestamp="canary"))
    arena.fault("/logging/$", spoil, times=1)
    arena.fails(ProtocolError, "field MessageTimestamp holds a value that is no", "log_messages")
    arena.exact("log_messages")
    arena.observed = "clear error"


@case("Data", "dates with 0 to 7 fraction digits, zones and none", "exact")
def test_dates(arena: Arena) -> None:
    moments = {
        "2026-01-05T08:00:00Z": "2026-01-05 08:00:00+00",
        "2026-01-05T08:00:00.1Z": "2026-01-05 08:00:00.1+00",
        "2026-01-05T08:00:00.12Z": "2026-01-05 08:00:00.12+00",
        "2026-01-05T08:00:00.123Z": "2026-01-05 08:00:00.123+00",
        "2026-01-05T08:00:00.1234Z": "2026-01-05 08:00:00.1234+00",
        "2026-01-05T08:00:00.12345Z": "2026-01-05 08:00:00.12345+00",
        "2026-01-05T08:00:00.123456Z": "2026-01-05 08:00:00.123456+00",
        "2026-01-05T08:00:00.1234567Z": "2026-01-05 08:00:00.123456+00",
        "2026-01-05T08:00:00.123+02:00": "2026-01-05 06:00:00.123+00",
        "2026-01-05T08:00:00": "2026-01-05 08:00:00+00",
    }
    arena.fault(USERS, with_field("LastAccessedDate", [f'"{one}"' for one in moments]))
    arena.exact("users")
    with arena.connection() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = "SELECT CAST(last_accessed_date AS VARCHAR) FROM users ORDER BY user_id LIMIT 10"
        assert [row[0] for row in connection.execute(query).fetchall()] == [*moments.values()]
    types_stay(arena)


@case("Data", "booleans as strings and numbers", "exact")
def test_booleans() -> None:
    values = [True, "True", "false", 1, 0, None, "FALSE"]
    expected = [True, True, False, True, False, None, False]
    assert to_array("x", values, "bool").to_pylist() == expected
    with pytest.raises(UnexpectedValue, match="field x "):
        to_array("x", ["canary"], "bool")


@case("Data", "a documented number that is 7 and then 7.5", "exact")
def test_documented_double() -> None:
    assert to_array("x", [7, 7.5, "8", "", None], "double").to_pylist() == [7, 7.5, 8, None, None]
    for impossible in ("Infinity", "nan", True, {}):
        with pytest.raises(UnexpectedValue):
            to_array("x", [impossible], "double")


@case("Data", "a documented field gone: null, the column stays", "exact")
def test_documented_field_gone(arena: Arena) -> None:
    arena.fault(USERS, edited(lambda body: [row.pop("OrgId") for row in body["Items"]] and None))
    before = arena.columns("users")
    arena.exact("users")
    assert arena.columns("users") == before
    assert set(field(arena, "org_id")) == {None}


@case("Data", "lists that became empty", "exact")
def test_emptied_lists(arena: Arena) -> None:
    arena.tenant.classlists[102].clear()
    arena.exact("classlist", "enrollments")
    types_stay(arena)
