"""How commands and scripts end when something goes wrong."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from d2l_brightspace.printable import printable, printable_lines

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

FAILED, WRONG_SETTINGS, INTERRUPTED = 1, 2, 130
_VERBOSE = "d2l_brightspace.verbose"


def _remember(context: click.Context, _option: click.Parameter, value: bool) -> None:
    context.meta[_VERBOSE] = value


_verbose = click.option(
    "--verbose",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remember,
    help="After an error, show where it came from; secrets are masked.",
)


def reports_errors(command: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Print what went wrong in place of a traceback, and end with an exit code that says so.

    Adds the option `--verbose` to the command. With its option `--json` the error is an object on
    stdout as well.
    """

    @_verbose
    @wraps(command)
    def wrapped(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            sys.exit(_interrupted(as_json=bool(kwargs.get("as_json"))))
        except Exception as error:  # the last place where it can be made readable
            if isinstance(error, OSError) and _is_output_lost(error):
                if error.errno == errno.EPIPE:
                    raise  # nobody reads on, as with `| head`: click ends without a word
                sys.exit(_unwritten(error))
            problem = folder_problem(error) or error
            sys.exit(_end(problem, as_json=bool(kwargs.get("as_json"))))

    return wrapped


def _interrupted(*, as_json: bool) -> int:
    text = "Interrupted. The tables hold what they held, or what was loaded whole; run again."
    if as_json:
        echo_failure("KeyboardInterrupt", text, INTERRUPTED)
    click.secho(text, fg="red", err=True)
    return INTERRUPTED


def echo_failure(kind: str, message: str, code: int, **more: Any) -> None:
    """Print how a command failed, as the one object that `--json` asks for."""
    about = {"error": kind, "message": message, "exit_code": code}
    click.echo(json.dumps({"outcome": "failed", **more, **about}))


def _is_output_lost(error: OSError) -> bool:
    """Whether it is the output of the command that could not be written."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.name == click.echo.__name__ for frame in frames)


def _unwritten(error: OSError) -> int:
    click.secho(
        f"The output cannot be written ({error.strerror}). What was loaded by then is kept; "
        "`d2l-brightspace status` tells.",
        fg="red",
        err=True,
    )
    return FAILED


def folder_problem(error: Exception) -> Exception | None:
    """What to say where dlt's folder of `DLT_DATA_DIR` cannot be used; None for other errors."""
    folder = os.environ.get("DLT_DATA_DIR")
    if not (folder and isinstance(error, OSError) and error.filename):
        return None
    if not Path(str(error.filename)).absolute().is_relative_to(Path(folder).absolute()):
        return None
    from d2l_brightspace.pipeline.working_folder import unwritable

    return unwritable(folder, error).with_traceback(error.__traceback__)


def _end(error: Exception, *, as_json: bool) -> int:
    """Print an error; gives the exit code."""
    # some tables could not be read; the others were loaded
    report = getattr(error, "report", None)
    code = exit_code_of(error)
    if as_json:
        loaded = {} if report is None else report.as_json()
        echo_failure(type(error).__name__, describe(error), code, **loaded)
    elif report is not None:
        click.echo(str(report))
        click.secho(_failed_tables(report), fg="red", err=True)
        print_trace(error)
        return code
    print_error(error)
    return code


def _failed_tables(report: Any) -> str:
    """What stands on stderr where the report has all of it."""
    names = ", ".join(printable(failure.table) for failure in report.failures)
    return f"Failed: {names}. They hold what they held before; the report says why."


def print_error(error: Exception) -> None:
    """Print what went wrong and what to do; with `--verbose` also where it came from."""
    click.secho(describe(error), fg="red", err=True)
    print_trace(error)


def print_trace(error: Exception) -> None:
    """With `--verbose`, print where an error came from."""
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(_VERBOSE):
        from .trace import masked_trace

        click.echo(masked_trace(error), err=True)


def exit_code_of(error: Exception) -> int:
    """2 where a setting is wrong or missing, so that nothing was requested; else 1."""
    from dlt.common.configuration.exceptions import ConfigFieldMissingException
    from dlt.common.configuration.providers.toml import TomlProviderReadException

    from d2l_brightspace.client.errors import ConfigurationError

    kinds = (ConfigurationError, ConfigFieldMissingException, TomlProviderReadException)
    is_wrong = isinstance(error, kinds) and getattr(error, "report", None) is None
    return WRONG_SETTINGS if is_wrong else FAILED


def describe(error: Exception) -> str:
    """What went wrong and, where settings are missing, where they go."""
    # here, so that --help does not wait for dlt
    from dlt.common.configuration.exceptions import ConfigFieldMissingException
    from dlt.common.configuration.providers.toml import TomlProviderReadException
    from dlt.common.exceptions import DltException

    from d2l_brightspace.client.errors import BrightspaceError
    from d2l_brightspace.setting_checks import unreadable_file

    from . import missing_settings

    if isinstance(error, ConfigFieldMissingException):
        return printable_lines(missing_settings.describe(error))
    if isinstance(error, TomlProviderReadException):
        return printable_lines(f"ConfigurationError: {unreadable_file(error)}")
    if isinstance(error, (BrightspaceError, DltException)):
        return printable_lines(f"{type(error).__name__}: {error}")
    return _unexpected(error)


def _unexpected(error: Exception) -> str:
    """What no code foresaw, without its text, which may hold a value of a row or of a setting."""
    where: Any = next(iter(traceback.extract_tb(error.__traceback__)[-1:]), None)
    place = f" in {Path(where.filename).name}, line {where.lineno}" if where else ""
    return (
        f"Unexpected error: {type(error).__name__}{place}. Run again with --verbose to see where "
        "it came from, and please report it."
    )
