"""The main job: Brightspace into DuckDB, or into any other destination of dlt.

Run it from the root of the repository or from this folder:

    python pipelines/d2l_brightspace_pipeline.py --tables classlist --org-unit-ids 6606,6607

Settings come from `.dlt/config.toml`, credentials from `.dlt/secrets.toml` (see
`.dlt/example.secrets.toml`) or from the environment.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2l_brightspace.cli.errors import reports_errors

if TYPE_CHECKING:
    from d2l_brightspace import RunReport

ROOT = Path(__file__).resolve().parent.parent


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """What to load and where to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--destination", default="warehouse", help="name of a dlt destination (default: warehouse)"
    )
    parser.add_argument(
        "--tables",
        "--resources",
        dest="tables",
        metavar="TABLES",
        type=lambda text: [name.strip() for name in text.split(",") if name.strip()],
        help="tables, groups or patterns of tables to load, separated by commas (default: core), "
        "e.g. users,classlist,quizzes",
    )
    parser.add_argument(
        "--org-unit-ids",
        type=_org_unit_ids,
        help="courses to read, separated by commas (default: every course), e.g. 6606,6607",
    )
    parser.add_argument(
        "--start-date", help="first log message to load, e.g. 2026-09-01 (default: all)"
    )
    parser.add_argument(
        "--full-refresh", action="store_true", help="drop the tables first and load all anew"
    )
    parser.add_argument(
        "--strict", action="store_true", help="end with exit code 1 if anything was skipped"
    )
    return parser.parse_args(argv)


def _org_unit_ids(text: str) -> list[int]:
    try:
        return [int(one) for one in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError("numbers separated by commas, e.g. 6606,6607") from None


def load(
    destination: str = "warehouse",
    tables: Sequence[str] | None = None,
    org_unit_ids: Sequence[int] | None = None,
    start_date: str | None = None,
    *,
    full_refresh: bool = False,
    strict: bool = False,
) -> RunReport:
    """Load Brightspace once; the arguments are those of the command line."""
    # here, so that --help does not wait for dlt
    from d2l_brightspace import d2l_brightspace_source, run
    from d2l_brightspace.pipeline.command_pipeline import command_pipeline

    pipeline = command_pipeline(
        "d2l_brightspace_pipeline",
        destination=destination,
        dataset_name="d2l_brightspace_data",
        refresh="drop_sources" if full_refresh else None,
    )
    wanted: dict[str, Any] = {
        "tables": tables or None,
        "org_unit_ids": org_unit_ids,
        "start_date": start_date,
    }
    # what is not given here comes from the configuration
    source = d2l_brightspace_source(**{name: v for name, v in wanted.items() if v is not None})
    return run(pipeline, source, strict=strict)


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Load once and say what was loaded; gives the exit code."""
    options = arguments(argv)
    os.chdir(ROOT)  # dlt looks for its workspace, `.dlt`, in the working folder only
    report = load(**vars(options))
    print(report)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
