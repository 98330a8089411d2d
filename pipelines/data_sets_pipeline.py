"""Brightspace Data Sets into DuckDB, or into any other destination of dlt.

Run it daily from the root of the repository or from this folder:

    python pipelines/data_sets_pipeline.py --data-sets users,user_enrollments,grade_results

The first run takes the newest full extract of each data set, later runs the differentials since.
Settings and credentials are those of `d2l_brightspace_pipeline.py`, unless
`[sources.d2l_brightspace_data_sets]` has its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from d2l_brightspace.cli.errors import reports_errors

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
        "--data-sets",
        type=lambda text: [name.strip() for name in text.split(",") if name.strip()],
        help="data sets, separated by commas (default: all that the tenant offers)",
    )
    parser.add_argument(
        "--deletes", choices=("keep", "drop"), help="rows that are marked as deleted (keep)"
    )
    parser.add_argument(
        "--bad-rows", choices=("stop", "quarantine"), help="rows that do not fit (stop)"
    )
    parser.add_argument(
        "--full-every-days", type=int, help="age from which a table is built anew (28)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="end with exit code 1 if anything was skipped"
    )
    return parser.parse_args(argv)


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Load once and say what was loaded; gives the exit code."""
    options = arguments(argv)
    os.chdir(ROOT)  # dlt looks for its workspace, `.dlt`, in the working folder only
    # here, so that --help does not wait for dlt
    from d2l_brightspace.cli.data_sets import load

    report = load(**vars(options))
    print(report)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
