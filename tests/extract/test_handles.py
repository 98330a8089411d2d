"""dlt's own handles, on a flat table, a table per course, and one with JSON: what arrives, what is
asked for.

Whole flows, over HTTP and into a DuckDB file.
"""

from __future__ import annotations

from typing import Any

import dlt
import pytest

from d2l_brightspace import BrightspaceError, ConfigurationError, run
from d2l_brightspace.timestamps import utc_milliseconds
from tests.flows.conftest import (  # noqa: F401  # fixtures
    count,
    counts_of_truth,
    query,
    sandbox,
    source_of,
    start,
)

TABLES = ("users", "classlist", "my_enrollments")
KEYS = {"users": "UserId", "classlist": "Identifier", "my_enrollments": "OrgUnit__Id"}
COLUMNS = {"users": "user_id", "classlist": "identifier", "my_enrollments": "org_unit__id"}
SCD2: Any = {"disposition": "merge", "strategy": "scd2"}
UPSERT: Any = {"disposition": "merge", "strategy": "upsert"}

each_table = pytest.mark.parametrize("table", TABLES)


class School:
    """A sandbox, and runs against it into one dataset."""

    def __init__(self, sandbox: Any, source_of: Any, pipeline: dlt.Pipeline) -> None:  # noqa: F811
        self.sandbox = sandbox
        self.source_of = source_of
        self.pipeline = pipeline

    def run(self, *tables: str, change: Any = lambda _source: None, **arguments: Any) -> Any:
        source = self.source_of(self.sandbox, **arguments).with_resources(*tables)
        change(source)
        return run(self.pipeline, source)

    def count(self, table: str, condition: str = "1 = 1") -> int:
        return count(self.pipeline, table, condition)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return query(self.pipeline, sql)

    def truth(self, table: str) -> int:
        return counts_of_truth(self.sandbox)[table]

    def asked(self, part: str) -> list[Any]:
        return [one for one in self.sandbox.requests if part in one["path"]]


@pytest.fixture
def school(sandbox: Any, source_of: Any, pipeline: dlt.Pipeline) -> School:  # noqa: F811
    return School(sandbox, source_of, pipeline)


def is_even(table: str) -> Any:
    return lambda row: row[KEYS[table]] % 2 == 0


# --- filters ------------------------------------------------------------------------------------


@each_table
@pytest.mark.parametrize("insert_at", [None, 1], ids=["last", "first"])
def test_a_filter_is_about_rows_before_and_after_plain_runs(
    school: School, table: str, insert_at: int | None
) -> None:
    def only_even(source: Any) -> None:
        source.resources[table].add_filter(is_even(table), insert_at=insert_at)

    odd = f"{COLUMNS[table]} % 2 = 1"
    school.run(table, change=only_even)
    even = school.count(table)
    assert 0 < even < school.truth(table)
    assert school.count(table, odd) == 0

    school.run(table)
    assert school.count(table) == school.truth(table)
    assert school.count(table, f"NOT {odd}") == even

    report = school.run(table, change=only_even)
    # rows of a course are replaced by what was let through; where there are no courses, by key
    assert school.count(table) == (even if table == "classlist" else school.truth(table))
    (one,) = (one for one in report.tables if one.table == table)
    assert one.from_this_run == even


@pytest.mark.parametrize(
    "condition",
    [
        lambda row: row["UserName"] != "nobody",
        lambda row: row["UserName"] == "nobody",
        lambda row: row["UserId"] in range(10**9),
        lambda row: row["MiddleName"] is None,
        lambda row: row["MiddleName"] is not None,
        lambda row: isinstance(row, dict) and isinstance(row["UserId"], int),
    ],
    ids=["not-equal", "equal", "in", "is-none", "is-not-none", "a-dictionary"],
)
def test_conditions_mean_what_they_say(school: School, condition: Any) -> None:
    blocks = [row.block for row in school.sandbox.rows("users")]
    expected = sum(bool(condition({**row, "UserId": int(row["UserId"])})) for row in blocks)

    school.run("users", change=lambda source: source.users.add_filter(condition))

    # as in plain dlt, a table of which nothing is left is not made
    tables = school.pipeline.default_schema.data_table_names(seen_data_only=True)
    assert (school.count("users") if "users" in tables else 0) == expected


