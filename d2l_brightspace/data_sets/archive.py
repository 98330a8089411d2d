"""The zip that Data Hub delivers: exactly one CSV file, and nothing that harms (CWE-22, CWE-409).

Nothing is ever extracted to disk; the one member is read as a stream, whatever its name.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from d2l_brightspace.client.errors import ProtocolError

from .inflate import ERRORS, Inflated

LARGEST_RATIO = 250
"""Real data sets shrink to a fifth or a twentieth; deflate cannot do more than 1032."""
_SMALL_BYTES = 50 * 1024 * 1024
_BUFFER_BYTES = 256 * 1024
_DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    *ERRORS,
    EOFError,
    NotImplementedError,
)
_ENCRYPTED = 0x1
_LARGEST_DIRECTORY = 1024 * 1024
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_END_64_MARK = b"PK\x06\x06"
_DIRECTORY_SIZE_64 = struct.Struct("<40xQ")


class BadArchive(ProtocolError):
    """A download is no zip, is damaged, or is not what Data Hub delivers."""


@dataclass(frozen=True)
class Archive:
    """A downloaded zip.

    Attributes:
        path: Where it is.
        name: What error texts call it.
        largest_bytes: Most bytes the CSV may have.
    """

    path: Path
    name: str
    largest_bytes: float

    def _check_directory(self) -> None:
        # zipfile reads the whole list of files: 500 000 of them take seconds and 500 MB
        size = _directory_size(self.path)
        if size > _LARGEST_DIRECTORY:
            raise self._refused("holds a list of files of many MB where there should be one CSV")

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except _DAMAGED as error:
            what = "is cut short or damaged" if _starts_as_zip(self.path) else "is no zip file"
            raise BadArchive(
                f"{self.name}: the download {what} ({type(error).__name__}); run again, and if it "
                "stays so, ask D2L for a new extract"
            ) from None

    def check(self) -> zipfile.ZipInfo:
        """The one CSV inside.

        Raises:
            BadArchive: If there is not exactly one, or if it would do harm.
        """
        self._check_directory()
        with self._opened() as archive:
            members = archive.infolist()
        if len(members) != 1:
            raise self._refused(f"holds {len(members)} files where there should be one CSV")
        member = members[0]
        if member.flag_bits & _ENCRYPTED:
            raise self._refused("is encrypted")
        if not _is_plain_name(member.filename):
            raise self._refused("holds a file whose name is a path")
        if not member.filename.lower().endswith(".csv"):
            raise self._refused("holds a file that is no CSV")
        if member.file_size > self.largest_bytes:
            raise self._refused(
                f"unpacks to {member.file_size / 1e9:.1f} GB, more than `max_csv_gigabytes` allows"
            )
        ratio = member.file_size / max(member.compress_size, 1)
        if member.file_size > _SMALL_BYTES and ratio > LARGEST_RATIO:
            raise self._refused(f"unpacks to {ratio:.0f} times its size, which no data set does")
        return member

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The CSV as a stream; its checksum is verified when its end is read.

        Raises:
            BadArchive: If the archive is damaged.
        """
        with self._opened() as archive:
            member = archive.infolist()[0]
            with io.BufferedReader(Inflated(self.path, member), _BUFFER_BYTES) as stream:
                yield cast("BinaryIO", stream)

    def _refused(self, why: str) -> BadArchive:
        return BadArchive(f"{self.name}: the download {why}; it is refused")


def _is_plain_name(name: str) -> bool:
    return bool(name) and not any(mark in name for mark in ("/", "\\", ":", "\0"))


def _directory_size(path: Path) -> int:
    """Bytes of a zip's list of files, by the records at its end (APPNOTE 4.3.14 and 4.3.16)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 128 * 1024))
        tail = file.read()
    sizes = [0]
    place = tail.rfind(_END_MARK)
    if 0 <= place <= len(tail) - _END.size:
        size = _END.unpack_from(tail, place)[5]
        sizes.append(0 if size == 0xFFFFFFFF else size)
    place = tail.rfind(_END_64_MARK)
    if 0 <= place <= len(tail) - _DIRECTORY_SIZE_64.size:
        sizes += _DIRECTORY_SIZE_64.unpack_from(tail, place)
    return max(sizes)


def _starts_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"
