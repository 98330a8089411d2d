"""dlt takes the declarations as they are: plain rest_api resources, and tables as documented."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnSchema
from dlt.extract import DltResource
from dlt.sources.rest_api import rest_api_resources
from dlt.sources.rest_api.typing import RESTAPIConfig

from d2l_brightspace.endpoints import ENDPOINTS, Endpoint
from tests.endpoints.appendix_a import DATA_TYPES, fields, sample_row

NAMES = [endpoint.name for endpoint in ENDPOINTS]

COLUMN_NAMES = {
    "classlist": {
        "org_unit_id",
        "identifier",
        "profile_identifier",
        "display_name",
        "username",
        "org_defined_id",
        "email",
        "first_name",
        "last_name",
        "role_id",
        "last_accessed",
        "is_online",
        "classlist_role_display_name",
        "pronouns",
    },
    "enrollments": {
        "org_unit_id",
        "user__identifier",
        "user__display_name",
        "user__email_address",
        "user__org_defined_id",
        "user__profile_badge_url",
        "user__profile_identifier",
        "user__user_name",
        "role__id",
        "role__code",
        "role__name",
    },
    "my_enrollments": {
        "org_unit__id",
        "org_unit__type__id",
        "org_unit__type__code",
        "org_unit__type__name",
        "org_unit__name",
        "org_unit__code",
        "org_unit__home_url",
        "org_unit__image_url",
        "access__is_active",
        "access__start_date",
        "access__end_date",
        "access__can_access",
        "access__classlist_role_name",
        "access__lis_roles",
        "access__last_accessed",
        "pin_date",
    },
}
"""The names a user types, where they differ most from those of the API."""


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")


def built(endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> dict[str, DltResource]:
    """The declarations as rest_api resources; only a paginator is added."""

    @dlt.resource(name="course_offerings", selected=False)
    def course_offerings() -> Iterator[list[dict[str, int]]]:
        yield [{"org_unit_id": 6606}]

    @dlt.resource(name="course_offering_batches", selected=False)
    def course_offering_batches() -> Iterator[list[dict[str, str]]]:
        yield [{"org_unit_ids_csv": "6606,6607"}]

    children: list[Any] = [copy.deepcopy(endpoint.resource) for endpoint in endpoints]
    for child in children:
        child["endpoint"]["paginator"] = "single_page"
    config: RESTAPIConfig = {
        "client": {"base_url": "http://127.0.0.1:9/d2l/api/lp/1.49/"},
        "resources": [course_offerings, course_offering_batches, *children],
    }
    return {resource.name: resource for resource in rest_api_resources(config)}


def normalized(tmp_path: Path, rows: dict[str, list[dict[str, Any]]]) -> Schema:
    """The schema after rows went through dlt's extract and normalize, with nothing loaded."""
    resources = built()

    def hinted(name: str) -> DltResource:
        hints: Any = {
            key: value
            for key, value in copy.deepcopy(
                next(endpoint.resource for endpoint in ENDPOINTS if endpoint.name == name)
            ).items()
            if key not in {"name", "endpoint"}
        }
        resource: DltResource = dlt.resource(rows[name], name=name, **hints)
        declared = resources[name].compute_table_schema()
        assert resource.compute_table_schema() == declared  # the same hints as through rest_api
        return resource

    pipeline = dlt.pipeline("declared", destination="duckdb", pipelines_dir=str(tmp_path))
    pipeline.extract([hinted(name) for name in rows])
    pipeline.normalize()
    return pipeline.default_schema


def table_columns(schema: Schema, table: str) -> dict[str, TColumnSchema]:
    """Columns of a table that the destination will have, without dlt's own."""
    return {
        name: column
        for name, column in schema.tables[table]["columns"].items()
        if not name.startswith("_dlt_") and column.get("data_type")
    }


def snake_case(field: str) -> str:
    """A field name as dlt's default naming convention writes it."""
    return Schema("naming").naming.normalize_path(field)


