"""Plain dlt runs the configuration, and gets what our own source gets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.sources.rest_api import rest_api_source

from d2l_brightspace import rest_api_config, run
from d2l_brightspace.endpoints import ENDPOINTS
from tests.conftest import new_pipeline

from .conftest import count, counts_of_truth, credentials_of, query

CORE = [name for name, endpoint in ENDPOINTS.items() if endpoint.group == "core"]
VERSIONS = {"lp_version": "1.62", "le_version": "1.98"}


@pytest.fixture
def tenant(start: Callable[..., Any]) -> Any:
    """A sandbox with several pages of everything and nothing forbidden."""
    return start(courses=4, users=40, log_messages=250, page_size=20)


@pytest.fixture
def config_of(tmp_path: Path) -> Callable[..., Any]:
    """Make the configuration for a sandbox."""

    def make(sandbox: Any, tables: list[str] | None, scheme: str = "id_key", **more: Any) -> Any:
        return rest_api_config(
            tables,
            host=sandbox.url,
            credentials=credentials_of(sandbox, scheme, tmp_path),
            **more,
        )

    return make


def rows(pipeline: dlt.Pipeline, table: str) -> list[tuple[Any, ...]]:
    """Every row of a table, in all columns that are documented."""
    normalize = pipeline.default_schema.naming.normalize_path
    columns = ", ".join(map(normalize, ENDPOINTS[table].columns))
    return query(pipeline, f"SELECT {columns} FROM {table} ORDER BY ALL")


def types(pipeline: dlt.Pipeline, table: str) -> dict[str, str]:
    """The database's type of each column, without dlt's own."""
    found = query(
        pipeline,
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_name = '{table}' AND table_schema = '{pipeline.dataset_name}'",
    )
    return {name: kind for name, kind in found if not name.startswith("_dlt_")}


@pytest.mark.parametrize("scheme", ["bearer", "id_key"])
def test_every_row_and_column_is_what_our_own_source_loads(
    tenant: Any, config_of: Any, source_of: Any, tmp_path: Path, scheme: str
) -> None:
    plain, ours = new_pipeline(tmp_path / "plain"), new_pipeline(tmp_path / "ours")

    plain.run(rest_api_source(config_of(tenant, None, scheme)))
    run(ours, source_of(tenant, scheme, **VERSIONS))

    assert set(plain.default_schema.data_table_names()) == set(CORE)
    for table in CORE:
        assert len(rows(plain, table)) == counts_of_truth(tenant)[table] > 0
        assert rows(plain, table) == rows(ours, table)
        assert types(ours, table).items() <= types(plain, table).items()


def test_named_courses_are_the_only_ones_asked_for(
    tenant: Any, config_of: Any, pipeline: dlt.Pipeline
) -> None:
    ids = tenant.world.course_ids[:2]

    pipeline.run(rest_api_source(config_of(tenant, ["classlist"], org_unit_ids=ids)))

    assert query(pipeline, "SELECT DISTINCT org_unit_id FROM classlist ORDER BY 1") == [
        (one,) for one in ids
    ]
    assert all("/classlist/paged/" in one["path"] for one in tenant.requests)


def test_who_left_a_course_is_gone(tenant: Any, config_of: Any, pipeline: dlt.Pipeline) -> None:
    config = config_of(tenant, ["classlist", "enrollments"])
    pipeline.run(rest_api_source(config))
    before = count(pipeline, "classlist")
    course, *_ = tenant.world.course_ids
    left = query(pipeline, f"SELECT MAX(identifier) FROM classlist WHERE org_unit_id = {course}")
    tenant.world.unenroll(course, left[0][0])

    pipeline.run(rest_api_source(config))

    assert count(pipeline, "classlist") == before - 1
    for table in ("classlist", "enrollments"):
        assert count(pipeline, table) == counts_of_truth(tenant)[table]


def test_a_second_run_asks_for_logs_from_the_newest_less_the_overlap(
    tenant: Any, config_of: Any, pipeline: dlt.Pipeline
) -> None:
    config = config_of(tenant, ["log_messages"], start_date="2026-01-01T02:00:00+02:00")
    pipeline.run(rest_api_source(config))
    assert tenant.requests[0]["query"]["dateRangeStart"] == "2026-01-01T00:00:00.000Z"
    newest = query(pipeline, "SELECT MAX(message_timestamp) FROM log_messages")[0][0]
    tenant.requests.clear()

    tenant.world.add_log_messages(7)
    pipeline.run(rest_api_source(config_of(tenant, ["log_messages"])))

    start = (newest - timedelta(minutes=60)).astimezone(timezone.utc)
    expected = f"{start:%Y-%m-%dT%H:%M:%S}.{start.microsecond // 1000:03d}Z"
    assert tenant.requests[0]["query"]["dateRangeStart"] == expected
    assert "dateRangeEnd" not in tenant.requests[0]["query"]


def test_children_side_by_side_get_the_same_rows(
    tenant: Any, config_of: Any, pipeline: dlt.Pipeline
) -> None:
    config = config_of(tenant, ["classlist", "enrollments"])
    config["resource_defaults"] = {"parallelized": True}
    pipeline.run(rest_api_source(config))
    for table in ("classlist", "enrollments"):
        assert count(pipeline, table) == counts_of_truth(tenant)[table]


def test_the_callers_own_courses(
    tenant: Any, config_of: Any, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_SOURCE__COURSE_OFFERINGS_FROM", "my_enrollments")
    pipeline.run(rest_api_source(config_of(tenant, ["courses"])))
    assert count(pipeline, "courses") == counts_of_truth(tenant)["courses"]
    assert not [one for one in tenant.requests if "orgstructure" in one["path"].lower()]


def test_no_secret_and_no_signature_in_an_error(
    start: Any, config_of: Any, pipeline: dlt.Pipeline
) -> None:
    sandbox = start(courses=2, forbidden_courses=1)
    with pytest.raises(Exception, match="403") as caught:
        pipeline.run(rest_api_source(config_of(sandbox, ["classlist"])))
    assert "/classlist/paged/" in str(caught.value)
    for secret in [*sandbox.credentials["id_key"].values(), "x_c", "x_d"]:
        assert secret not in str(caught.value)
