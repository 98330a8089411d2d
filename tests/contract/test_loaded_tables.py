"""Every table, loaded from the sandbox into DuckDB: its columns, types and rows.

A new declaration is tested by being in `ENDPOINTS`; nothing is added here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import pytest

from d2l_brightspace import IdKeyAuth, d2l_brightspace_source, run
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.model import Endpoint
from d2l_brightspace.extract.load_runs import BOOKKEEPING
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests.conftest import new_pipeline
from tests.flows.conftest import count, query

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
DUCKDB = {
    "bigint": "BIGINT",
    "text": "VARCHAR",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "json": "JSON",
}

each = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))


@dataclass
class Loaded:
    """A sandbox, and what was loaded of it: everything."""

    sandbox: Sandbox
    pipeline: dlt.Pipeline

    def columns(self, table: str) -> dict[str, str]:
        """Column names and types in DuckDB, without dlt's own."""
        found = query(
            self.pipeline,
            "SELECT column_name, data_type FROM information_schema.columns WHERE "
            f"table_schema = 'd2l_brightspace_data' AND table_name = '{table}'",
        )
        return {name: kind for name, kind in found if not name.startswith("_dlt_")}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder: Path = tmp_path_factory.mktemp("all")
    settings = SandboxSettings(courses=4, users=12, class_size=6, log_messages=30)
    with Sandbox(settings, port=0) as sandbox, pytest.MonkeyPatch.context() as environment:
        environment.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        environment.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        pipeline = new_pipeline(folder)
        credentials = IdKeyAuth(**sandbox.credentials["id_key"])
        run(pipeline, d2l_brightspace_source(sandbox.url, credentials, tables=["*"]))
        yield Loaded(sandbox, pipeline)


@each
def test_the_table_holds_the_rows_of_the_sandbox(loaded: Loaded, endpoint: Endpoint) -> None:
    expected = loaded.sandbox.truth(endpoint.name)[endpoint.name]
    assert count(loaded.pipeline, endpoint.name) == expected
    assert expected, "a table without rows proves nothing"


@each
def test_the_columns_are_the_declared_ones_in_their_types(
    loaded: Loaded, endpoint: Endpoint
) -> None:
    normalize = loaded.pipeline.default_schema.naming.normalize_path
    assert loaded.columns(endpoint.name) == {
        normalize(name): DUCKDB[str(hint["data_type"])] for name, hint in endpoint.columns.items()
    }


@each
def test_the_key_tells_each_row_from_all_others(loaded: Loaded, endpoint: Endpoint) -> None:
    normalize = loaded.pipeline.default_schema.naming.normalize_path
    keys = ", ".join(map(normalize, endpoint.keys))
    doubled = f"SELECT {keys} FROM {endpoint.name} GROUP BY {keys} HAVING COUNT(*) > 1"
    assert query(loaded.pipeline, doubled) == []


@each
def test_what_is_dropped_is_nowhere(loaded: Loaded, endpoint: Endpoint) -> None:
    for field in endpoint.dropped:
        sent = {row.get(field) for row in loaded.sandbox.rows(endpoint.name)}
        assert sent - {None}, "the sandbox sends none, so this proves nothing"
        found = str(query(loaded.pipeline, f"SELECT * FROM {endpoint.name}"))
        assert not [text for text in sent - {None} if str(text) in found]


@each
def test_descriptions_marks_and_references_reach_the_schema(
    loaded: Loaded, endpoint: Endpoint
) -> None:
    schema = loaded.pipeline.default_schema
    table, normalize = schema.tables[endpoint.name], schema.naming.normalize_path
    for name, hint in endpoint.columns.items():
        found: Any = table["columns"][normalize(name)]
        for key in ("description", "x-privacy-class", "x-annotation-pii"):
            assert found.get(key) == hint.get(key)
    targets = [one["referenced_table"] for one in table.get("references") or []]
    assert targets == [one["referenced_table"] for one in endpoint.references]


@pytest.mark.parametrize(("table", "names"), COLUMN_NAMES.items(), ids=list(COLUMN_NAMES))
def test_column_names_are_those_of_the_contract(
    loaded: Loaded, table: str, names: set[str]
) -> None:
    assert set(loaded.columns(table)) == names


def test_there_are_no_child_tables_and_no_columns_for_misfits(loaded: Loaded) -> None:
    schema = loaded.pipeline.default_schema
    assert set(schema.data_table_names(seen_data_only=True)) - BOOKKEEPING == set(ENDPOINTS)
    columns = [name for table in schema.tables.values() for name in table["columns"]]
    assert not [name for name in columns if "__v_" in name or "undeclared" in name]


def test_the_schema_draws_its_relations(loaded: Loaded) -> None:
    drawing = loaded.pipeline.default_schema.to_mermaid()
    for endpoint in ENDPOINTS.values():
        for reference in endpoint.references:
            line = f'{reference["referenced_table"]} : "{reference["label"]}"'
            assert any(
                part.split()[0] == endpoint.name and part.endswith(line)
                for part in map(str.strip, drawing.splitlines())
                if part
            )