def test_every_declaration_is_a_plain_rest_api_resource() -> None:
    assert set(built()) == {"course_offerings", "course_offering_batches", *NAMES}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_declaration_stands_alone(endpoint: Endpoint) -> None:
    assert endpoint.name in built((endpoint,))


def test_rest_api_leaves_the_declarations_unchanged() -> None:
    before = [copy.deepcopy(endpoint.resource) for endpoint in ENDPOINTS]
    built()
    assert [endpoint.resource for endpoint in ENDPOINTS] == before


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """Schema of rows with every field set."""
    return normalized(tmp_path_factory.mktemp("full"), {name: [sample_row(name)] for name in NAMES})


@pytest.mark.parametrize("table", NAMES)
def test_a_full_row_fits_the_declared_columns(full: Schema, table: str) -> None:
    expected = {snake_case(field): DATA_TYPES[kind] for field, kind in fields(table).items()}
    got = {name: column["data_type"] for name, column in table_columns(full, table).items()}
    assert got == expected


@pytest.mark.parametrize(("table", "names"), COLUMN_NAMES.items(), ids=list(COLUMN_NAMES))
def test_column_names_are_those_of_the_contract(full: Schema, table: str, names: set[str]) -> None:
    assert set(table_columns(full, table)) == names


def test_no_child_tables_and_no_variant_columns(full: Schema) -> None:
    assert set(full.data_table_names()) == set(NAMES)
    assert not [name for table in NAMES for name in table_columns(full, table) if "__v_" in name]


def test_an_empty_tenant_makes_the_same_tables(full: Schema) -> None:
    resources = built()
    empty = {name: resources[name].compute_table_schema()["columns"] for name in NAMES}
    for name in NAMES:
        assert {snake_case(field) for field in empty[name]} == set(table_columns(full, name))


def test_null_and_missing_fields_make_the_same_tables(full: Schema, tmp_path: Path) -> None:
    sparse: dict[str, list[dict[str, Any]]] = {
        "courses": [{"Identifier": "6606", "Semester": None, "Description": None}],
        "parent_courses": [{"CourseOfferingId": "6606", "Department": None}],
        "classlist": [{"org_unit_id": 6606, "Identifier": "1", "LastAccessed": None}],
        "my_enrollments": [{"OrgUnit": {"Id": 6606, "Type": None}, "Access": {"LISRoles": None}}],
        "enrollments": [{"org_unit_id": 6606, "User": {"Identifier": "1"}, "Role": None}],
    }
    schema = normalized(tmp_path, sparse)
    for table in sparse:
        got = {name: hint["data_type"] for name, hint in table_columns(schema, table).items()}
        whole = {name: hint["data_type"] for name, hint in table_columns(full, table).items()}
        assert got == whole


def test_references_and_personal_marks_reach_the_schema(full: Schema) -> None:
    for endpoint in ENDPOINTS:
        table = full.tables[endpoint.name]
        declared = endpoint.resource.get("references") or []
        assert len(table.get("references") or []) == len(declared)  # type: ignore[arg-type]
        for reference in table.get("references") or []:
            assert set(reference["columns"]) <= set(table["columns"])
            target = full.tables[reference["referenced_table"]]["columns"]
            assert set(reference["referenced_columns"]) <= set(target)
    display_name: Any = full.tables["enrollments"]["columns"]["user__display_name"]
    assert display_name["x-annotation-pii"] is True
    assert display_name["description"]


def test_the_schema_draws_its_relations(full: Schema) -> None:
    drawing = full.to_mermaid()
    for endpoint in ENDPOINTS:
        references: Any = endpoint.resource.get("references") or []
        for reference in references:
            target, label = reference["referenced_table"], reference["label"]
            assert re.search(rf'\b{endpoint.name} \S+ {target} : "{label}"', drawing)


def test_a_selection_of_tables_is_a_valid_schema(tmp_path: Path) -> None:
    schema = normalized(tmp_path, {"classlist": [sample_row("classlist")]})
    assert schema.data_table_names() == ["classlist"]
    assert schema.to_pretty_yaml()
