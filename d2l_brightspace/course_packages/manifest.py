"""The list of a series: which package goes into which course."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.paths import checked_path

_PACKAGE = ("course_package", "package", "path", "file")
_ID = ("course_offering_id", "course_offering", "org_unit_id", "course", "id")
_CODE = ("course_offering_code", "code")
_MOST_DIGITS = 19
_EXAMPLE = (
    "Example:\n"
    "course_package,course_offering_id\n"
    "packages/anatomy.zip,6619\n"
    "packages/botany.zip,BOT-002"
)


@dataclass(frozen=True)
class Line:
    """One line of the list."""

    number: int
    package: Path
    course: int | str
    """Org unit id, or a course code."""


def read_manifest(path: Path) -> list[Line]:
    """Read a CSV file of package paths and course offerings.

    The first line may name the columns `course_package` and `course_offering_id` or
    `course_offering_code`; else they come in this order. Digits are an id, unless the column is
    named as the code. A relative path starts at the folder of the file.

    Raises:
        ConfigurationError: If it cannot be read, naming the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"The manifest {path} cannot be read: {reason}.") from None
    first = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))
    try:
        rows = [
            (reader.line_num, [cell.strip() for cell in row])
            for row in reader
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:  # such as a quotation mark that nothing closes
        raise ConfigurationError(
            f"Line {reader.line_num} of the manifest {path} cannot be read: {error}. {_EXAMPLE}"
        ) from None
    package, course, is_code = 0, 1, False
    if rows and (columns := _columns(rows[0][1])):
        package, course, is_code = columns
        rows = rows[1:]
    if not rows:
        raise ConfigurationError(f"The manifest {path} lists no package. {_EXAMPLE}")
    return [_line(path, number, row, (package, course, is_code)) for number, row in rows]


def course_named(name: str) -> int | str:
    """Digits are an org unit id, anything else is a course code.

    Raises:
        ConfigurationError: If it has more digits than an id can have.
    """
    if not (name.isascii() and name.isdigit()):
        return name
    if len(name) > _MOST_DIGITS:
        raise ConfigurationError(
            f"The course offering {name[:_MOST_DIGITS]}… has {len(name)} digits, which is no org "
            "unit id. Example: 6619. Codes of digits go into a column course_offering_code."
        )
    return int(name)


def _line(path: Path, number: int, row: list[str], columns: tuple[int, int, bool]) -> Line:
    package, course, is_code = columns
    if len(row) <= max(package, course) or not row[package] or not row[course]:
        raise ConfigurationError(
            f"Line {number} of {path} lacks the package or the course offering. {_EXAMPLE}"
        )
    name = row[course] if is_code else course_named(row[course])
    # absolute, because it is the package's name in the upload log
    file = path.parent / checked_path(row[package], f"The package in line {number}", "anatomy.zip")
    return Line(number, file.absolute(), name)


def _columns(row: list[str]) -> tuple[int, int, bool] | None:
    """Places of package and course, and whether the course is a code; None without a heading."""
    names = [cell.lower().replace(" ", "_").replace("-", "_") for cell in row]
    package = _place(names, _PACKAGE)
    course, code = _place(names, _ID), _place(names, _CODE)
    if package is None or (course is None and code is None):
        return None
    return (package, course, False) if course is not None else (package, code or 0, True)


def _place(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
