"""A run in a process of its own, which may be killed: `python -m tests.hostile.child JSON`.

`kill_at` names a point at which it kills itself; the points are functions of dlt, wrapped here, so
that the product needs no hooks.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.memory import megabytes

POINTS = {
    "before normalize": ("dlt.normalize.normalize", "Normalize.run", "before"),
    "in normalize": ("dlt.normalize.normalize", "Normalize.map_single", "after"),
    "after normalize": ("dlt.normalize.normalize", "Normalize.run", "after"),
    "before load": ("dlt.load.load", "Load.run", "before"),
    "schema updated": (
        "dlt.destinations.impl.duckdb.duck",
        "DuckDbClient.update_stored_schema",
        "after",
    ),
    "one job loaded": ("dlt.destinations.impl.duckdb.duck", "DuckDbCopyJob.run", "after"),
    "one table merged": ("dlt.destinations.job_client_impl", "SqlLoadJob.run", "after"),
    "merge in its transaction": (
        "dlt.destinations.impl.duckdb.sql_client",
        "DuckDbSqlClient.commit_transaction",
        "before",
    ),
    "merge committed, not noted": (
        "dlt.destinations.impl.duckdb.sql_client",
        "DuckDbSqlClient.commit_transaction",
        "after",
    ),
    "before the load is noted": ("dlt.load.load", "Load.complete_package", "before"),
    "load noted, package still there": (
        "dlt.destinations.job_client_impl",
        "SqlJobClientBase.complete_load",
        "after",
    ),
    "after load": ("dlt.load.load", "Load.run", "after"),
}


def kill_at(point: str, table: str | None = None) -> None:
    """Wrap a function so that the first call of it, or that for a table, kills this process."""
    import importlib

    module, path, when = POINTS[point]
    owner_name, name = path.split(".")
    owner = getattr(importlib.import_module(module), owner_name)
    original: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **options: Any) -> Any:
        if when == "after":
            original(*arguments, **options)
        if table is not None and table != arguments[0].load_table_name:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


def main() -> None:
    """Run once as the arguments say, and print the report."""
    given = json.loads(sys.argv[1])
    from .arena import load_child

    if given.get("debug"):
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    pipeline, source = load_child(given)
    if limit := given.get("file_limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if point := given.get("kill_at"):
        kill_at(point, given.get("table"))
    outcomes = [attempt(pipeline, source, full_refresh=given.get("full_refresh", False))]
    outcomes += [attempt(*load_child(given)) for _ in range(1, given.get("runs", 1))]
    print(megabytes("VmHWM"), "MB")
    sys.exit(max(outcomes))


def attempt(pipeline: Any, source: Any, **options: Any) -> int:
    """Run and print what came of it; gives the exit code."""
    from d2l_brightspace import BrightspaceError, run

    try:
        print(run(pipeline, source, **options))
    except BrightspaceError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main()
