"""Every action the sandbox answers, one module per topic of D2L's reference."""

from __future__ import annotations

from . import classlist, courses, enrollments, imports, log, org_units, users, versions

ROUTES = (
    *versions.ROUTES,
    *org_units.ROUTES,
    *users.ROUTES,
    *courses.ROUTES,
    *enrollments.ROUTES,
    *classlist.ROUTES,
    *log.ROUTES,
    *imports.ROUTES,
)
