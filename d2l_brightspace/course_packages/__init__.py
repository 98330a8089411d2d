"""Import course packages, copy courses, and follow the jobs that do so inside Brightspace.

Upload and job are two steps (`docs/brightspace-api.md`): `POST …/imports/` takes the package and
answers with a job token, `GET …/imports/{token}` tells how far the job is. A library user needs
`Importer` for packages and `follow` for a job whose token is known; the command line is made of
the same.
"""

from __future__ import annotations

from .follow import NotFinished, Pace, follow
from .importer import Importer, Package, Result
from .jobs import CopyRequest, Job, LogLine, is_complete, is_over, read_log, read_status, start_copy
from .manifest import read_manifest
from .preflight import CheckedPackage, check_course, check_package, course_with_code
from .upload_log import Entry, UploadLog, read_upload_log
from .wake_signal import Stopped, WakeSignal

__all__ = [
    "CheckedPackage",
    "CopyRequest",
    "Entry",
    "Importer",
    "Job",
    "LogLine",
    "NotFinished",
    "Pace",
    "Package",
    "Result",
    "Stopped",
    "UploadLog",
    "WakeSignal",
    "check_course",
    "check_package",
    "course_with_code",
    "follow",
    "is_complete",
    "is_over",
    "read_log",
    "read_manifest",
    "read_status",
    "read_upload_log",
    "start_copy",
]
