"""The commands `import-course` and `copy-course`: parse, call, print, and give the exit code.

Exit codes: 0 complete, 1 failed (or in doubt), 2 an input or a setting is wrong and nothing was
sent, 3 not finished here, though Brightspace goes on.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from d2l_brightspace.printable import printable

from .errors import folder_problem, print_error
from .parameter_types import FILE, ORG_UNIT_ID, address_and_port

if TYPE_CHECKING:
    from d2l_brightspace.client.session import BrightspaceSession
    from d2l_brightspace.course_packages import Pace, Result, WakeSignal

DONE, FAILED, WRONG_INPUT, NOT_FINISHED = 0, 1, 2, 3

_IMPORT_EXAMPLES = """\b
Examples:
  d2l-brightspace import-course --course-package anatomy.zip --course-offering-id 6619
  d2l-brightspace import-course --course-offering-id 6619 --job-token 0f1e…
  d2l-brightspace import-course --manifest courses.csv
Exit codes:
  0 complete   1 failed or in doubt   2 wrong input, nothing was sent   3 not finished yet
"""
_COPY_EXAMPLES = """\b
Example:
  d2l-brightspace copy-course --course-offering-id 6620 --source-course-offering-id 6619
Exit codes:
  0 complete   1 failed or in doubt   2 wrong input, nothing was sent   3 not finished yet
"""
_ABOVE_0 = click.FloatRange(min=0, min_open=True)


def _following(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of both commands."""
    for option in (
        click.option("--job-token", help="Only follow this job, which exists already."),
        click.option(
            "--callback-url",
            help="Address that Brightspace calls at the end of the job; with --listen, the "
            "address under which Brightspace reaches the port.",
        ),
        click.option(
            "--listen",
            callback=address_and_port,
            metavar="[ADDRESS:]PORT",
            help="Wait for the call on this port, and look at the job when it comes. Without an "
            "address, it is open on the one network interface that leads to Brightspace; behind "
            "a proxy or tunnel on this machine give 127.0.0.1:PORT and --callback-url.",
        ),
        click.option(
            "--poll-seconds", type=_ABOVE_0, help="Delay between two looks.  [default: 2]"
        ),
        click.option(
            "--importing-poll-seconds",
            type=_ABOVE_0,
            help="The same while the status is IMPORTING.  [default: 60]",
        ),
        click.option(
            "--deadline-hours", type=_ABOVE_0, help="How long to follow a job.  [default: 24]"
        ),
    ):
        command = option(command)
    return command


@click.command("import-course", epilog=_IMPORT_EXAMPLES)
@click.option("--course-package", type=FILE, help="The zip file to import.")
@click.option(
    "--course-offering-id", metavar="ID|CODE", help="The course: org unit id, or course code."
)
@click.option(
    "--manifest",
    type=FILE,
    help="CSV file with the columns course_package and course_offering_id (an id or a code).",
)
@click.option(
    "--ledger",
    type=FILE,
    help="File that remembers what was uploaded.  [default with --manifest: MANIFEST.ledger.jsonl]",
)
@click.option(
    "--jobs-in-flight",
    type=click.IntRange(1, 64),
    help="Packages of the manifest that are uploaded or imported at once.  [default: 4]",
)
@click.option(
    "--again",
    multiple=True,
    type=click.Choice(["failed", "uncertain"]),
    help="Upload once more what the upload log knows as failed, or as uncertain.",
)
@click.option("--force", is_flag=True, help="Send files that do not look like course packages.")
@_following
@click.pass_context
def import_course(context: click.Context, /, **options: Any) -> None:
    """Import course packages into course offerings, and follow the jobs to their end."""
    _check_usage(options)
    sys.exit(_reporting(lambda: _import(context.command_path, options)))


