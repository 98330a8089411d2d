"""From a list to packages that may be uploaded: everything is checked before the first upload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from d2l_brightspace.client.errors import (
    BrightspaceError,
    ConfigurationError,
    NotFound,
    PermissionDenied,
)
from d2l_brightspace.client.session import BrightspaceSession

from .importer import Package
from .manifest import Line
from .preflight import check_course, check_package, course_with_code

T = TypeVar("T")


def plan_series(
    session: BrightspaceSession,
    lines: Sequence[Line],
    must_upload: Callable[[Package], bool] = lambda _package: True,
    *,
    force: bool = False,
) -> list[Package]:
    """Find the courses of a list, and check what will be uploaded.

    Args:
        session: Asks about the courses.
        lines: The list.
        must_upload: Whether a package has yet to be uploaded; of others nothing is checked.
        force: Whether to accept packages that look wrong, and courses that may not be read.

    Raises:
        ConfigurationError: If anything is wrong, with all that is.
        BrightspaceError: If Brightspace cannot be asked.
    """
    plan = _Plan(session, must_upload, force=force)
    try:
        for line in lines:
            plan.add(line)
    except BrightspaceError:
        if not plan.problems:  # which are to be mended whatever Brightspace says
            raise
    if plan.problems:
        raise ConfigurationError("\n".join([*plan.problems, "Nothing was uploaded."]))
    return plan.packages


class _Plan:
    def __init__(
        self, session: BrightspaceSession, must_upload: Callable[[Package], bool], *, force: bool
    ) -> None:
        self._session = session
        self._must_upload = must_upload
        self._force = force
        self._ids: dict[int | str, int] = {}
        self._checked: set[int] = set()
        self._lines: dict[tuple[str, int], int] = {}
        self.packages: list[Package] = []
        self.problems: list[str] = []

    def add(self, line: Line) -> None:
        package = self._try(line, lambda: self._package(line))
        if package is not None and not self._must_upload(package):
            return
        self._try(line, lambda: check_package(line.package, force=self._force))
        if package is not None:
            org_unit_id = package.org_unit_id
            self._try(line, lambda: self._check_course(org_unit_id))

    def _try(self, line: Line, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except (ConfigurationError, NotFound, PermissionDenied) as error:
            before = f"Line {line.number}: " if line.number else ""
            self.problems.append(f"{before}{error}")
            return None

    def _package(self, line: Line) -> Package:
        if line.course not in self._ids:
            self._ids[line.course] = (
                line.course
                if isinstance(line.course, int)
                else course_with_code(self._session, line.course)
            )
        package = Package(line.package, self._ids[line.course])
        if package.key in self._lines:
            raise ConfigurationError(
                f"The same package and course as in line {self._lines[package.key]}."
            )
        self._lines[package.key] = line.number
        self.packages.append(package)
        return package

    def _check_course(self, org_unit_id: int) -> None:
        if org_unit_id in self._checked:
            return
        self._checked.add(org_unit_id)
        try:
            check_course(self._session, org_unit_id)
        except PermissionDenied:
            if not self._force:
                raise
