"""The command `status`: how old the tables are, and what is missing from them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import click

from . import data_sets, load
from .errors import reports_errors
from .text_table import print_table

if TYPE_CHECKING:
    from d2l_brightspace.pipeline.status import DatasetStatus, RunStatus, TableStatus

DATASETS = {load.PIPELINE: load.DATASET, data_sets.PIPELINE: data_sets.DATASET}
"""The datasets of the load commands, by their pipelines."""
_SHOWN_ALIKE = 20


@click.command()
@click.option("--pipeline", help="One pipeline; default: those of the load commands.")
@click.option("--dataset", help="Its dataset; default: the one that its load command fills.")
@click.option(
    "--destination", default="warehouse", show_default=True, help="Name of a destination."
)
@click.option(
    "--max-age",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="Exit code 1 if a table is older, or was never loaded.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@reports_errors
def status(
    pipeline: str | None,
    dataset: str | None,
    destination: str,
    max_age: float | None,
    *,
    as_json: bool,
) -> None:
    """Show when each table was loaded last, and what is skipped since when.

    Reads the tables load_runs and skipped_requests of the destination, and sends nothing to
    Brightspace. Exit codes: 0; 1 if nothing was loaded yet, or with --max-age if a table is older
    or was never loaded.
    """
    now = datetime.now(timezone.utc)
    limit = None if max_age is None else timedelta(hours=max_age)
    wanted = _wanted(pipeline, dataset)
    found = [one for one in (_ask(*each, destination) for each in wanted.items()) if one]
    is_stale = any(table.is_stale(now, limit) for one in found for table in one.tables)
    if as_json:
        described = [_as_json(one, now, limit) for one in found]
        click.echo(json.dumps({"stale": is_stale or not found, "datasets": described}, indent=2))
    elif not found:
        names = " or ".join(wanted.values())
        click.echo(
            f"No run is recorded in the dataset {names} of the destination {destination!r}. Load "
            "first, or name another one: --destination, --dataset.",
            err=True,
        )
    for one in () if as_json else found:
        _print(one, now, limit)
    sys.exit(1 if is_stale or not found else 0)


def _wanted(pipeline: str | None, dataset: str | None) -> dict[str, str]:
    """Datasets by pipeline."""
    if pipeline is None and dataset is None:
        return DATASETS
    of_dataset = {name: one for one, name in DATASETS.items()}
    name = pipeline or of_dataset.get(str(dataset), load.PIPELINE)
    return {name: dataset or DATASETS.get(name, load.DATASET)}


def _ask(pipeline: str, dataset: str, destination: str) -> DatasetStatus | None:
    from d2l_brightspace.pipeline.command_pipeline import command_pipeline
    from d2l_brightspace.pipeline.status import dataset_status

    return dataset_status(command_pipeline(pipeline, destination=destination, dataset_name=dataset))


def _print(one: DatasetStatus, now: datetime, limit: timedelta | None) -> None:
    from d2l_brightspace.printable import printable

    click.echo(f"Dataset {printable(one.dataset)} in {printable(one.place or 'the destination')}")
    click.echo(f"Last run: {_sentence(one.last_run, now)}\n")
    rows = [*_table_rows(one.tables, now, limit)]
    print_table(("table", "last loaded (UTC)", "age", ""), rows, numbers=("age",))
    if one.skipped:
        click.echo("\nSkipped in the last run of each table:")
        heads = ("table", "reason", "org units", "requests", "first (UTC)", "last (UTC)")
        print_table(
            heads,
            [
                (
                    skip.resource,
                    skip.reason,
                    f"{skip.org_units:,}",
                    f"{skip.requests:,}",
                    _moment(skip.first_seen),
                    _moment(skip.last_seen),
                )
                for skip in one.skipped
            ],
            numbers=("org units", "requests"),
        )
    click.echo()


def _table_rows(
    tables: Sequence[TableStatus], now: datetime, limit: timedelta | None
) -> Iterator[tuple[str, str, str, str]]:
    """A row for each table; where many of one run have nothing to tell, one for all of these."""
    from d2l_brightspace.pipeline.progress.words import duration, number_of

    def row(name: str, table: TableStatus, words: Sequence[str]) -> tuple[str, str, str, str]:
        age = table.age(now)
        loaded = "never" if table.last_good_run is None else _moment(table.last_good_run)
        ago = "" if age is None else duration(age.total_seconds())
        return name, loaded, ago, ", ".join(words)

    alike: dict[datetime | None, list[TableStatus]] = {}
    for table in tables:
        words = ["failed in its last run"] if table.has_failed else []
        words += ["too old"] if table.is_stale(now, limit) else []
        if words:
            yield row(table.table, table, words)
        else:
            alike.setdefault(table.last_good_run, []).append(table)
    for some in alike.values():
        if len(some) > _SHOWN_ALIKE:
            yield row(number_of(len(some), "table"), some[0], ())
        else:
            yield from (row(table.table, table, ()) for table in some)


def _sentence(run: RunStatus, now: datetime) -> str:
    from d2l_brightspace.pipeline.progress.words import duration, number_of
    from d2l_brightspace.printable import printable

    ago = duration((now - run.ended_at).total_seconds())
    outcome = printable(run.outcome) + (f" ({printable(run.error)})" if run.error else "")
    parts = [f"{_moment(run.ended_at)} UTC, {ago} ago: {outcome}"]
    if run.seconds is not None:
        parts.append(duration(run.seconds))
    if run.requests is not None:
        parts.append(number_of(run.requests, "request"))
    if run.skipped_requests:
        parts.append(f"{run.skipped_requests:,} skipped")
    return ", ".join(parts)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _as_json(one: DatasetStatus, now: datetime, limit: timedelta | None) -> dict[str, Any]:
    run = one.last_run
    return {
        "pipeline": one.pipeline,
        "dataset": one.dataset,
        "place": one.place,
        "last_run": {
            "run_id": run.run_id,
            "started_at": run.started_at.isoformat(),
            "ended_at": run.ended_at.isoformat(),
            "seconds": run.seconds,
            "outcome": run.outcome,
            "error": run.error,
            "requests": run.requests,
            "credits": run.credits,
            "skipped_requests": run.skipped_requests,
        },
        "tables": [
            {
                "table": table.table,
                "last_good_run": table.last_good_run and table.last_good_run.isoformat(),
                "age_hours": _hours(table.age(now)),
                "failed_last": table.has_failed,
                "stale": table.is_stale(now, limit),
            }
            for table in one.tables
        ],
        "skipped": [
            {
                "resource": skip.resource,
                "reason": skip.reason,
                "org_units": skip.org_units,
                "requests": skip.requests,
                "first_seen": skip.first_seen.isoformat(),
                "last_seen": skip.last_seen.isoformat(),
            }
            for skip in one.skipped
        ],
    }


def _hours(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds() / 3600, 2)
