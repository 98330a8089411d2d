"""What D2L documents of a table, in the words of a declaration."""

from __future__ import annotations

import re

from d2l_brightspace.endpoints.model import ORG_UNIT_ID
from d2l_brightspace.sandbox.reference import NO_SCOPE, Field, TableRoute, reference

PAGING = {"paged_result_set": "bookmark"}
"""The documented styles that are called otherwise in a declaration."""
_TYPES = {
    "d2lid": "bigint",
    "int": "bigint",
    "decimal": "double",
    "bool": "bool",
    "utc_datetime": "timestamp",
    "string": "text",
    "html": "text",
    "guid": "text",
    "date": "text",
}
_OF_SECRETS = re.compile(r"(?i)password|secret|(^|\.)(app|user|api)?key$|token$")


def route(table: str) -> TableRoute:
    """The documented route of a table."""
    return reference().routes[table]


def fields(table: str) -> dict[str, Field]:
    """The fields of a table's block that hold a value, by the names of their columns."""
    found = reference().fields(table)
    return {column(path): field for path, field in found.items() if field.type != "object"}


def column(path: str) -> str:
    """`OrgUnit.Id` and the placeholder `orgUnitId` as a column."""
    return ORG_UNIT_ID if path == "orgUnitId" else path.replace(".", "__")


def data_type(field: Field) -> str:
    """The dlt data type that a field should have."""
    if field.element:
        return "json"
    kind, _, values = field.type.partition(":")
    if kind == "enum":
        is_number = all("=" in value for value in values.split(","))
        return "bigint" if is_number else "text"
    return _TYPES[kind]


def scope(table: str) -> str | None:
    """The OAuth scope of a table's route."""
    found = route(table).scope
    return None if found == NO_SCOPE else found


def template(table: str) -> str:
    """The path as D2L's route tables write it."""
    found = route(table)
    lead = f"{found.product}/(version)/" if found.product else ""
    return lead + found.path.replace("{", "(").replace("}", ")")


def is_secret(path: str) -> bool:
    """Whether a field is a password or a key, by its name."""
    return bool(_OF_SECRETS.search(path.replace("__", ".")))
