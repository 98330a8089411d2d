"""Known vulnerabilities of what is installed beside this script's Python, by pip-audit.

Exit code 1 only if there are some. Where the database of advisories cannot be reached, or does not
know a package, that is said in a line of its own: nobody shall take silence for an all-clear.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from typing import Any

_SECONDS = 300
_OURSELVES = "d2l-brightspace"


def report(dependencies: Sequence[dict[str, Any]]) -> tuple[list[str], int]:
    """What to print of pip-audit's list, and the exit code."""
    others = [one for one in dependencies if one["name"] != _OURSELVES]
    found = [
        f"{one['name']} {one['version']}: {_name(flaw)}; {_remedy(flaw)}"
        for one in others
        for flaw in one.get("vulns", ())
    ]
    unknown = sorted(one["name"] for one in others if "skip_reason" in one)
    audited = len(others) - len(unknown)
    if found:
        lines = ["VULNERABLE:", *found]
    elif audited:
        lines = [f"audited: {audited} packages, no known vulnerability"]
    else:
        lines = []
    if unknown:
        lines.append(
            f"NOT AUDITED: {len(unknown)} packages: the database of advisories does not know them "
            "or cannot be reached from here"
        )
        lines.append(f"  {', '.join(unknown)}")
    return lines or ["NOT AUDITED: nothing is installed"], int(bool(found))


def _name(flaw: dict[str, Any]) -> str:
    return ", ".join([flaw["id"], *flaw.get("aliases", ())])


def _remedy(flaw: dict[str, Any]) -> str:
    versions = flaw.get("fix_versions")
    return f"fixed in {', '.join(versions)}" if versions else "there is no fixed version yet"


def main(command: Sequence[str]) -> int:
    """Run pip-audit and say what it found."""
    options = ["--format", "json", "--progress-spinner", "off"]
    place = ["--path", sysconfig.get_paths()["purelib"]]
    try:
        done = subprocess.run(  # noqa: S603  # the Makefile says which command
            [*command, *options, *place], capture_output=True, timeout=_SECONDS, check=False
        )
        lines, code = report(json.loads(done.stdout)["dependencies"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        lines, code = [f"NOT AUDITED: {command[0]} or its database cannot be reached"], 0
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
