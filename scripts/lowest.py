"""The lowest version of each dependency that pyproject.toml allows, as pip wants them."""

from __future__ import annotations

import sys
from importlib.metadata import requires

from packaging.requirements import Requirement


def lowest() -> list[str]:
    """A pin for each dependency, those of the extras that are tested among them."""
    pins = set()
    for requirement in map(Requirement, requires("d2l-brightspace") or []):
        bounds = [part.version for part in requirement.specifier if part.operator == ">="]
        if requirement.marker is None or str(requirement.marker) in _EXTRAS:
            # a dependency without a lowest version would be tested with the newest one
            (version,) = bounds
            pins.add(f"{requirement.name}=={version}")
    return sorted(pins)


_EXTRAS = ('extra == "sandbox"', 'extra == "service-user"')


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest()) + "\n")
