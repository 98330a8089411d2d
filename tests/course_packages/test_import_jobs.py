"""Import jobs as tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dlt
import pytest
from click.testing import Result

from d2l_brightspace import BearerAuth, ConfigurationError, NotFound, import_jobs_source
from d2l_brightspace.sandbox import Sandbox

from .conftest import FAST


def query(pipeline: dlt.Pipeline, sql: str) -> list[tuple[object, ...]]:
    with pipeline.sql_client() as client:
        return list(client.execute_sql(sql) or [])


@pytest.mark.slow
def test_jobs_of_a_ledger_and_their_logs(
    sandbox: Sandbox,
    command: Callable[..., Result],
    make_package: Callable[..., Path],
    pipeline: dlt.Pipeline,
    tmp_path: Path,
) -> None:
    first, second = sandbox.world.course_ids[:2]
    manifest = tmp_path / "courses.csv"
    manifest.write_text(f"{make_package()},{first}\n{make_package('fail.zip')},{second}")
    command(sandbox, "import-course", "--manifest", manifest, *FAST)
    credentials = BearerAuth(sandbox.credentials["bearer"]["token"])
    for _ in range(2):
        source = import_jobs_source(
            tmp_path / "courses.csv.ledger.jsonl", [(first, "gone")], sandbox.url, credentials
        )
        pipeline.run(source)
    jobs = query(
        pipeline,
        "SELECT target_org_unit_id, status, parse_filename(course_package), accepted_at IS NULL "
        "FROM import_jobs ORDER BY 1",
    )
    assert jobs == [
        (first, "COMPLETED", "good.zip", False),
        (second, "IMPORTFAILED", "fail.zip", False),
    ]
    logged = sum(len(job.log) for job in sandbox.world.jobs)
    assert query(pipeline, "SELECT COUNT(*), COUNT(DISTINCT log_id) FROM import_job_logs") == [
        (logged, logged)
    ]
    skipped = query(
        pipeline, "SELECT DISTINCT resource, org_unit_id, status FROM skipped_requests ORDER BY 1"
    )
    assert skipped == [("import_job_logs", first, 404), ("import_jobs", first, 404)]
    for table in ("import_jobs", "import_job_logs"):
        columns = pipeline.default_schema.tables[table]["columns"]
        described = [c for c in columns.values() if not str(c["name"]).startswith("_dlt")]
        assert all(c.get("description") and c.get("data_type") for c in described)


def test_nothing_to_load_is_an_error(sandbox: Sandbox) -> None:
    credentials = BearerAuth(sandbox.credentials["bearer"]["token"])
    with pytest.raises(ConfigurationError, match="Name the jobs"):
        import_jobs_source(None, [], sandbox.url, credentials)
    source = import_jobs_source(None, [(6619, "gone")], sandbox.url, credentials)
    with pytest.raises(Exception, match="import_jobs") as caught:
        list(source.resources["import_jobs"])
    assert isinstance(caught.value.__cause__, NotFound)