def test_json_is_decoded_for_a_filter(school: School) -> None:
    def has_roles(row: dict[str, Any]) -> bool:
        return isinstance(row["Access__LISRoles"], list)

    school.run("my_enrollments", change=lambda one: one.my_enrollments.add_filter(has_roles))
    assert school.count("my_enrollments") == school.truth("my_enrollments")
    assert school.count("my_enrollments", "json_type(access__lis_roles) <> 'ARRAY'") == 0


def test_what_a_filter_leaves_nothing_of_is_a_course_that_was_read(school: School) -> None:
    school.run("classlist")
    course = school.query("SELECT MIN(org_unit_id) FROM classlist")[0][0]
    of_course = school.count("classlist", f"org_unit_id = {course}")
    skipped = school.query("SELECT COUNT(*) FROM skipped_requests")

    school.run(
        "classlist",
        change=lambda source: source.classlist.add_filter(lambda r: r["org_unit_id"] != course),
    )

    assert of_course
    assert school.count("classlist", f"org_unit_id = {course}") == 0
    assert school.count("classlist") == school.truth("classlist") - of_course
    assert school.count("classlist", "identifier = 0") == 0
    assert school.query("SELECT COUNT(*) FROM skipped_requests")[0][0] == 2 * skipped[0][0]


def test_a_skipped_course_keeps_its_rows_whatever_is_filtered(school: School) -> None:
    school.run("classlist")
    course = school.sandbox.world.course_ids[0]
    before = school.count("classlist", f"org_unit_id = {course}")
    school.sandbox.world.forbid(course)

    school.run("classlist", change=lambda source: source.classlist.add_filter(lambda _row: False))

    assert school.count("classlist") == school.count("classlist", f"org_unit_id = {course}")
    assert school.count("classlist") == before > 0


# --- maps ---------------------------------------------------------------------------------------


@each_table
def test_a_map_changes_rows_and_adds_columns(school: School, table: str) -> None:
    def mark(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "Twice": 2 * row[KEYS[table]]}

    school.run(table, change=lambda source: source.resources[table].add_map(mark))
    assert school.count(table) == school.truth(table)
    assert school.count(table, f"twice IS DISTINCT FROM 2 * {COLUMNS[table]}") == 0

    school.run(table)
    assert school.count(table) == school.truth(table)


def test_a_map_sees_json_as_what_it_is(school: School) -> None:
    def number(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "Number": len(row["SupportedVersions"])}

    school.run("versions", change=lambda source: source.versions.add_map(number))
    assert school.count("versions", "number <> json_array_length(supported_versions)") == 0
    assert school.count("versions", "number > 0") == school.truth("versions")


def test_a_map_of_many_rows(school: School) -> None:
    def twice(row: dict[str, Any]) -> Any:
        yield row
        yield {**row, "UserId": row["UserId"] + 10**9}

    school.run("users", change=lambda source: source.users.add_yield_map(twice))
    assert school.count("users") == 2 * school.truth("users")


# --- limits -------------------------------------------------------------------------------------


def test_one_page_of_a_list_is_one_request(start: Any, source_of: Any, pipeline: Any) -> None:  # noqa: F811
    school = School(start(users=95, page_size=10, courses=0), source_of, pipeline)
    school.run("users", change=lambda source: source.users.add_limit(1))
    assert school.count("users") == 10
    assert 1 <= len(school.asked("/users/")) <= 2


def test_two_courses_are_two_lists_and_what_is_skipped_is_made_up_for(school: School) -> None:
    first = school.sandbox.world.course_ids[0]
    school.sandbox.world.forbid(first)
    report = school.run("classlist", change=lambda source: source.classlist.add_limit(2))
    assert len(school.query("SELECT DISTINCT org_unit_id FROM classlist")) == 2
    skipped = {one["org_unit_id"] for one in report.skipped}
    assert skipped <= set(school.sandbox.world.forbidden)
    assert len(school.asked("/classlist/")) == 2 + len(skipped)


