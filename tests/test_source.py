"""The source as a contract: signature, sections, tables; and that it sends nothing by itself."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
from dlt.extract.reference import SourceReference

import d2l_brightspace
from d2l_brightspace import BearerAuth, ConfigurationError, d2l_brightspace_source

HOST = "school.brightspace.com"
TABLES = {
    "versions": ["product_code"],
    "org_units": ["identifier"],
    "users": ["user_id"],
    "courses": ["identifier"],
    "parent_courses": ["course_offering_id"],
    "classlist": ["org_unit_id", "identifier"],
    "my_enrollments": ["org_unit__id"],
    "enrollments": ["org_unit_id", "user__identifier"],
    "log_messages": ["log_message_id"],
    "log_message_groups": ["message_group_id"],
    "skipped_requests": ["run_id", "resource", "org_unit_id", "parent_key", "route"],
}


@pytest.fixture
def source() -> Any:
    return d2l_brightspace_source(HOST, BearerAuth(token="t"))


def test_the_signature_is_the_contract() -> None:
    signature = inspect.signature(d2l_brightspace_source)
    assert list(signature.parameters) == [
        "host",
        "credentials",
        "org_unit_ids",
        "start_date",
        "lp_version",
        "le_version",
        "tables",
    ]
    defaults = [parameter.default for parameter in signature.parameters.values()]
    assert defaults[2:] == [None] * 5


def test_the_source_is_named_and_can_be_found_by_dlt(source: Any) -> None:
    assert (source.name, source.section) == ("d2l_brightspace", "d2l_brightspace_source")
    assert SourceReference.find("d2l_brightspace.d2l_brightspace_source") is not None


def test_the_resources_are_the_tables(source: Any) -> None:
    assert set(source.selected_resources) == set(TABLES)


def test_the_resources_are_those_of_the_chosen_tables() -> None:
    source = d2l_brightspace_source(HOST, BearerAuth(token="t"), tables=["quiz_attempts", "users"])
    assert list(source.resources) == ["skipped_requests", "users", "quiz_attempts"]


def test_courses_are_read_course_by_course_and_are_no_resource(source: Any) -> None:
    assert "course_offerings" not in source.resources


@pytest.mark.parametrize("table", TABLES)
def test_each_table_merges_by_its_key(source: Any, table: str) -> None:
    schema = source.discover_schema()
    columns = schema.tables[table]["columns"]
    assert [name for name, hint in columns.items() if hint.get("primary_key")] == TABLES[table]
    assert schema.tables[table]["write_disposition"] == "merge"


def test_the_schema_draws_the_relations(source: Any) -> None:
    diagram = source.discover_schema().to_mermaid()
    assert "classlist" in diagram
    assert "courses" in diagram
    references = source.discover_schema().tables["classlist"]["references"]
    assert {reference["referenced_table"] for reference in references} >= {"courses", "users"}


def test_columns_that_name_a_person_are_marked(source: Any) -> None:
    columns = source.discover_schema().tables["classlist"]["columns"]
    marked = {name for name, hint in columns.items() if hint.get("x-annotation-pii")}
    assert {"first_name", "last_name", "email", "org_defined_id", "username"} <= marked
    assert not marked & {"identifier", "org_unit_id", "role_id"}


def test_settings_come_from_the_section_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__HOST", HOST)
    monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__CREDENTIALS__TOKEN", "t")
    monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__ORG_UNIT_IDS", "[6606, 6607]")
    assert d2l_brightspace_source().name == "d2l_brightspace"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"host": "https://school.brightspace.com/d2l/home"}, "school.brightspace.com"),
        ({"host": "http://school.brightspace.com"}, "HTTPS"),
        ({"org_unit_ids": ["a"]}, "org_unit_ids = [6606, 6607]"),
        ({"org_unit_ids": "6606"}, "org_unit_ids = [6606, 6607]"),
        ({"start_date": "soon"}, "2026-09-01"),
        ({"lp_version": "latest"}, 'lp_version = "1.49"'),
        ({"le_version": "1"}, 'le_version = "1.49"'),
        ({"tables": "quizzes"}, 'tables = ["core", "quiz_attempts"]'),
        ({"tables": ["quizes"]}, "Did you mean 'quizzes'?"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_settings_are_refused_at_once(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        d2l_brightspace_source(**{"host": HOST, "credentials": BearerAuth(token="t"), **arguments})
    assert words in str(caught.value)


def test_every_public_name_is_there() -> None:
    for name in d2l_brightspace.__all__:
        assert getattr(d2l_brightspace, name) is not None
    with pytest.raises(AttributeError):
        d2l_brightspace.nothing  # noqa: B018


def test_making_the_source_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    source = d2l_brightspace_source(HOST, BearerAuth(token="t"))
    assert source.discover_schema() is not None


@pytest.mark.parametrize("make", ["d2l_brightspace_source", "brightspace_data_sets_source"])
def test_pandas_is_there_before_any_thread_reads(make: str) -> None:
    # imported by pyarrow's first array in a thread, it is met half imported by dlt
    program = f"""
import sys
from d2l_brightspace import BearerAuth, {make}
assert "pandas" not in sys.modules
{make}("{HOST}", BearerAuth(token="t"))
assert "pandas" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
