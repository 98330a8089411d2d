"""What is checked before anything is uploaded: the package file and the course offering."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from d2l_brightspace.client.errors import (
    BrightspaceError,
    ConfigurationError,
    NotFound,
    PermissionDenied,
    RequestContext,
)
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.extract.parents import is_course_offering
from d2l_brightspace.printable import printable

MOST_BYTES = 490 * 1024 * 1024
"""`basic/fileupload`: a binary upload is at most 490 MB; a megabyte of a Windows server."""
IMS_MANIFEST = "imsmanifest.xml"
"""Names the content of an IMS content package, Common Cartridge or Brightspace export."""
_COURSE = "lp/(version)/courses/(orgUnitId)"
_UNIT = "lp/(version)/orgstructure/(orgUnitId)"
_UNITS = "lp/(version)/orgstructure/?exactOrgUnitCode=(code)"
_COURSE_SCOPE, _UNIT_SCOPE = "orgunits:course:read", "organizations:organization:read"


@dataclass(frozen=True)
class CheckedPackage:
    """A package file that may be uploaded."""

    path: Path
    size: int


def check_package(path: Path, *, force: bool = False) -> CheckedPackage:
    """Make sure that a file is a course package; sends nothing.

    Args:
        path: The file.
        force: Whether to accept what does not look like a course package or is too large.

    Raises:
        ConfigurationError: If there is no such file, or it does not look like a package.
    """
    try:
        if not path.is_file():
            what = "is a folder; zip what is in it" if path.is_dir() else "does not exist"
            raise ConfigurationError(f"The course package {path} {what}.")
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    problem = _what_looks_wrong(path, size)
    if problem and not force:
        raise ConfigurationError(f"{path} {problem} Use --force to send it all the same.")
    return CheckedPackage(path, size)


def check_course(session: BrightspaceSession, org_unit_id: int) -> str:
    """Make sure that an org unit is a course offering.

    Returns:
        The name of the course.

    Raises:
        NotFound: If it does not exist or is something else.
        PermissionDenied: If the caller may read neither courses nor the org structure.
    """
    parts = {"orgUnitId": org_unit_id}
    refused: BrightspaceError
    try:
        return _name(session.get_json(_COURSE, scope=_COURSE_SCOPE, parts=parts))
    except NotFound as error:
        refused = error
    except PermissionDenied as error:
        refused = _explain_denial(error, org_unit_id)
    try:
        unit = session.get_json(_UNIT, scope=_UNIT_SCOPE, parts=parts)
    except PermissionDenied:
        raise refused from None
    except NotFound:
        raise NotFound(f"There is no course offering {org_unit_id}", refused.context) from None
    if not is_course_offering(_type(unit)):
        kind = printable(_type(unit).get("Code"))
        raise NotFound(
            f"Org unit {org_unit_id} is no course offering but of the type {kind!r}",
            RequestContext(_UNIT, org_unit_id),
        )
    return _name(unit)


def course_with_code(session: BrightspaceSession, code: str) -> int:
    """Org unit id of the course offering that has a code.

    Raises:
        NotFound: If not exactly one course offering has it.
        BrightspaceError: If the org structure cannot be read.
    """
    found = session.read_list(
        _UNITS,
        _UNIT_SCOPE,
        take=lambda row: (
            int(row["Identifier"])
            if is_course_offering(_type(row)) and (row["Code"] or "").casefold() == code.casefold()
            else None
        ),
        parts={"code": code},
    )
    where = RequestContext(_UNITS.partition("?")[0])
    if not found:
        raise NotFound(f"No course offering has the code {code!r}", where)
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        raise NotFound(f"Several course offerings have the code {code!r}; use an id: {ids}", where)
    return int(found[0])


def _what_looks_wrong(path: Path, size: int) -> str | None:
    if size > MOST_BYTES:
        return (
            f"is {size / 1024**2:.0f} MB; Brightspace takes at most "
            f"{MOST_BYTES // 1024**2} MB through its API."
        )
    try:
        with zipfile.ZipFile(path) as package:
            return _what_is_wrong_inside(package)
    except _DAMAGED:
        return "is no zip file, or is damaged."


def _what_is_wrong_inside(package: zipfile.ZipFile) -> str | None:
    names = package.namelist()
    if IMS_MANIFEST in names:
        if package.getinfo(IMS_MANIFEST).flag_bits & _ENCRYPTED:
            return "is protected by a password, which Brightspace cannot open."
        return None
    deeper = [name for name in names if name.rpartition("/")[2].lower() == IMS_MANIFEST]
    if not deeper:
        return f"is a zip file without {IMS_MANIFEST}, so it does not look like a course package."
    folder = deeper[0].rpartition("/")[0]
    if not folder:
        return f"holds {printable(deeper[0])}, which must be written {IMS_MANIFEST}."
    return (
        f"has {IMS_MANIFEST} in the folder {printable(folder)!r}; zip what is in the folder, not "
        "the folder."
    )


def _explain_denial(error: PermissionDenied, org_unit_id: int) -> PermissionDenied:
    return PermissionDenied(
        f"Whether {org_unit_id} is a course offering cannot be checked. {error.message}; use "
        "--force to go on without this check",
        error.context,
    )


def _type(unit: Any) -> Mapping[str, Any]:
    return unit.get("Type") or {}


def _name(block: Any) -> str:
    return str(block.get("Name") or "")


_ENCRYPTED = 0x1
# the last two are what zipfile lets out where a directory of files is nonsense
_DAMAGED = (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, struct.error)
