"""The pipeline of a command or script."""

from __future__ import annotations

from typing import Any

import dlt

from d2l_brightspace.dlt_compat import telemetry

from .working_folder import check_default_folders


def command_pipeline(name: str, **options: Any) -> dlt.Pipeline:
    """Make the pipeline of a command, in a process that is the command's own.

    Args:
        name: Name of the pipeline.
        options: As for `dlt.pipeline`.

    Raises:
        ConfigurationError: If the working folder cannot be written.
    """
    check_default_folders()
    telemetry.off_unless_wanted()
    pipeline: dlt.Pipeline = dlt.pipeline(name, **options)
    return pipeline
