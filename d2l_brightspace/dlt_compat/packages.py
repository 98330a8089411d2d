"""Load packages on disk: what an extraction wrote, and what a run before left behind."""

from __future__ import annotations

import contextlib
import gzip
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import dlt
import pyarrow.parquet as pq
from dlt.common.schema.typing import TTableSchema
from dlt.common.schema.utils import has_table_seen_data
from dlt.common.storages import NormalizeStorage


def discard_extracted(pipeline: dlt.Pipeline, tables: Collection[str]) -> list[str]:
    """Delete what was extracted for some tables, and not normalized yet.

    A table without files keeps its rows, whatever its write disposition: dlt marks a `replace`
    table that got no rows by an empty file, which goes as well. Only of a table that the
    destination does not have yet a file stays, emptied, by which dlt makes the table, unless
    only rows would tell the types of its columns.

    Relies on extracted packages being listed in dlt's normalize storage, with one file for each job
    and the name of its table at the beginning of the file's name; and on `x-normalizer` to say
    whether a table has been made.

    Args:
        pipeline: Whose packages.
        tables: Names in dlt's schema; tables nested in them go with them.

    Returns:
        The names of the files that were deleted or emptied.
    """
    packages = pipeline._get_normalize_storage().extracted_packages
    gone, made = list[str](), set[str]()
    for load_id in packages.list_packages():
        schema = packages.load_schema(load_id)
        unwanted = _with_nested(schema, tables)
        jobs = packages.get_load_package_jobs(load_id)["new_jobs"]
        for job in jobs:
            if job.table_name in unwanted:
                path = packages.get_job_file_path(load_id, "new_jobs", job.file_name())
                if job.table_name in made or not _can_be_made(schema.tables[job.table_name]):
                    packages.storage.delete(path)
                else:
                    made.add(job.table_name)
                    _empty(Path(packages.storage.make_full_path(path)))
                gone.append(job.file_name())
    return gone


def _can_be_made(table: TTableSchema) -> bool:
    """Whether it is a table that the destination lacks, all of whose columns have their types."""
    ours = {name: one for name, one in table["columns"].items() if not name.startswith("_dlt_")}
    return all("data_type" in one for one in ours.values()) and not has_table_seen_data(table)


def _empty(path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pq.read_schema(path).empty_table(), path)
        return
    with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb"):
        pass


def _with_nested(schema: dlt.Schema, tables: Collection[str]) -> set[str]:
    """The tables and those nested in them."""
    found = set(tables)
    parents = {name: table.get("parent") for name, table in schema.tables.items()}
    while more := {name for name, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def begun_tables(pipeline: dlt.Pipeline, load_id: str) -> set[str]:
    """The tables of a normalized package with a copy that was begun and not noted as ended.

    Relies on dlt moving a job to `started_jobs` before it copies.
    """
    jobs = pipeline.get_load_package_info(load_id).jobs["started_jobs"]
    return {job.job_file_info.table_name for job in jobs}


def change_normalized_schema(
    pipeline: dlt.Pipeline, load_id: str, change: Callable[[dlt.Schema], bool]
) -> None:
    """Change the schema that a normalized package is going to be loaded by.

    Relies on a normalized package holding a schema of its own, which the load reads.

    Args:
        pipeline: Whose package.
        load_id: Which package.
        change: Changes the schema; gives whether it did.
    """
    packages = pipeline._get_load_storage().normalized_packages
    schema = packages.load_schema(load_id)
    if change(schema):
        packages.save_schema(load_id, schema)


def tables_of_ended(pipeline: dlt.Pipeline, besides: Collection[str]) -> dict[str, set[str]]:
    """The tables of packages whose load ended, well or not, and that are still on disk.

    Relies on dlt moving such packages to its folder `loaded`, with their jobs.

    Args:
        pipeline: Whose packages.
        besides: Ids of loads that are not asked for.

    Returns:
        Names of tables by the name of their schema.
    """
    ended = pipeline._get_load_storage().loaded_packages
    found: dict[str, set[str]] = {}
    for load_id in set(ended.list_packages()) - set(besides):
        with contextlib.suppress(OSError):  # of one whose deletion was interrupted
            schema = ended.schema_name(load_id)
            jobs = ended.get_load_package_jobs(load_id).values()
            found.setdefault(schema, set()).update(job.table_name for each in jobs for job in each)
    return found


def delete_ended(pipeline: dlt.Pipeline) -> None:
    """Delete packages whose load ended, well or not; those that wait for their load stay."""
    ended = pipeline._get_load_storage().loaded_packages.storage
    for load_id in ended.list_folder_dirs("."):
        shutil.rmtree(ended.make_full_path(load_id), ignore_errors=True)


def delete_interrupted_extractions(pipeline: dlt.Pipeline) -> None:
    """Delete what extractions wrote that failed or were killed; nothing ever reads it.

    Relies on each extraction writing into a folder of its own in the folder of the normalize
    storage, and on a finished one being moved from there to `extracted`. No other extraction of the
    pipeline may be under way.
    """
    storage = Path(pipeline._get_normalize_storage().storage.storage_path)
    for folder in storage.iterdir() if storage.exists() else ():
        if folder.is_dir() and folder.name != NormalizeStorage.EXTRACTED_FOLDER:
            shutil.rmtree(folder, ignore_errors=True)


def delete_unfinished_writes(pipeline: dlt.Pipeline) -> None:
    """Delete the files of a process that was killed between writing one and giving it its name.

    Relies on dlt writing into a file named by 16 hexadecimal digits, in the folder of the storage
    or of its packages, before it takes its place. No other process may work in the folder.
    """
    folder = Path(pipeline.working_dir)
    for pattern in ("*", "*/*", "*/*/*"):
        for path in folder.glob(pattern):
            if _UNFINISHED.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)


_UNFINISHED = re.compile(r"[0-9a-f]{16}")
