"""Five million rows of Grade Results: the source against the bare script it can never beat.

    python -m benchmarks.data_sets [--rows 5000000] [--rounds 3]

Both download the same zip from the same sandbox and end with the same DuckDB table of the same
types. Each runs in a process of its own, so that its peak of memory is its own. The bare script
takes what a script may take for granted: columns of known types, no bad row, no later run.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .memory import megabytes

COLUMNS = {
    "OrgUnitId": "int64",
    "UserId": "int64",
    "GradeObjectId": "int64",
    "PointsNumerator": "decimal",
    "PointsDenominator": "decimal",
    "WeightedNumerator": "decimal",
    "IsReleased": "bool",
    "IsDropped": "bool",
    "LastModified": "timestamp",
    "LastModifiedBy": "int64",
    "Comments": "string",
    "IsExempt": "bool",
}
ROWS_AT_ONCE = 250_000
TARGET_RATIO, TARGET_MEGABYTES = 1.5, 600


def main() -> None:
    options = _arguments()
    if options.side:
        print(json.dumps(_SIDES[options.side](options)))
        return
    print(report([(options.rows, options.rounds)]))


def report(sizes: Sequence[tuple[int, int]]) -> str:
    """Compare at several sizes, each with its number of rounds; gives Markdown."""
    lines = [
        "\n## Brightspace Data Sets\n",
        f"Grade Results, {len(COLUMNS)} columns, as one zip; DuckDB's memory_limit is 300 MB.\n",
        "| rows | CSV | who | seconds | of the limit | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for rows, rounds in sizes:
        with tempfile.TemporaryDirectory() as folder:
            lines += compare(rows, rounds, Path(folder))
    lines.append(f"\nGoal: {TARGET_RATIO} of the limit, and {TARGET_MEGABYTES} MB.")
    with tempfile.TemporaryDirectory() as folder:
        lines.append(daily(Path(folder)))
    return "\n".join(lines)


def daily(folder: Path, rows: int = 20) -> str:
    """A normal daily run: all data sets there are, a small differential of each."""
    from d2l_brightspace.sandbox import Sandbox, SandboxSettings

    settings = SandboxSettings(courses=1, users=2, class_size=1, log_messages=0, data_set_rows=rows)
    with Sandbox(settings) as sandbox:
        token = sandbox.credentials["bearer"]["token"]
        first = _side("whole", sandbox.url, token, folder / "daily")
        sandbox.hub.advance(1)
        found = _side("whole", sandbox.url, token, folder / "daily", again=True)
        count = len(sandbox.hub.data_sets)
    return (
        f"\nA daily run of {count} data sets with a few rows each, the report included: "
        f"{found['seconds']:.1f} s, {found['cpu']:.1f} s of CPU, {found['megabytes']:.0f} MB "
        f"(the first load: {first['seconds']:.1f} s)."
    )


def compare(rows: int, rounds: int, folder: Path) -> list[str]:
    """Both sides in alternation, one line for each."""
    from d2l_brightspace.sandbox import Sandbox, SandboxSettings

    archive = folder / "GradeResults.zip"
    csv_megabytes = make_archive(archive, rows) / 1e6
    settings = SandboxSettings(
        courses=1, users=2, class_size=1, log_messages=0, data_sets=("Grade Results",)
    )
    found: dict[str, list[dict[str, Any]]] = {"limit": [], "ours": []}
    with Sandbox(settings) as sandbox:
        sandbox.hub.offer_file("Grade Results", archive)
        token = sandbox.credentials["bearer"]["token"]
        for _ in range(rounds):
            for who, measured in found.items():
                measured.append(_side(who, sandbox.url, token, folder / who))
                print(f"{rows:,} rows {who}: {measured[-1]}", flush=True)
    sums = {one["sum"] for measured in found.values() for one in measured}
    if len(sums) != 1:
        raise RuntimeError(f"the tables are not the same: {sums}")
    medians = {who: statistics.median(one["seconds"] for one in found[who]) for who in found}
    return [
        f"| {rows:,} | {csv_megabytes:.0f} MB | {who} | {seconds:.1f} | "
        f"{seconds / medians['limit']:.2f} | {max(one['megabytes'] for one in found[who]):.0f} |"
        for who, seconds in medians.items()
    ]


def _side(side: str, url: str, token: str, folder: Path, *, again: bool = False) -> dict[str, Any]:
    if not again:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.data_sets", "--side", side]
    command += ["--url", url, "--token", token, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def limit(options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    import duckdb
    import pyarrow as pa
    import requests
    from pyarrow import csv

    folder = Path(options.folder)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {options.token}"
        base = f"{options.url}/d2l/api/lp/1.49/datasets/bds"
        schema = session.get(base).json()["Objects"][0]["SchemaId"]
        extracts = session.get(f"{base}/{schema}/extracts").json()["Objects"]
        link = max(extracts, key=lambda one: one["CreatedDate"])["DownloadLink"]
        link = session.get(link, allow_redirects=False).headers["Location"]
        answer = requests.get(link, stream=True, headers={"Accept-Encoding": "identity"})
        with (folder / "x.zip").open("wb") as file:
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)
    types = {
        "decimal": pa.decimal128(19, 9),
        "timestamp": pa.timestamp("us", "UTC"),
        **{name: pa.type_for_alias(name) for name in ("int64", "bool", "string")},
    }
    connection = duckdb.connect(str(folder / "x.duckdb"))
    connection.execute("SET memory_limit = '300MB'")
    with zipfile.ZipFile(folder / "x.zip") as archive, archive.open(archive.namelist()[0]) as raw:
        reader = csv.open_csv(
            raw,
            csv.ReadOptions(block_size=4 << 20),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                column_types={name: types[kind] for name, kind in COLUMNS.items()},
                true_values=["True"],
                false_values=["False"],
            ),
        )
        connection.register("rows", reader)
        connection.execute("CREATE TABLE grade_results AS SELECT * FROM rows")
    seconds = time.monotonic() - began
    query = "SELECT count(*), sum(UserId), sum(PointsNumerator) FROM grade_results"
    return _result(seconds, connection.execute(query).fetchall())


def ours(options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    import dlt
    from dlt.destinations import duckdb

    from d2l_brightspace import BearerAuth, brightspace_data_sets_source, run

    folder = Path(options.folder)
    pipeline = dlt.pipeline(
        "data_sets_benchmark",
        destination=duckdb(
            {"database": str(folder / "x.duckdb"), "global_config": {"memory_limit": "300MB"}}
        ),
        dataset_name="bds",
        pipelines_dir=str(folder),
    )
    token = BearerAuth(token=options.token)
    source = brightspace_data_sets_source(options.url, token, data_sets=["Grade Results"])
    run(pipeline, source)
    seconds = time.monotonic() - began
    with pipeline.sql_client() as client:
        query = "SELECT count(*), sum(user_id), sum(points_numerator) FROM grade_results"
        return _result(seconds, client.execute_sql(query))


def whole(options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    import dlt

    from d2l_brightspace import BearerAuth, brightspace_data_sets_source, run

    folder = Path(options.folder)
    pipeline = dlt.pipeline(
        "data_sets_benchmark",
        destination=dlt.destinations.duckdb(str(folder / "x.duckdb")),
        dataset_name="bds",
        pipelines_dir=str(folder),
    )
    source = brightspace_data_sets_source(options.url, BearerAuth(token=options.token))
    report = run(pipeline, source)
    return _result(time.monotonic() - began, len(report.tables))


def _result(seconds: float, rows: object) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "cpu": time.process_time(),
        "megabytes": megabytes("VmHWM"),
        "sum": str(rows),
    }


_SIDES = {"limit": limit, "ours": ours, "whole": whole}


def make_archive(path: Path, rows: int) -> int:
    """Write a zip of as many rows; returns the bytes of its CSV."""
    size = 0
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("GradeResults.csv", "w", force_zip64=True) as file,
    ):
        file.write(b"\xef\xbb\xbf")
        for start in range(0, rows, ROWS_AT_ONCE):
            text = _csv(start, min(ROWS_AT_ONCE, rows - start), header=start == 0)
            size += file.write(text)
    return size


def _csv(start: int, rows: int, *, header: bool) -> bytes:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    number = pa.array(range(start, start + rows), pa.int64())

    def modulo(divisor: int) -> pa.Array:
        return pc.subtract(number, pc.multiply(pc.divide(number, divisor), divisor))

    points = pc.binary_join_element_wise(modulo(1000).cast(pa.string()), "500000000", ".")
    time = pc.add(pc.multiply(number, 37), 1_700_000_000_000).cast(pa.timestamp("ms"))
    note = pc.binary_join_element_wise('Note, "quoted"', modulo(97).cast(pa.string()), " ")
    flag = pc.if_else(pc.equal(modulo(2), 0), "True", "False")
    table = pa.table(
        {
            "OrgUnitId": pc.add(pc.divide(number, 200), 6600),
            "UserId": pc.add(modulo(200), 100_000),
            "GradeObjectId": pc.add(pc.divide(number, 200), 7000),
            "PointsNumerator": points,
            "PointsDenominator": pa.repeat(100, rows),
            "WeightedNumerator": points,
            "IsReleased": flag,
            "IsDropped": flag,
            "LastModified": pc.strftime(time, format="%Y-%m-%dT%H:%M:%SZ"),
            "LastModifiedBy": pc.add(modulo(50), 9000),
            "Comments": note,
            "IsExempt": flag,
        }
    )
    buffer = io.BytesIO()
    csv.write_csv(table, buffer, csv.WriteOptions(include_header=header, quoting_style="needed"))
    return buffer.getvalue()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    for hidden in ("--side", "--url", "--token", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
