"""The demo: a made-up Brightspace, loaded over HTTP into a DuckDB file and compared."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import dlt

from d2l_brightspace.client.auth.credentials import RefreshTokenAuth
from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.paths import checked_path
from d2l_brightspace.pipeline.command_pipeline import command_pipeline
from d2l_brightspace.pipeline.report import RunReport
from d2l_brightspace.pipeline.run import run
from d2l_brightspace.source import d2l_brightspace_source

from .extras import check_installed


def run_demo(courses: int, users: int, log_messages: int, database: str) -> int:
    """Start the sandbox, load it, print and compare.

    Args:
        courses: Course offerings to make up.
        users: Users to make up.
        log_messages: Log messages to make up.
        database: Path of the DuckDB file.

    Returns:
        Exit code: 0 if the tables hold what the sandbox holds.

    Raises:
        ConfigurationError: If the sandbox is not installed or its size makes no sense.
    """
    file = checked_path(database, "The path", "brightspace_demo.duckdb").absolute()
    check_installed("sandbox")
    from d2l_brightspace.sandbox import Sandbox, SandboxSettings

    try:
        settings = SandboxSettings(
            courses=courses,
            users=users,
            log_messages=log_messages,
            forbidden_courses=min(courses, 1) if courses > 1 else 0,
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    with Sandbox(settings, port=0) as sandbox, tempfile.TemporaryDirectory() as folder:
        click.echo(f"A sandbox Brightspace with {courses} courses answers at {sandbox.url}")
        credentials = RefreshTokenAuth(
            **sandbox.credentials["refresh_token"], token_store=f"{folder}/refresh_token.json"
        )
        pipeline = command_pipeline(
            "d2l_brightspace_demo",
            # in a workspace dlt would put a relative path below .dlt/data
            destination=dlt.destinations.duckdb(str(file)),
            dataset_name="d2l_brightspace_data",
        )
        report = run(pipeline, d2l_brightspace_source(sandbox.url, credentials))
        click.echo(f"{len(sandbox.requests)} requests")
        click.echo(report)
        differences = _differences(report, sandbox.truth())
    for line in differences:
        click.secho(line, fg="red", err=True)
    if not differences:
        click.echo(f"\nEvery table holds what the sandbox holds. Look at it:\n  {_look_at(file)}")
    return 1 if differences else 0


def _look_at(file: Path) -> str:
    """A command that shows some rows; pip installs DuckDB without its command line."""
    code = (
        f"import duckdb; duckdb.connect({_short(file)!r})"
        ".sql('FROM d2l_brightspace_data.courses').show()"
    )
    plain = not set(code) & set('"$`\\!')
    return f"{shlex.quote(_short(Path(sys.executable)))} -c " + (
        f'"{code}"' if plain else shlex.quote(code)
    )


def _short(path: Path) -> str:
    """A path as short as it works in the working folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _differences(report: RunReport, truth: Mapping[str, Any]) -> list[str]:
    loaded = {count.table: count.in_all for count in report.tables}
    found = [
        f"{table} holds {loaded.get(table, 0)} rows, the sandbox {rows}"
        for table, rows in truth.items()
        if isinstance(rows, int) and loaded.get(table, 0) != rows
    ]
    reported = {(row["resource"], row["org_unit_id"]) for row in report.skipped}
    missing = {(row["resource"], row["org_unit_id"]) for row in truth["skipped"]} - reported
    return found + [
        f"{resource} of org unit {ou} is missing, and was not reported" for resource, ou in missing
    ]
