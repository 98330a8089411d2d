"""Inflating: the same bytes as zipfile, with isal and without, at every size of read."""

from __future__ import annotations

import random
import zipfile

import pytest

from d2l_brightspace.data_sets.inflate import ERRORS, Inflated, isal_zlib

DATA = random.Random(1).randbytes(70_000) + b"Id,Name\r\n1,a\r\n" * 50_000


@pytest.fixture(params=[True, False], ids=["isal", "zlib"])
def fast(request):
    if request.param and isal_zlib is None:
        pytest.skip("there is no isal on this platform")
    return request.param


def zipped(folder, data: bytes, method: int = zipfile.ZIP_DEFLATED, *, stream: bool = False):
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        if stream:  # sizes only in the directory, as a server that streams writes them
            with archive.open("x.csv", "w", force_zip64=True) as file:
                file.write(data)
        else:
            archive.writestr("x.csv", data)
    with zipfile.ZipFile(path) as archive:
        return path, archive.infolist()[0]


@pytest.mark.parametrize("size", [-1, 1_000, 65_536, 10_000_000])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_it_gives_what_went_in(tmp_path, fast, method, size):
    path, member = zipped(tmp_path, DATA, method, stream=method == zipfile.ZIP_DEFLATED)
    with Inflated(path, member, fast=fast) as stream:
        pieces = [stream.read(size)]
        while pieces[-1] and size > 0:
            pieces.append(stream.read(size))
    assert b"".join(pieces) == DATA


def test_an_empty_file_is_empty(tmp_path, fast):
    path, member = zipped(tmp_path, b"")
    with Inflated(path, member, fast=fast) as stream:
        assert stream.read() == b""


@pytest.mark.parametrize("place", [0, 60, 40_000, -90], ids=["mark", "begin", "middle", "end"])
def test_damage_is_noticed(tmp_path, fast, place):
    path, member = zipped(tmp_path, DATA)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    with (
        pytest.raises((zipfile.BadZipFile, *ERRORS)),
        Inflated(path, member, fast=fast) as stream,
    ):
        stream.read()


def test_a_size_that_is_a_lie_is_noticed(tmp_path, fast):
    path, member = zipped(tmp_path, DATA)
    member.file_size += 1
    with (
        pytest.raises(zipfile.BadZipFile, match="end before"),
        Inflated(path, member, fast=fast) as stream,
    ):
        stream.read()


def test_other_methods_are_reported(tmp_path, fast):
    path, member = zipped(tmp_path, DATA, zipfile.ZIP_BZIP2)
    with pytest.raises(NotImplementedError):
        Inflated(path, member, fast=fast)
