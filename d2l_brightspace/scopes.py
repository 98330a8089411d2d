"""The OAuth2 scopes that an app has to be registered with, from the declarations alone.

D2L's form of a scope is `<group>:<resource>:<action>`; each part may be `*` or a comma list, and
blanks go between scopes (`basic/oauth2`, "Scopes"). Nothing here reads settings or sends anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from .client.errors import ConfigurationError
from .endpoints import ENDPOINTS
from .endpoints.model import COURSE_OFFERINGS, ancestors
from .tables import DEFAULT, GROUPS, chosen_tables

CHECK_SCOPE = "users:own_profile:read"
COURSE_LIST = {
    "core:*:*": "the list of courses (org unit types)",
    "organizations:organization:read": "the list of courses",
    "enrollment:own_enrollment:read": "the list of courses where the org structure is not readable",
}
"""What finds the courses needs, whatever is read of them."""
OTHER_JOBS: Mapping[str, Mapping[str, str]] = {
    "data-sets": {"datasets:bds:read": "data sets"},
    "course-packages": {
        "import:job:create": "import-course",
        "import:job:fetch": "import-course, to follow a job",
        "core:*:*": "copy-course, and the log of an import",
        "orgunits:course:read": "import-course and copy-course, to look at the course before",
        "organizations:organization:read": "import-course, to find a course by its code",
    },
}
"""What loads no table of this source, by the name that a user gives it."""


def needed_scopes(names: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Each scope that is needed, sorted, with what needs it.

    Args:
        names: Tables, groups and patterns as in `tables` of the source, `data-sets` and
            `course-packages`; None for what is loaded by default.

    Raises:
        ConfigurationError: If one of them names nothing.
    """
    needs: defaultdict[str, list[str]] = defaultdict(list)
    for table, scope in _of_tables(_tables(names or DEFAULT)):
        needs[scope].append(table)
    if needs.pop(COURSE_OFFERINGS, None):
        _add(needs, COURSE_LIST)
    for name in names or ():
        _add(needs, OTHER_JOBS.get(name, {}))
    needs[CHECK_SCOPE].append("check")
    return {scope: list(dict.fromkeys(needs[scope])) for scope in sorted(needs)}


def is_covered(needed: str, granted: Sequence[str]) -> bool:
    """Whether one of the granted scopes holds the needed one."""
    return any(_holds(one, needed) for one in granted)


def _tables(names: Sequence[str]) -> list[str]:
    chosen: list[str] = []
    for name in names:
        if name in OTHER_JOBS:
            continue
        try:
            chosen += [endpoint.name for endpoint in chosen_tables([name])]
        except ConfigurationError:
            raise ConfigurationError(_unknown(name)) from None
    return chosen


def _of_tables(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of table and scope, those of the tables above among them; and what needs courses."""
    pairs = []
    for endpoint in (one for one in ENDPOINTS.values() if one.name in names):
        for one in (endpoint, *ancestors(endpoint, ENDPOINTS)):
            if one.scope:
                pairs.append((endpoint.name, one.scope))
            if one.parent == COURSE_OFFERINGS:
                pairs.append((endpoint.name, COURSE_OFFERINGS))
    return pairs


def _add(needs: defaultdict[str, list[str]], more: Mapping[str, str]) -> None:
    for scope, what in more.items():
        needs[scope].append(what)


def _unknown(name: str) -> str:
    known = [*GROUPS, *ENDPOINTS, *OTHER_JOBS]
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"{name!r} is no table, group or pattern of one.{hint} Groups: {', '.join(GROUPS)}; also: "
        f"{', '.join(OTHER_JOBS)}."
    )


def _holds(granted: str, needed: str) -> bool:
    have, want = granted.split(":"), needed.split(":")
    if len(have) != len(want):
        return False
    return all(
        part == "*" or set(wanted.split(",")) <= set(part.split(","))
        for part, wanted in zip(have, want, strict=True)
    )