@pytest.mark.parametrize("is_first_refused", [False, True])
@pytest.mark.parametrize("table", ["quiz_attempts", "discussion_posts"])
def test_a_limit_two_levels_deep_counts_courses(
    school: School, table: str, is_first_refused: bool
) -> None:
    top = {"quiz_attempts": "quizzes", "discussion_posts": "discussion_forums"}[table]
    first = school.sandbox.world.course_ids[0]
    if is_first_refused:
        school.sandbox.fail(top, 403, orgUnitId=first)
    limited = {"change": lambda source: source.resources[table].add_limit(1), "tables": ["*"]}
    school.run(table, **limited)
    loaded = school.query(f"SELECT DISTINCT org_unit_id FROM {table}")
    assert len(loaded) <= 1
    assert not is_first_refused or loaded != [(first,)]
    assert len(school.query(f"SELECT * FROM {table}")) < len(school.sandbox.rows(table))


@pytest.mark.parametrize("table", ["users", "classlist"])
def test_a_limit_of_rows(school: School, table: str) -> None:
    school.run(table, change=lambda one: one.resources[table].add_limit(30, count_rows=True))
    # dlt ends after the batch with which the number is reached
    assert 30 <= school.count(table) < school.truth(table) + (table == "users")


def test_a_limit_of_nothing_sends_nothing(school: School) -> None:
    school.run("users", change=lambda source: source.users.add_limit(0))
    assert school.asked("/users/") == []


def test_a_limit_of_the_source(school: School) -> None:
    school.run("users", "classlist", "versions", change=lambda source: source.add_limit(1))
    assert len(school.query("SELECT DISTINCT org_unit_id FROM classlist")) == 1
    assert school.count("versions") == school.truth("versions")


# --- where rows go ------------------------------------------------------------------------------


@each_table
def test_another_name_for_a_table(school: School, table: str) -> None:
    for _ in range(2):
        school.run(table, change=lambda one: one.resources[table].apply_hints(table_name="other"))
    assert school.count("other") == school.truth(table)
    assert table not in school.pipeline.default_schema.data_table_names(seen_data_only=True)


def test_a_table_for_each_kind_of_row(school: School) -> None:
    def name(row: dict[str, Any]) -> str:
        return f"users_{row['UserId'] % 2}"

    school.run("users", change=lambda source: source.users.apply_hints(table_name=name))
    assert school.count("users_0") + school.count("users_1") == school.truth("users")
    assert school.count("users_0", "user_id % 2 = 1") == 0


def test_a_table_for_each_kind_of_row_is_refused_where_courses_are_replaced(
    school: School,
) -> None:
    with pytest.raises(ConfigurationError, match="classlist: the name of the table cannot depend"):
        school.run(
            "classlist",
            change=lambda source: source.classlist.apply_hints(table_name=lambda _row: "x"),
        )
    assert len(school.sandbox.requests) == 0


@each_table
@pytest.mark.parametrize(
    ("disposition", "times"),
    [("replace", 1), ("append", 2), (UPSERT, 1), (SCD2, 1)],
    ids=["replace", "append", "upsert", "scd2"],
)
def test_write_dispositions(school: School, table: str, disposition: Any, times: int) -> None:
    if (table, disposition) == ("classlist", SCD2):
        for course in list(school.sandbox.world.forbidden):
            school.sandbox.world.allow(course)

    def change(source: Any) -> None:
        source.resources[table].apply_hints(write_disposition=disposition)

    for _ in range(2):
        school.run(table, change=change)
    assert school.count(table) == times * school.truth(table)


def test_who_left_is_retired_by_scd2(school: School) -> None:
    def change(source: Any) -> None:
        source.users.apply_hints(write_disposition=SCD2)

    school.run("users", change=change)
    gone = school.query("SELECT MAX(user_id) FROM users")[0][0]
    school.sandbox.world.remove_user(gone)
    school.run("users", change=change)
    assert school.query("SELECT user_id FROM users WHERE _dlt_valid_to IS NOT NULL") == [(gone,)]


