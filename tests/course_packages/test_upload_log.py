"""The memory of a series."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from d2l_brightspace import ConfigurationError
from d2l_brightspace.course_packages import UploadLog, read_upload_log


def test_lines_survive(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.jsonl"
    noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
    with UploadLog(path, now=lambda: noon) as upload_log:
        upload_log.write("a.zip", 6619, "uploading")
        upload_log.write("a.zip", 6619, "accepted", "t")
        # on the disk already, not only when the ledger is closed
        assert [entry.status for entry in read_upload_log(path)] == ["uploading", "accepted"]
    with UploadLog(path) as upload_log:
        last = upload_log.last("a.zip", 6619)
        assert last is not None
        assert (last.status, last.token, last.at) == ("accepted", "t", "2026-11-22T12:00:00.000Z")
        assert upload_log.last("a.zip", 6620) is None


def test_a_line_cut_by_a_crash_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with UploadLog(path) as upload_log:
        upload_log.write("a.zip", 1, "sent")
    path.write_bytes(path.read_bytes() + b'{"package": "a.zip", "org_uni')
    with UploadLog(path) as upload_log:
        assert upload_log.last("a.zip", 1).status == "sent"
        upload_log.write("a.zip", 1, "accepted", "t")
    assert [entry.status for entry in read_upload_log(path)] == ["sent", "accepted"]


def test_two_runs_do_not_share_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with UploadLog(path), pytest.raises(ConfigurationError, match="Another run"), UploadLog(path):
        pass
    with UploadLog(path):
        pass


def test_what_is_no_ledger_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text("package,course\n")
    with pytest.raises(ConfigurationError, match="Line 1 "), UploadLog(path):
        pass
    assert path.read_text() == "package,course\n"