@click.command("copy-course", epilog=_COPY_EXAMPLES)
@click.option(
    "--course-offering-id", type=ORG_UNIT_ID, required=True, help="The course to copy into."
)
@click.option("--source-course-offering-id", type=ORG_UNIT_ID, help="The course to copy from.")
@click.option("--component", multiple=True, help="What to copy; repeatable.  [default: all]")
@click.option("--days-to-offset-dates", type=int, help="Move all dates by so many days.")
@click.option("--hours-to-offset-dates", type=int, help="Move all dates by so many hours.")
@click.option(
    "--offset-by-start-date-difference",
    is_flag=True,
    help="Move all dates as far as the start dates of the courses are apart.",
)
@_following
@click.pass_context
def copy_course(context: click.Context, /, **options: Any) -> None:
    """Copy a course offering into another one, and follow the job to its end."""
    if (options["source_course_offering_id"] is None) == (options["job_token"] is None):
        raise click.UsageError("Give either --source-course-offering-id or --job-token.")
    _check_listen(options)
    sys.exit(_reporting(lambda: _copy(context.command_path, options)))


def _check_usage(options: dict[str, Any]) -> None:
    single = options["course_package"] or options["course_offering_id"] or options["job_token"]
    if options["manifest"]:
        if single:
            raise click.UsageError("--manifest names packages and courses; give nothing else.")
    elif not options["course_offering_id"]:
        raise click.UsageError("Give --course-offering-id, or --manifest for a series.")
    elif not options["course_package"] and not options["job_token"]:
        raise click.UsageError("Give --course-package, or --job-token to follow a job.")
    if options["again"] and not (options["manifest"] or options["ledger"]):
        raise click.UsageError("--again goes with an upload log: --manifest or --ledger.")
    _check_listen(options)


def _check_listen(options: dict[str, Any]) -> None:
    if options["job_token"] and options["listen"] is not None:
        raise click.UsageError("--listen is of no use with --job-token: the job knows no address.")


def _reporting(run: Callable[[], int]) -> int:
    """Run, and turn errors into one message and an exit code."""
    from dlt.common.configuration.exceptions import ConfigurationException

    from d2l_brightspace.client.errors import BrightspaceError, ConfigurationError
    from d2l_brightspace.course_packages import Stopped

    try:
        return run()
    except (ConfigurationError, ConfigurationException) as error:
        print_error(error)
        return WRONG_INPUT
    except Stopped:
        click.echo("Stopped before anything was sent.", err=True)
        return NOT_FINISHED
    except BrightspaceError as error:
        print_error(error)
        return FAILED
    except OSError as error:
        if (problem := folder_problem(error)) is None:
            raise
        print_error(problem)
        return WRONG_INPUT


def _import(program: str, options: dict[str, Any]) -> int:
    from rich.console import Console

    from d2l_brightspace.course_packages import Importer, Job, UploadLog, WakeSignal
    from d2l_brightspace.course_packages.manifest import Line, course_named, read_manifest
    from d2l_brightspace.course_packages.plan import plan_series
    from d2l_brightspace.course_packages.progress import Display, print_table

    manifest: Path | None = options["manifest"]
    file: Path | None = options["course_package"]
    if manifest:
        lines = read_manifest(manifest)
    else:
        name = file.absolute() if file else Path(options["job_token"])
        lines = [Line(0, name, course_named(options["course_offering_id"]))]
        if file and not (options["job_token"] or options["ledger"]):
            # a file that an upload log knows may be gone by now
            _check_file(file, force=options["force"])
    console = Console()
    wake_signal = WakeSignal()
    path = options["ledger"] or (manifest and Path(f"{manifest}.ledger.jsonl"))
    with (
        UploadLog(path) as upload_log,
        _session(wake_signal) as session,
        _callback(options, session, wake_signal) as callback_url,
        Display(console) as display,
        _stop_on_signals(wake_signal),
    ):
        importer = Importer(
            session,
            upload_log,
            display,
            pace=_pace(options),
            wake_signal=wake_signal,
            callback_url=callback_url,
            again=options["again"],
        )
        if token := options["job_token"]:
            package = plan_series(session, lines, lambda _package: False)[0]
            results = [importer.follow_one(package, Job(package.org_unit_id, token))]
        else:
            packages = plan_series(session, lines, importer.must_upload, force=options["force"])
            results = importer.run(packages)
    if manifest:
        print_table(console, results)
    return _conclude(program, results, series=manifest is not None)


