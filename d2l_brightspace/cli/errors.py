"""How commands and scripts end when something goes wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from d2l_brightspace.printable import printable_lines

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def reports_errors(command: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Print what went wrong in place of a traceback, and end with exit code 1."""

    @wraps(command)
    def wrapped(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            # here, so that --help does not wait for dlt
            from dlt.common.exceptions import DltException

            from d2l_brightspace.client.errors import BrightspaceError

            error = folder_problem(error) or error
            if not isinstance(error, (BrightspaceError, DltException)):
                raise
            if report := getattr(error, "report", None):
                # some tables could not be read; the others were loaded
                click.echo(str(report))
            print_error(error)
            sys.exit(1)

    return wrapped


def folder_problem(error: Exception) -> Exception | None:
    """What to say where dlt's folder of `DLT_DATA_DIR` cannot be used; None for other errors."""
    folder = os.environ.get("DLT_DATA_DIR")
    if not (folder and isinstance(error, OSError) and error.filename):
        return None
    if not Path(str(error.filename)).absolute().is_relative_to(Path(folder).absolute()):
        return None
    from d2l_brightspace.pipeline.working_folder import unwritable

    return unwritable(folder, error)


def print_error(error: Exception) -> None:
    """Print what went wrong and, where settings are missing, where they go."""
    from dlt.common.configuration.exceptions import ConfigFieldMissingException
    from dlt.common.configuration.providers.toml import TomlProviderReadException

    from d2l_brightspace.setting_checks import unreadable_file

    from .missing_settings import describe

    if isinstance(error, ConfigFieldMissingException):
        message = describe(error)
    elif isinstance(error, TomlProviderReadException):
        message = f"ConfigurationError: {unreadable_file(error)}"
    else:
        message = f"{type(error).__name__}: {error}"
    click.secho(printable_lines(message), fg="red", err=True)
