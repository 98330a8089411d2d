"""What Linux says of a process's memory; the tests use it too."""

from __future__ import annotations

from pathlib import Path


def megabytes(measure: str, pid: int | str = "self") -> int:
    """Read a measure of `/proc`: `VmRSS` is what a process has now, `VmHWM` the most it ever had.

    Not `ru_maxrss`, into which Linux counts what the parent (pytest, say) had at the fork.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{measure}:")[1].split()[0]) // 1024
