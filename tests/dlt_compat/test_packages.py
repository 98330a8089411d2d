"""What is relied on about load packages; a failure here means that dlt has changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest

from d2l_brightspace.dlt_compat import packages

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.packages relies on: "


def resource(name: str, rows: list[Any], **hints: Any) -> Any:
    return dlt.resource(rows, name=name, **hints)


@dlt.source(name="made_up")
def made_up(*resources: Any) -> Any:
    return resources


def extracted_files(pipeline: dlt.Pipeline) -> list[str]:
    folder = Path(pipeline.working_dir) / "normalize" / "extracted"
    return sorted(path.name.partition(".")[0] for path in folder.glob("*/new_jobs/*"))


def test_the_files_of_an_extracted_table_can_be_found_and_deleted(pipeline: dlt.Pipeline) -> None:
    nested = [{"id": 1, "roles": [{"name": "x"}]}]
    pipeline.extract(made_up(resource("users", nested), resource("users_too", [{"id": 1}])))
    before = extracted_files(pipeline)
    assert "users" in before, RELIED_ON + "job files begin with the table's name"

    gone = packages.discard_extracted(pipeline, ["users"])

    assert [name.partition(".")[0] for name in gone] == ["users"]
    assert extracted_files(pipeline) == before
    pipeline.normalize()
    pipeline.load()
    assert pipeline.last_trace.last_normalize_info.row_counts["users_too"] == 1
    with pipeline.sql_client() as client:
        found = client.execute_sql("SELECT COUNT(*) FROM users")
    assert found == [(0,)], RELIED_ON + "nothing of the files is loaded"


@pytest.mark.parametrize(
    "items",
    [
        [dlt.mark.materialize_table_schema()],
        [{"id": 1}],
        [pa.table({"id": pa.array([], pa.int64())})],
        [pa.table({"id": [1]})],
        [{"id": 1}, pa.table({"id": [1]})],
    ],
    ids=["no rows", "rows", "no Arrow rows", "Arrow rows", "both"],
)
def test_a_table_that_is_not_there_yet_is_made_and_gets_no_rows(
    pipeline: dlt.Pipeline, items: list[Any]
) -> None:
    columns: Any = {"id": {"data_type": "bigint"}}

    @dlt.resource(name="users", columns=columns)
    def users() -> Any:
        yield from items

    pipeline.extract(made_up(users, resource("courses", [{"id": 1}])))
    packages.discard_extracted(pipeline, ["users"])
    pipeline.normalize()
    pipeline.load()
    with pipeline.sql_client() as client:
        found = client.execute_sql("SELECT COUNT(*) FROM users")
    assert found == [(0,)], RELIED_ON + "an empty file makes a table"


def test_a_table_to_be_replaced_keeps_its_rows_when_it_has_no_file(pipeline: dlt.Pipeline) -> None:
    pipeline.run(made_up(resource("users", [{"id": 1}], write_disposition="replace")))
    other = resource("courses", [{"id": 1}])
    nothing = resource("users", [], write_disposition="replace")

    pipeline.extract(made_up(nothing, other))
    assert "users" in extracted_files(pipeline), RELIED_ON + "an empty file means: empty the table"
    packages.discard_extracted(pipeline, ["users"])
    pipeline.normalize()
    pipeline.load()

    with pipeline.sql_client() as client:
        kept = client.execute_sql("SELECT COUNT(*) FROM users")
    assert kept == [(1,)], RELIED_ON + "a table without a file is left alone"


def test_tables_nested_in_a_table_are_found_at_any_depth() -> None:
    schema = dlt.Schema("made_up")
    for name, parent in (("a", None), ("a__b", "a"), ("a__b__c", "a__b"), ("d", None)):
        table: Any = {"name": name, "columns": {}} | ({"parent": parent} if parent else {})
        schema.update_table(table)
    assert packages._with_nested(schema, ["a"]) == {"a", "a__b", "a__b__c"}


def test_a_copy_that_was_begun_is_distinguished_from_one_that_was_not(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob

    begun: set[str] = set()
    copy = DuckDbCopyJob.run

    def look(job: Any) -> None:
        begun.update(packages.begun_tables(pipeline, load_id))
        copy(job)

    pipeline.extract(made_up(resource("users", [pa.table({"id": [1]})])))
    pipeline.normalize()
    (load_id,) = pipeline.list_normalized_load_packages()
    assert packages.begun_tables(pipeline, load_id) == set()
    monkeypatch.setattr(DuckDbCopyJob, "run", look)
    pipeline.load()
    assert "users" in begun, RELIED_ON + "a job is in `started_jobs` while it copies"


@pytest.mark.parametrize("changes", [True, False])
def test_the_schema_of_a_normalized_package_is_what_the_load_goes_by(
    pipeline: dlt.Pipeline, changes: bool
) -> None:
    def change(schema: dlt.Schema) -> bool:
        schema.tables["users"]["write_disposition"] = "replace"
        return changes

    for number in (1, 2):
        pipeline.extract(made_up(resource("users", [{"id": number}])))
        pipeline.normalize()
        (load_id,) = pipeline.list_normalized_load_packages()
        packages.change_normalized_schema(pipeline, load_id, change)
        pipeline.load()

    with pipeline.sql_client() as client:
        rows = client.execute_sql("SELECT id FROM users ORDER BY id")
    assert rows == ([(2,)] if changes else [(1,), (2,)]), RELIED_ON + "a package has its own schema"


def test_packages_whose_load_ended_can_be_found_and_deleted(pipeline: dlt.Pipeline) -> None:
    info = pipeline.run(made_up(resource("users", [{"id": 1}])))
    pipeline.extract(made_up(resource("users", [{"id": 2}])))
    pipeline.normalize()
    loaded = Path(pipeline.working_dir) / "load" / "loaded"
    files = [path.name.partition(".")[0] for path in loaded.glob("*/completed_jobs/*")]
    assert "users" in files, RELIED_ON + "packages go to `loaded`, with their jobs"
    found = packages.tables_of_ended(pipeline, besides=[])
    assert "users" in found["made_up"]
    assert packages.tables_of_ended(pipeline, besides=info.loads_ids) == {}

    (next(loaded.iterdir()) / "schema.json").unlink()  # a deletion that was interrupted
    assert packages.tables_of_ended(pipeline, besides=[]) == {}
    packages.delete_ended(pipeline)
    assert list(loaded.iterdir()) == []
    assert pipeline.list_normalized_load_packages() != [], "a package that waits is not deleted"
    pipeline.load()
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT id FROM users ORDER BY id") == [(1,), (2,)]


def test_an_extraction_that_failed_can_be_deleted(pipeline: dlt.Pipeline) -> None:
    def broken() -> Any:
        yield {"id": 1}
        raise LookupError

    pipeline.extract(made_up(resource("courses", [{"id": 1}])))
    with pytest.raises(Exception, match="users"):
        pipeline.extract(made_up(dlt.resource(broken, name="users")))
    folder = Path(pipeline.working_dir) / "normalize"
    left = [path for path in folder.iterdir() if path.is_dir() and path.name != "extracted"]
    assert len(left) == 1, RELIED_ON + "each extraction has a folder of its own"
    packages.delete_interrupted_extractions(pipeline)
    assert not left[0].exists()
    assert extracted_files(pipeline) != []


@pytest.mark.parametrize("step", ["extract", "normalize", "load"])
def test_a_write_that_was_interrupted_can_be_deleted(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        """What a kill is to dlt: nothing it could catch."""

    def kill(*_arguments: Any, **_options: Any) -> None:
        raise Killed

    rows = dlt.resource([{"a": 1}], name="rows")
    if step != "extract":
        pipeline.extract(rows)
    if step == "load":
        pipeline.normalize()
    before = {path for path in Path(pipeline.working_dir).rglob("*") if path.is_file()}
    with monkeypatch.context() as patched:
        patched.setattr("os.replace", kill)
        with pytest.raises(Killed):
            pipeline.extract(rows) if step == "extract" else getattr(pipeline, step)()
    left = {path for path in Path(pipeline.working_dir).rglob("*") if path.is_file()} - before
    assert [path for path in left if len(path.name) == 16], RELIED_ON + "it renames into place"
    packages.delete_unfinished_writes(pipeline)
    left = {path for path in Path(pipeline.working_dir).rglob("*") if path.is_file()} - before
    assert not [path for path in left if len(path.name) == 16]
