"""The declarations are complete, consistent and nothing but data."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from d2l_brightspace import endpoints
from d2l_brightspace.endpoints import ENDPOINTS, Endpoint
from tests.endpoints.appendix_a import BLOCKS, DATA_TYPES, fields

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}

# DESIGN, section 2, in the field names of the API
KEYS = {
    "versions": ["ProductCode"],
    "org_units": ["Identifier"],
    "users": ["UserId"],
    "courses": ["Identifier"],
    "parent_courses": ["CourseOfferingId"],
    "classlist": ["org_unit_id", "Identifier"],
    "my_enrollments": ["OrgUnit__Id"],
    "enrollments": ["org_unit_id", "User__Identifier"],
    "log_messages": ["LogMessageId"],
    "log_message_groups": ["MessageGroupId"],
}

# API reference, section 6: path with its slashes, envelope, scope
COURSE = "{resources.course_offerings.org_unit_id}"
ROUTES = {
    "versions": (None, "versions/", "array", None),
    "org_units": ("lp", "orgstructure/", "bookmark", "organizations:organization:read"),
    "users": ("lp", "users/", "bookmark", "users:userdata:read"),
    "courses": ("lp", f"courses/{COURSE}", "object", "orgunits:course:read"),
    "parent_courses": ("lp", "courses/parentorgunits", "array", "enrollment:own_enrollment:read"),
    "classlist": ("le", f"{COURSE}/classlist/paged/", "object_list", "enrollment:orgunit:read"),
    "my_enrollments": (
        "lp",
        "enrollments/myenrollments/",
        "bookmark",
        "enrollment:own_enrollment:read",
    ),
    "enrollments": (
        "lp",
        f"enrollments/orgUnits/{COURSE}/users/",
        "bookmark",
        "enrollment:orgunit:read",
    ),
    "log_messages": ("lp", "logging/", "bookmark", "core:*:*"),
    "log_message_groups": ("lp", "logging/grouped/", "bookmark", "core:*:*"),
}

PERSONAL = {
    "users": {
        "FirstName",
        "MiddleName",
        "LastName",
        "UserName",
        "ExternalEmail",
        "OrgDefinedId",
        "UniqueIdentifier",
        "DisplayName",
        "Pronouns",
    },
    "classlist": {
        "ProfileIdentifier",
        "DisplayName",
        "Username",
        "OrgDefinedId",
        "Email",
        "FirstName",
        "LastName",
        "Pronouns",
    },
    "enrollments": {
        "User__DisplayName",
        "User__EmailAddress",
        "User__OrgDefinedId",
        "User__ProfileBadgeUrl",
        "User__ProfileIdentifier",
        "User__UserName",
    },
    "log_messages": {
        "ExceptionMessage",
        "ExceptionStackTrace",
        "DeveloperMessage",
        "StackTrace",
    },
    "log_message_groups": {"DeveloperMessage", "ExceptionMessage"},
}

REFERENCES = {
    ("users", "OrgId", "org_units", "Identifier"),
    ("courses", "Identifier", "org_units", "Identifier"),
    ("parent_courses", "CourseOfferingId", "courses", "Identifier"),
    ("parent_courses", "Semester__Identifier", "org_units", "Identifier"),
    ("classlist", "org_unit_id", "courses", "Identifier"),
    ("classlist", "Identifier", "users", "UserId"),
    ("classlist", "org_unit_id,Identifier", "enrollments", "org_unit_id,User__Identifier"),
    ("my_enrollments", "OrgUnit__Id", "org_units", "Identifier"),
    ("my_enrollments", "OrgUnit__Id", "courses", "Identifier"),
    ("enrollments", "org_unit_id", "courses", "Identifier"),
    ("enrollments", "org_unit_id", "org_units", "Identifier"),
    ("enrollments", "User__Identifier", "users", "UserId"),
    ("log_messages", "UserId", "users", "UserId"),
    ("log_messages", "OrgUnitId", "org_units", "Identifier"),
    ("log_messages", "MessageGroupId", "log_message_groups", "MessageGroupId"),
    ("log_message_groups", "LogMessageId", "log_messages", "LogMessageId"),
    ("log_message_groups", "UserId", "users", "UserId"),
    ("log_message_groups", "OrgUnitId", "org_units", "Identifier"),
}

MODULES = sorted(Path(endpoints.__file__).parent.glob("*.py"))
TOPICS = [path for path in MODULES if path.stem not in {"columns", "model"}]

each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


def columns(endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """The columns of an endpoint, keyed by field name."""
    declared: Any = endpoint.resource["columns"]
    assert isinstance(declared, dict)
    return declared


def listed(names: object) -> list[str]:
    """One name or several, as a list."""
    return [names] if isinstance(names, str) else list(names)  # type: ignore[call-overload]


def test_tables_are_those_of_the_design_in_order() -> None:
    assert [endpoint.name for endpoint in ENDPOINTS] == list(KEYS)
    assert set(BLOCKS) == set(KEYS)


@each_endpoint
def test_every_documented_field_is_a_column_and_nothing_else(endpoint: Endpoint) -> None:
    assert set(columns(endpoint)) == set(fields(endpoint.name))


@each_endpoint
def test_types_follow_the_legend(endpoint: Endpoint) -> None:
    declared = {field: hint["data_type"] for field, hint in columns(endpoint).items()}
    documented = {field: DATA_TYPES[kind] for field, kind in fields(endpoint.name).items()}
    assert declared == documented


@each_endpoint
def test_keys_are_those_of_the_design_and_the_only_required_columns(endpoint: Endpoint) -> None:
    key = listed(endpoint.resource["primary_key"])
    assert key == KEYS[endpoint.name]
    required = {field for field, hint in columns(endpoint).items() if not hint["nullable"]}
    assert required == set(key)


@each_endpoint
def test_merges_and_replaces_whole_lists_per_org_unit(endpoint: Endpoint) -> None:
    assert endpoint.resource["write_disposition"] == "merge"
    per_org_unit = endpoint.name in {"classlist", "enrollments"}
    assert endpoint.resource.get("merge_key") == ("org_unit_id" if per_org_unit else None)


@each_endpoint
def test_route_paging_and_scope_are_the_documented_ones(endpoint: Endpoint) -> None:
    route = endpoint.resource["endpoint"]
    assert isinstance(route, dict)
    declared = (endpoint.product, route["path"], endpoint.paging, endpoint.scope)
    assert declared == ROUTES[endpoint.name]


@each_endpoint
def test_leaves_transport_to_the_source(endpoint: Endpoint) -> None:
    route = endpoint.resource["endpoint"]
    assert isinstance(route, dict)
    assert set(route) <= {"path", "params"}
    batches = {"orgUnitIdsCSV": "{resources.course_offering_batches.org_unit_ids_csv}"}
    assert route.get("params") == (batches if endpoint.name == "parent_courses" else None)


def test_only_log_messages_have_a_documented_bookmark() -> None:
    fields_by_table = {e.name: e.bookmark_field for e in ENDPOINTS if e.bookmark_field}
    assert fields_by_table == {"log_messages": "LogMessageId"}


@each_endpoint
def test_table_and_every_column_are_described_in_one_line(endpoint: Endpoint) -> None:
    described = [
        endpoint.description,
        *(hint["description"] for hint in columns(endpoint).values()),
    ]
    for description in described:
        assert description == description.strip()
        assert "\n" not in description
        assert description.endswith((".", "…"))
        assert len(description) > len("Id of it.")


@each_endpoint
def test_personal_columns_are_exactly_these(endpoint: Endpoint) -> None:
    marked = {f for f, hint in columns(endpoint).items() if hint.get("x-annotation-pii")}
    assert marked == PERSONAL.get(endpoint.name, set())


def test_references_are_exactly_these() -> None:
    declared = [
        (
            endpoint.name,
            ",".join(reference["columns"]),
            reference["referenced_table"],
            ",".join(reference["referenced_columns"]),
        )
        for endpoint in ENDPOINTS
        for reference in endpoint.resource.get("references") or []  # type: ignore[union-attr]
    ]
    assert len(declared) == len(set(declared))
    assert set(declared) == REFERENCES
    pairs = [(table, target) for table, _, target, _ in declared]
    assert len(pairs) == len(set(pairs)), "dlt keeps only the last reference to a table"


@each_endpoint
def test_other_keys_of_org_units_are_described_as_such(endpoint: Endpoint) -> None:
    not_referenced = {
        "CourseTemplate__Identifier",
        "Semester__Identifier",
        "Department__Identifier",
        "OrgId",
    }
    for field in not_referenced & set(columns(endpoint)):
        assert columns(endpoint)[field]["description"].startswith("Org unit id of ")


@pytest.mark.parametrize("reference", sorted(REFERENCES), ids="-".join)
def test_reference_leads_to_the_key_of_a_table(reference: tuple[str, str, str, str]) -> None:
    table, names, target, target_names = reference
    assert target_names.split(",") == KEYS[target]
    left, right = columns(BY_NAME[table]), columns(BY_NAME[target])
    for name, target_name in zip(names.split(","), target_names.split(","), strict=True):
        assert left[name]["data_type"] == right[target_name]["data_type"] == "bigint"


@pytest.mark.parametrize("path", TOPICS, ids=lambda path: path.stem)
def test_topic_holds_data_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    others = [
        type(node).__name__
        for position, node in enumerate(tree.body)
        if not isinstance(node, allowed)
        and not (position == 0 and isinstance(node, ast.Expr))  # the docstring
    ]
    assert others == []
    logic = (ast.Lambda, ast.FunctionDef, ast.comprehension, ast.IfExp, ast.JoinedStr, ast.BinOp)
    assert not [node for node in ast.walk(tree) if isinstance(node, logic)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_package_imports_nothing_of_ours_but_itself(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [module for module in modules if module.split(".")[0] == "d2l_brightspace"]
    assert all(module.startswith("d2l_brightspace.endpoints.") for module in ours)
