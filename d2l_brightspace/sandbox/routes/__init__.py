"""Every action the sandbox answers, one module per topic of D2L's documentation."""

from __future__ import annotations

from . import (
    advanced_data_sets,
    classlist,
    courses,
    data_sets,
    enrollments,
    imports,
    log,
    org_units,
    users,
    versions,
)

ROUTES = (
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
