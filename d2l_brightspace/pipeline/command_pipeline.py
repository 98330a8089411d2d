"""The pipeline of a command or script."""

from __future__ import annotations

from typing import Any

import dlt

from d2l_brightspace.dlt_compat import telemetry

from .warehouse import named_destination
from .working_folder import begins_here, check_default_folders


def command_pipeline(name: str, *, destination: Any, dataset_name: str | None) -> dlt.Pipeline:
    """Make the pipeline of a command, in a process that is the command's own.

    Args:
        name: Name of the pipeline.
        destination: Name of a destination, as in `named_destination`; or a destination of dlt.
        dataset_name: Name of the dataset; None where nothing is loaded.

    Raises:
        ConfigurationError: If the working folder cannot be written, there is no such destination,
            or the pipeline was begun in another folder, whose DuckDB file it would go on with.
    """
    check_default_folders()
    telemetry.off_unless_wanted()
    pipeline = _pipeline(name, destination, dataset_name)
    return _pipeline(name, destination, dataset_name) if begins_here(pipeline) else pipeline


def _pipeline(name: str, destination: Any, dataset_name: str | None) -> dlt.Pipeline:
    if isinstance(destination, str):
        destination = named_destination(destination)
    pipeline: dlt.Pipeline = dlt.pipeline(
        name,
        destination=destination,
        dataset_name=dataset_name,  # type: ignore[arg-type]  # None is what dlt has by default
    )
    return pipeline
