"""The staging dataset, through which rows go into the tables that replace rows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination.client import WithStagingDataset
from dlt.common.storages.load_package import LoadPackageStateInjectableContext
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientBase

logger = logging.getLogger(__name__)


def empty_after_load(destination: Any) -> None:
    """Let the clients of a destination empty the staging dataset when a package is loaded.

    dlt does the same by `load.truncate_staging_dataset`, for all tables that its schema knows: one
    that was never staged makes it give up on all of them, and on a destination that commits by
    itself each table would be a transaction of its own. Done here, where the connection is open, it
    costs less than a client of its own, and a package is not ended before.

    Relies on the load calling `complete_load` of a client that it gets from `client` of the
    destination, while the package is the current one.
    """
    make = destination.client

    def client(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        complete = getattr(made, "complete_load", None)

        def complete_load(load_id: str) -> None:
            complete(load_id)  # type: ignore[misc]
            packages = Container()[LoadPackageStateInjectableContext].storage
            jobs = packages.get_load_package_jobs(load_id).values()
            empty(made, {job.table_name for each in jobs for job in each})

        if complete is not None:
            made.complete_load = complete_load
        return made

    destination.client = client


def empty_later(pipeline: dlt.Pipeline, schema: str, tables: Collection[str]) -> None:
    """Delete what a load has left in the staging dataset that ended otherwise."""
    with pipeline.destination_client(schema) as client:
        empty(client, tables)


def empty(client: Any, tables: Collection[str]) -> None:
    """Delete the rows of some tables from the staging dataset; others may be in use by others.

    What goes wrong is only logged: the rows are loaded, and the next load of a table empties it
    before it begins.

    Relies on `with_staging_dataset` of a client turning its `sql_client` to the staging dataset, on
    `should_load_data_to_staging_dataset` saying which tables went through it, and on
    `maybe_ddl_transaction` being one transaction where the destination has such.
    """
    if not (isinstance(client, SqlJobClientBase) and isinstance(client, WithStagingDataset)):
        return
    known = sorted(set(tables) & set(client.schema.tables))
    staged = list(filter(client.should_load_data_to_staging_dataset, known))
    try:
        if staged:
            _truncate(client, staged)
    except DatabaseUndefinedRelation:  # one is gone: somebody has tidied up by hand
        for table in staged:
            with contextlib.suppress(DatabaseUndefinedRelation):
                _truncate(client, [table])
    except DatabaseException as error:
        logger.warning(
            "The staging dataset still holds rows of this run (%s when emptying it). Give the user "
            "of the destination the right to do so, or empty it by hand.",
            type(error).__name__,
        )


def _truncate(client: Any, tables: list[str]) -> None:
    with client.with_staging_dataset(), client.maybe_ddl_transaction():
        client.sql_client.truncate_tables(*tables)
