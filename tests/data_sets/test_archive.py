"""What is refused of a download, and that nothing of it touches the disk."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from d2l_brightspace.data_sets.archive import Archive, BadArchive


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def archive_of(folder: Path, content: bytes, largest: float = 1e9) -> Archive:
    path = folder / "x.zip"
    path.write_bytes(content)
    return Archive(path, "users, full", largest)


def encrypted() -> bytes:
    content = bytearray(zipped(("a.csv", b"A\r\n1\r\n")))
    struct.pack_into("<H", content, 6, 1)
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + 8, 1)
    return bytes(content)


CSV = b"UserId\r\n1\r\n"
HAZARDS = {
    "two members": (zipped(("a.csv", CSV), ("b.csv", CSV)), "holds 2 files"),
    "no member": (zipped(), "holds 0 files"),
    "path upwards": (zipped(("../../evil.csv", CSV)), "name is a path"),
    "absolute path": (zipped(("/etc/evil.csv", CSV)), "name is a path"),
    "drive": (zipped(("C:\\evil.csv", CSV)), "name is a path"),
    "folder": (zipped(("x/", b"")), "name is a path"),
    "no csv": (zipped(("a.exe", CSV)), "no CSV"),
    "encrypted": (encrypted(), "is encrypted"),
    "html": (b"<html>log in</html>", "is no zip file"),
    "empty": (b"", "is no zip file"),
    "cut short": (zipped(("a.csv", CSV * 999))[:60], "cut short or damaged"),
}


@pytest.mark.parametrize("name", HAZARDS)
def test_a_hazard_is_refused(name, tmp_path):
    content, words = HAZARDS[name]
    with pytest.raises(BadArchive, match=words):
        archive_of(tmp_path, content).check()
    assert [one.name for one in tmp_path.iterdir() if one.name != "dlt"] == ["x.zip"]


def test_a_bomb_is_refused_before_it_is_read(tmp_path):
    bomb = zipped(("a.csv", b"\0" * 60_000_000))
    with pytest.raises(BadArchive, match="times its size"):
        archive_of(tmp_path, bomb).check()


def test_a_file_larger_than_allowed_is_refused(tmp_path):
    with pytest.raises(BadArchive, match="max_csv_gigabytes"):
        archive_of(tmp_path, zipped(("a.csv", CSV)), largest=5).check()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wrong_checksum_is_noticed_at_the_end(method, tmp_path):
    content = bytearray(zipped(("a.csv", CSV * 50), method=method))
    content[40] ^= 0xFF
    archive = archive_of(tmp_path, bytes(content))
    archive.check()
    with pytest.raises(BadArchive, match="damaged"), archive.opened() as file:  # noqa: PT012
        while file.read(100):
            pass


def test_a_good_archive_is_read(tmp_path):
    archive = archive_of(tmp_path, zipped(("Users.csv", CSV)))
    assert archive.check().filename == "Users.csv"
    with archive.opened() as file:
        assert file.read() == CSV


@pytest.mark.parametrize("files", [20_000, 70_000], ids=["zip", "zip64"])
def test_a_list_of_very_many_files_is_not_even_read(tmp_path, monkeypatch, files):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(files):
            archive.writestr(f"{number}.csv", b"")
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(BadArchive, match="a list of files of many MB"):
        Archive(path, "users", 1e9).check()