def test_scd2_is_refused_where_each_run_reads_the_newest_only(school: School) -> None:
    with pytest.raises(ConfigurationError, match=r"log_messages: the merge strategy scd2"):
        school.run(
            "log_messages",
            change=lambda source: source.log_messages.apply_hints(write_disposition=SCD2),
        )
    assert len(school.sandbox.requests) == 0


def test_under_scd2_a_skipped_course_is_the_failure_of_its_table(school: School) -> None:
    with pytest.raises(BrightspaceError, match="Classlist"):
        school.run(
            "classlist",
            "users",
            change=lambda source: source.classlist.apply_hints(write_disposition=SCD2),
        )
    assert school.count("users") == school.truth("users")
    assert school.count("classlist") == 0


# --- columns ------------------------------------------------------------------------------------


def test_another_type_for_a_column_and_one_that_nobody_sends(school: School) -> None:
    columns: Any = {"OrgId": {"data_type": "text"}, "Nick": {"data_type": "text"}}
    school.run("users", change=lambda source: source.users.apply_hints(columns=columns))
    assert school.count("users", "typeof(org_id) = 'VARCHAR'") == school.truth("users")


def test_json_as_text(school: School) -> None:
    columns: Any = {"Access__LISRoles": {"data_type": "text"}}
    school.run("my_enrollments", change=lambda one: one.my_enrollments.apply_hints(columns=columns))
    assert school.count("my_enrollments", "access__lis_roles LIKE '[%'") == school.truth(
        "my_enrollments"
    )


@pytest.mark.parametrize("data_type", ["wei", "decimal", "binary"])
def test_a_type_that_cannot_be_is_refused_before_the_first_request(
    school: School, data_type: str
) -> None:
    columns: Any = {"OrgId": {"data_type": data_type}}
    with pytest.raises(ConfigurationError, match=f"users: the column OrgId .*'{data_type}'"):
        school.run("users", change=lambda source: source.users.apply_hints(columns=columns))
    assert len(school.sandbox.requests) == 0


def test_a_pydantic_model_as_columns(school: School) -> None:
    pydantic = pytest.importorskip("pydantic")
    fields: Any = {"UserId": (int, ...), "UserName": (str | None, None), "OrgId": (int, ...)}
    person = pydantic.create_model("Person", **fields)
    school.run("users", change=lambda source: source.users.apply_hints(columns=person))
    assert school.count("users", "user_name IS NOT NULL") == school.truth("users")


# --- incremental --------------------------------------------------------------------------------


def test_a_start_given_as_text(school: School) -> None:
    def change(source: Any) -> None:
        cursor = dlt.sources.incremental("MessageTimestamp", initial_value="2026-01-05T09:00:00Z")
        source.log_messages.apply_hints(incremental=cursor)

    school.run("log_messages", change=change)
    rows = school.count("log_messages")
    (first, *_) = school.asked("/logging/")
    assert first["query"]["dateRangeStart"] == "2026-01-05T09:00:00.000Z"
    assert school.count("log_messages", "message_timestamp < '2026-01-05T09:00:00Z'") == 0
    assert 0 < rows <= school.truth("log_messages")

    newest = school.query("SELECT MAX(message_timestamp)::TIMESTAMP FROM log_messages")[0][0]
    before = len(school.asked("/logging/"))
    school.run("log_messages", change=change)
    again = school.asked("/logging/")[before]
    assert again["query"]["dateRangeStart"] == utc_milliseconds(newest)
    assert school.count("log_messages") == rows


# --- contracts ----------------------------------------------------------------------------------


@pytest.fixture
def with_news(school: School, monkeypatch: pytest.MonkeyPatch, has_news: int) -> School:
    """The sandbox sends a field of users that nobody declared, from the second run on."""
    from d2l_brightspace.client.json_codec import decode
    from d2l_brightspace.extract.typed_rows import TypedRows

    school.run("users")

    def parse(_self: Any, body: bytes) -> Any:
        found = decode(body)
        for row in found["Items"]:
            if row["UserId"] % has_news == 0:
                row["Hobby"] = "chess"
        return found

    monkeypatch.setattr(TypedRows, "parse", parse)
    return school


