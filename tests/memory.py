"""What Linux says of a process's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads Linux's own measure of memory"
)


def megabytes(measure: str, pid: int | str = "self") -> int:
    """Read a measure of `/proc`: `VmRSS` is what a process has now, `VmHWM` the most it ever had.

    Not `ru_maxrss`, into which Linux counts what the parent (here: pytest) had at the fork.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{measure}:")[1].split()[0]) // 1024
