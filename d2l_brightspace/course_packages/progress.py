"""What the user sees of a series: lines as things happen, a progress bar, a table at the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from d2l_brightspace.client.errors import BrightspaceError
from d2l_brightspace.printable import printable, printable_lines

from .importer import Package, Result
from .jobs import Job, LogLine

_COLOURS = {"complete": "green", "failed": "red", "unfinished": "yellow", "uncertain": "yellow"}


class Display:
    """Tells a person what happens; a `Reporter`, to be used as a context manager.

    Lines go to the console in any case, bars only where it is a terminal.

    Args:
        console: Where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._lock = threading.Lock()
        self._bars: dict[Package, _Bar] = {}

    def __enter__(self) -> Display:  # noqa: PYI034  # Self is not in Python 3.10
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def sending(self, package: Package, sent: int, size: int) -> None:
        """Move the bar of an upload."""
        detail = f"{sent / 1024**2:.0f} of {size / 1024**2:.0f} MB sent"
        self._bar(package).update(total=size, completed=sent, detail=detail)

    def accepted(self, package: Package, job: Job) -> None:
        """Say by which token the job can be followed, whatever happens to this process."""
        self._say(package, f"{job.kind} job {printable(job.token)}")
        self._bar(package).update(total=None, completed=0, detail="")

    def status(self, package: Package, status: str) -> None:
        """Say the new status."""
        self._say(package, printable(status))
        self._bar(package).update(total=None, completed=0, detail=printable(status, _BESIDE_A_BAR))

    def fault(self, package: Package, error: BrightspaceError, seconds: float) -> None:
        """Say why the status is not known for a while."""
        self._say(package, f"{error}; looking again in {seconds:.0f} s")

    def ended(self, result: Result) -> None:
        """Say what is left to say about a package, and remove its bar."""
        with self._lock:
            bar = self._bars.pop(result.package, None)
        if bar is not None:
            bar.remove()
        if result.earlier:
            shown = printable(result.status)
            self._say(result.package, f"{result.outcome} since an earlier run ({shown})")
        for line in result.log:
            self._say(result.package, f"log: {printable(_log_text(line), _OF_A_LOG)}")
        if result.error is not None:
            self._say(result.package, str(result.error))
        if result.outcome == "uncertain":
            self._say(result.package, _UNCERTAIN)

    def _say(self, package: Package, text: str) -> None:
        line = f"{datetime.now():%H:%M:%S} {_name(package)}: {text}"  # noqa: DTZ005  # on a clock
        self._console.print(Text(printable_lines(line)), soft_wrap=True)

    def _bar(self, package: Package) -> _Bar:
        with self._lock:
            if package not in self._bars:
                self._bars[package] = _Bar(self._progress, _name(package))
            return self._bars[package]


class _Bar:
    """One line of the progress display."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, detail="")

    def update(self, *, total: int | None, completed: int, detail: str) -> None:
        if total is None:  # a job tells its stage, but not how far it is
            self._progress.reset(self._task, total=None, detail=detail)
        else:
            self._progress.update(self._task, total=total, completed=completed, detail=detail)

    def remove(self) -> None:
        self._progress.remove_task(self._task)


def print_table(console: Console, results: Sequence[Result]) -> None:
    """Print what became of a series."""
    table = Table("package", "course", "outcome", "status")
    table.add_column("job token", overflow="fold")  # a token cut short is of no use
    for result in results:
        colour = _COLOURS[result.outcome]
        table.add_row(
            # as texts: a string would be read as markup
            Text(printable(result.package.path.name)),
            str(result.package.org_unit_id),
            Text(result.outcome, colour),
            Text(printable(result.status or "unknown")),
            Text(printable(result.token or "none")),
        )
    console.print(table)
    counts = [
        f"{number} {outcome}"
        for outcome in _COLOURS
        if (number := sum(result.outcome == outcome for result in results))
    ]
    console.print(f"{len(results)} packages: {', '.join(counts)}", highlight=False)


def _name(package: Package) -> str:
    return f"{printable(package.path.name)} -> {package.org_unit_id}"


def _log_text(line: LogLine) -> str:
    return " ".join(str(part) for part in (line.log_date_time, line.message) if part)


_BESIDE_A_BAR = 40
_OF_A_LOG = 1000
_UNCERTAIN = (
    "whether Brightspace has the package is not known. Look at Course Admin, Import / Export / "
    "Copy Components, View History of the course: if the import is there, all is well; if not, "
    "run the same command again with --again uncertain"
)
