"""Every action the sandbox answers, one module per topic of D2L's documentation."""

from __future__ import annotations

from functools import lru_cache

from d2l_brightspace.sandbox.routing import Route

from . import (
    advanced_data_sets,
    classlist,
    courses,
    data_sets,
    documented,
    enrollments,
    imports,
    log,
    org_units,
    users,
    versions,
)

BY_HAND = (
    *versions.ROUTES,
    *org_units.ROUTES,
    *users.ROUTES,
    *courses.ROUTES,
    *enrollments.ROUTES,
    *classlist.ROUTES,
    *log.ROUTES,
    *data_sets.ROUTES,
    *advanced_data_sets.ROUTES,
    *imports.ROUTES,
)


@lru_cache(maxsize=1)
def all_routes() -> tuple[Route, ...]:
    """Return the routes of these modules, and one for each other table of the reference."""
    return (*BY_HAND, *documented.documented_routes(BY_HAND))
