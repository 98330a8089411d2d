"""May the chosen tables be read? Each is asked for once or a few times, in real places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from d2l_brightspace.client.errors import SKIPPABLE, BrightspaceError, NotFound, PermissionDenied
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.endpoints.model import COURSE_OFFERINGS, Endpoint, ancestors
from d2l_brightspace.extract.list_requests import Keys
from d2l_brightspace.extract.parents import CourseOfferings
from d2l_brightspace.extract.sampling import Sampler
from d2l_brightspace.scopes import is_covered

from .findings import Finding, problem

SECTION = "tables"
_LIST = "list of courses"
_COURSES = 3
"""Courses that are looked at, where the first does not tell."""


@dataclass
class FoundCourses:
    """The courses that tables are asked for."""

    ids: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def find_courses(
    session: BrightspaceSession, wanted: Sequence[int] | None, found_in: str
) -> FoundCourses:
    """Some courses of the run, or of the caller's own where the list of all cannot be read.

    Args:
        session: Sends the requests.
        wanted: Courses that the user has named.
        found_in: As the setting `course_offerings_from`.
    """
    if wanted:
        return FoundCourses([*wanted][:_COURSES])
    first = "org_structure" if found_in == "auto" else found_in
    found = FoundCourses()
    refused: Finding | None = None
    for place in dict.fromkeys([first, "my_enrollments"]):
        try:
            found.ids = CourseOfferings(session, None, place).ids(at_most=_COURSES)
        except SKIPPABLE as error:
            refused = refused or problem(SECTION, _LIST, error, _scope(error))
        if found.ids:
            break
    found.findings.append(_about_courses(found.ids, refused, may_fall_back=found_in == "auto"))
    return found


def _about_courses(ids: Sequence[int], refused: Finding | None, *, may_fall_back: bool) -> Finding:
    if refused is not None and ids and may_fall_back:
        text = f"only the caller's own courses are loaded: {refused.detail}"
        return replace(refused, outcome="warning", detail=text)
    if refused is not None:
        return refused
    if not ids:
        text = "the caller sees none: enrol it, or give its role the right to see courses"
        return Finding(SECTION, _LIST, "no course", text)
    return Finding(SECTION, _LIST, "OK")


def goes_by_course(endpoint: Endpoint, declarations: Mapping[str, Endpoint]) -> bool:
    """Whether a table is read course by course, be it through tables above it."""
    return [endpoint, *ancestors(endpoint, declarations)][-1].parent == COURSE_OFFERINGS


def _scope(error: BrightspaceError) -> str | None:
    route = error.context.route if error.context else ""
    scopes = {"outypes": "core:*:*", "orgstructure": "organizations:organization:read"}
    scopes["myenrollments"] = "enrollment:own_enrollment:read"
    return next((scope for part, scope in scopes.items() if part in route), None)


def check_tables(
    sampler: Sampler,
    chosen: Sequence[Endpoint],
    declarations: Mapping[str, Endpoint],
    granted: Sequence[str] | None = None,
) -> Iterator[Finding]:
    """Ask for each table.

    Args:
        sampler: Reads the lists.
        chosen: The tables.
        declarations: All declarations, by name.
        granted: The scopes of the access token, where it names them.

    Raises:
        BrightspaceError: If nothing more can be asked at all.
    """
    for endpoint in chosen:
        found = _check(sampler, endpoint, declarations)
        if found.outcome == "permission missing" and _lacks_scope(found.scope, granted):
            # Brightspace's refusal names no scope, and the token says that it has not this one
            found = replace(found, outcome="scope missing")
        yield found


def _lacks_scope(scope: str | None, granted: Sequence[str] | None) -> bool:
    return scope is not None and granted is not None and not is_covered(scope, granted)


def _check(sampler: Sampler, endpoint: Endpoint, declarations: Mapping[str, Endpoint]) -> Finding:
    name, scope = endpoint.name, endpoint.scope
    by_course = goes_by_course(endpoint, declarations)
    if by_course and not sampler.courses:
        return Finding(SECTION, name, "no course", "there is no course to ask about", scope)
    try:
        places = sampler.places(endpoint)
    except SKIPPABLE as error:
        found = problem(SECTION, name, error, declarations[str(endpoint.parent)].scope)
        why = f"{endpoint.parent}, which leads to it, cannot be read: {found.detail}"
        return replace(found, detail=why)
    if not places:
        courses = f" in {len(sampler.courses)} courses" if by_course else ""
        why = f"no row of {endpoint.parent} was found{courses}"
        return Finding(SECTION, name, "not checked", why, scope)
    return _ask(sampler, endpoint, places)


def _ask(sampler: Sampler, endpoint: Endpoint, places: Sequence[Keys]) -> Finding:
    """The first good answer, or the first bad one: one course may be closed, or lack a tool."""
    refused: list[BrightspaceError] = []
    for place in places:
        try:
            sampler.read(endpoint, place)
        except (PermissionDenied, NotFound) as error:
            refused.append(error)
        except SKIPPABLE as error:
            return problem(SECTION, endpoint.name, error, endpoint.scope)
        else:
            return Finding(SECTION, endpoint.name, "OK", scope=endpoint.scope)
    return problem(SECTION, endpoint.name, refused[0], endpoint.scope)
