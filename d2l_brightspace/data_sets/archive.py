"""The zip that Data Hub delivers: exactly one CSV file, and nothing that harms (CWE-22, CWE-409).

Nothing is ever extracted to disk; the one member is read as a stream, whatever its name.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from d2l_brightspace.client.errors import ProtocolError

LARGEST_RATIO = 250
"""Real data sets shrink to a fifth or a twentieth; deflate cannot do more than 1032."""
_SMALL_BYTES = 50 * 1024 * 1024
_ENCRYPTED = 0x1


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

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
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
        with self._opened() as archive, archive.open(archive.infolist()[0]) as member:
            yield cast("BinaryIO", member)

    def _refused(self, why: str) -> BadArchive:
        return BadArchive(f"{self.name}: the download {why}; it is refused")


def _is_plain_name(name: str) -> bool:
    return bool(name) and not any(mark in name for mark in ("/", "\\", ":", "\0"))


def _starts_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"