def _check_file(file: Path, *, force: bool) -> None:
    """Look at the file before Brightspace is asked anything."""
    from d2l_brightspace.client.errors import ConfigurationError
    from d2l_brightspace.course_packages import check_package

    try:
        check_package(file.absolute(), force=force)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error.message}\nNothing was uploaded.") from None


def _copy(program: str, options: dict[str, Any]) -> int:
    from rich.console import Console

    from d2l_brightspace.course_packages import (
        CopyRequest,
        Importer,
        Job,
        Package,
        UploadLog,
        WakeSignal,
        start_copy,
    )
    from d2l_brightspace.course_packages.progress import Display

    target: int = options["course_offering_id"]
    source: int | None = options["source_course_offering_id"]
    wake_signal = WakeSignal()
    with (
        _session(wake_signal) as session,
        _callback(options, session, wake_signal) as callback_url,
        Display(Console()) as display,
        _stop_on_signals(wake_signal),
    ):
        if source is None:
            job = Job(target, options["job_token"], "copy")
        else:
            wanted = CopyRequest(
                source,
                options["component"],
                options["days_to_offset_dates"],
                options["hours_to_offset_dates"],
                options["offset_by_start_date_difference"] or None,
                callback_url,
            )
            job = start_copy(session, target, wanted)
        copy = Package(Path(f"course {source}" if source else job.token), target)
        importer = Importer(
            session, UploadLog(None), display, pace=_pace(options), wake_signal=wake_signal
        )
        result = importer.follow_one(copy, job)
    return _conclude(program, [result], series=False)


def _conclude(program: str, results: Sequence[Result], *, series: bool) -> int:
    """Say how to go on with what is not finished, and give the exit code."""
    unfinished = [result for result in results if result.outcome == "unfinished"]
    if unfinished and series:
        click.echo("To go on, run the same command again; what was uploaded is only followed.")
    for result in unfinished:
        if series or result.token is None:
            continue
        org_unit_id, token = result.package.org_unit_id, shlex.quote(printable(result.token))
        click.echo("To go on following the job:")
        click.echo(f"  {program} --course-offering-id {org_unit_id} --job-token {token}")
    if any(result.outcome in ("failed", "uncertain") for result in results):
        return FAILED
    return NOT_FINISHED if unfinished else DONE


@contextmanager
def _session(wake_signal: WakeSignal) -> Iterator[BrightspaceSession]:
    from d2l_brightspace.connection import configured_session

    session = configured_session(sleep=wake_signal.sleep)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def _callback(
    options: dict[str, Any], session: BrightspaceSession, wake_signal: WakeSignal
) -> Iterator[str | None]:
    """The address to pass to Brightspace; listens there if that was asked for."""
    if options["listen"] is None:
        yield options["callback_url"]
        return
    from d2l_brightspace.course_packages.webhook import CallbackReceiver

    address, port = options["listen"]
    with CallbackReceiver(
        port, session.base_url, wake_signal, options["callback_url"], address=address
    ) as receiver:
        why = "as asked" if address else "the address by which this machine reaches Brightspace"
        click.echo(f"Listening on {receiver.place} ({why})")
        # without the path, which nobody else is to know
        click.echo(f"Brightspace is asked to call {receiver.url.rpartition('/')[0]}/…")
        yield receiver.url


def _pace(options: dict[str, Any]) -> Pace:
    from d2l_brightspace.course_packages import Pace
    from d2l_brightspace.settings import resolve

    pace: Pace = resolve(Pace())
    for name in ("poll_seconds", "importing_poll_seconds", "deadline_hours", "jobs_in_flight"):
        if options.get(name) is not None:
            setattr(pace, name, options[name])
    return pace


@contextmanager
def _stop_on_signals(wake_signal: WakeSignal) -> Iterator[None]:
    """Ctrl-C ends the waiting and not the process, so that no answer to an upload is lost."""

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        os.write(2, b"Stopping (once more to stop at once)\n")  # click.echo is not re-entrant
        wake_signal.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