@pytest.fixture
def has_news() -> int:
    """Every how many users."""
    return 1


def contract(**modes: str) -> Any:
    return lambda source: source.users.apply_hints(schema_contract=modes)


def user_columns(school: School) -> set[str]:
    return {name for name, *_ in school.query("DESCRIBE users")}


def test_a_new_field_is_a_new_column(with_news: School) -> None:
    with_news.run("users")
    assert with_news.count("users", "hobby = 'chess'") == with_news.truth("users")


def test_a_new_field_under_a_contract_that_freezes_columns(with_news: School) -> None:
    with pytest.raises(Exception, match=r"(?i)contract|freeze") as caught:
        with_news.run("users", change=contract(columns="freeze"))
    assert "chess" not in str(caught.value)
    assert "hobby" not in user_columns(with_news)
    assert with_news.count("users") == with_news.truth("users")


@pytest.mark.parametrize("mode", ["discard_value", "discard_row"])
def test_a_new_field_under_a_contract_that_discards(with_news: School, mode: str) -> None:
    report = with_news.run("users", change=contract(columns=mode))
    assert "hobby" not in user_columns(with_news)
    assert with_news.count("users") == with_news.truth("users")
    rows = {one.table: one.from_this_run for one in report.tables}
    if mode == "discard_value":
        assert rows["users"] == with_news.truth("users")


@pytest.mark.parametrize("has_news", [2])
@pytest.mark.parametrize("step", [False, True], ids=["tables", "dict-rows"])
def test_a_contract_that_discards_rows_is_about_those_with_the_new_field(
    with_news: School, step: bool
) -> None:
    def change(source: Any) -> None:
        contract(columns="discard_row")(source)
        if step:
            source.users.add_map(lambda row: row)

    report = with_news.run("users", change=change)
    without = with_news.count("users", "user_id % 2 = 1")
    assert {one.table: one.from_this_run for one in report.tables}["users"] == without > 0


def test_a_contract_about_types_does_not_mind_the_declared_fields(school: School) -> None:
    for _ in range(2):
        school.run("users", change=contract(data_type="freeze"))
    assert school.count("users") == school.truth("users")


# --- other ways out -----------------------------------------------------------------------------


def test_a_destination_function_gets_rows(school: School, tmp_path: Any) -> None:
    got: dict[str, list[Any]] = {}

    @dlt.destination(batch_size=10)
    def sink(items: Any, table: Any) -> None:
        got.setdefault(table["name"], []).extend(items)

    emptied = school.sandbox.world.course_ids[1]
    school.sandbox.world.empty_course(emptied, keep_caller=False)
    pipeline = dlt.pipeline("sink", pipelines_dir=str(tmp_path / "sink"), destination=sink)
    pipeline.run(school.source_of(school.sandbox).with_resources(*TABLES))

    for table in TABLES:
        assert len(got[table]) == school.truth(table)
        assert all(isinstance(row, dict) for row in got[table])
    assert all(isinstance(row["Access__LISRoles"], list) for row in got["my_enrollments"])


@each_table
def test_iterating_gives_rows(school: School, table: str) -> None:
    school.sandbox.world.empty_course(school.sandbox.world.course_ids[1], keep_caller=False)
    source = school.source_of(school.sandbox).with_resources(table)
    rows = list(source.resources[table])
    assert len(rows) == school.truth(table)
    assert all(isinstance(row, dict) and isinstance(row[KEYS[table]], int) for row in rows)


def test_only_the_chosen_resources_are_read(school: School) -> None:
    school.run("users")
    asked = {one["path"].rpartition("/d2l/api/")[2] for one in school.sandbox.requests}
    assert asked == {"versions/", next(path for path in asked if path.endswith("/users/"))}


def test_parallelize_is_refused_before_the_first_request(school: School) -> None:
    with pytest.raises(ConfigurationError, match=r"users: parallelize\(\) is not needed"):
        school.run("users", change=lambda source: source.users.parallelize())
    assert len(school.sandbox.requests) == 0
