"""All checks in their order: one that fails makes those that need it "not checked", and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from dlt.common.configuration import with_config
from dlt.common.configuration.exceptions import ConfigurationException

from d2l_brightspace.client.auth.credentials import BrightspaceCredentials
from d2l_brightspace.client.errors import BrightspaceError
from d2l_brightspace.client.observations import Observations
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.connection import configured_credentials, configured_session
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.model import Endpoint
from d2l_brightspace.extract.estimate import estimate
from d2l_brightspace.extract.parents import CourseOfferings
from d2l_brightspace.extract.sampling import Sampler
from d2l_brightspace.settings import SECTION, Options, configured_selection, resolve
from d2l_brightspace.tables import chosen_tables

from .account import AccountCheck, check_account, lasts_for
from .findings import Finding, Findings, settings_problem, words
from .host import check_host
from .surroundings import (
    check_course_packages,
    check_data_sets,
    check_destination,
    check_working_folder,
)
from .tables import check_tables, find_courses, goes_by_course

PIPELINE = "d2l_brightspace_pipeline"
_ATTEMPTS = 2
"""For one request: whoever waits for a check would rather hear of a fault."""


@dataclass(frozen=True)
class Wanted:
    """What is to be checked."""

    tables: Sequence[str] | None = None
    """As the argument of the source; None for what is configured."""
    org_unit_id: int | None = None
    """Course to ask about; None for the first ones found."""
    destination: str = "warehouse"


@dataclass(frozen=True)
class _Load:
    """What a load would read, by the settings."""

    session: BrightspaceSession
    credentials: BrightspaceCredentials
    endpoints: Sequence[Endpoint]
    org_unit_ids: Sequence[int] | None
    found_in: str
    pinned: Mapping[str, str | None]


def check_everything(wanted: Wanted, say: Callable[[str], object]) -> Findings:
    """Check all there is; never ends early, whatever is wrong.

    Args:
        wanted: What is to be checked.
        say: Gets a line on what is done now.
    """
    found = Findings()
    say("Looking at the settings and the destination")
    load: _Load | None = None
    try:
        load = _configured(wanted)
    except (BrightspaceError, ConfigurationException) as error:
        found.settings_error = error
        found.add([settings_problem(error)])
    found.add([check_working_folder(), check_destination(wanted.destination, PIPELINE)])
    if load is None:
        return found
    try:
        _ask(found, load, wanted, say)
    finally:
        load.session.close()
    return found


def _configured(wanted: Wanted) -> _Load:
    names, org_unit_ids = configured_selection(wanted.tables)
    endpoints = chosen_tables(names)
    options: Options = resolve(Options())
    session = configured_session()
    session.limits.max_attempts = min(session.limits.max_attempts, _ATTEMPTS)
    return _Load(
        session,
        configured_credentials(),
        endpoints,
        org_unit_ids,
        options.course_offerings_from,
        _pinned_versions(),
    )


@with_config(sections=("sources", SECTION))
def _pinned_versions(
    lp_version: str | None = None, le_version: str | None = None
) -> dict[str, str | None]:
    return {"lp": lp_version, "le": le_version}


def _ask(found: Findings, load: _Load, wanted: Wanted, say: Callable[[str], object]) -> None:
    say(f"Asking {urlsplit(load.session.base_url).netloc}")
    host = check_host(load.session.base_url, load.pinned)
    found.add(host.findings)
    found.is_host_reached = host.is_reached
    if not host.is_brightspace:
        why = "the host is not reached" if not host.is_reached else "the host is no Brightspace"
        found.add(_not_checked(load, why))
        return
    observations = Observations()
    load.session.observe(observations)
    say("Asking who the credentials are")
    account = check_account(load.session, load.credentials, observations)
    found.add(account.findings)
    if not account.is_accepted:
        found.add(_not_checked(load, "the log-in failed"))
        return
    _ask_for_tables(found, load, wanted, account.scopes, say)
    say("Looking at data sets")
    found.add([check_data_sets(load.session), check_course_packages(account.scopes)])
    say("Estimating what a load takes")
    found.add(_cost(found, load, account, observations))


def _not_checked(load: _Load, why: str) -> Iterator[Finding]:
    names = [("tables", one.name, True) for one in load.endpoints]
    names += [("other jobs", one, False) for one in ("data sets", "course packages")]
    names += [("cost", one, False) for one in ("credits", "a load")]
    for section, name, is_needed in names:
        yield Finding(section, name, "not checked", why, is_needed=is_needed)


def _ask_for_tables(
    found: Findings,
    load: _Load,
    wanted: Wanted,
    granted: Sequence[str] | None,
    say: Callable[[str], object],
) -> None:
    asked = 0
    try:
        ids: list[int] = []
        if any(goes_by_course(one, ENDPOINTS) for one in load.endpoints):
            say("Looking for courses")
            courses = find_courses(load.session, load.org_unit_ids, load.found_in)
            found.add(courses.findings)
            ids = courses.ids if wanted.org_unit_id is None else [wanted.org_unit_id]
        sampler = Sampler(load.session, ENDPOINTS, ids)
        for one in check_tables(sampler, load.endpoints, ENDPOINTS, granted):
            found.add([one])
            asked += 1
            if asked < len(load.endpoints):
                say(f"Asking for {load.endpoints[asked].name}")
    except BrightspaceError as error:
        # the credentials were revoked meanwhile, or a rate limit is used up: nothing goes on
        why = words(error)
        for endpoint in load.endpoints[asked:]:
            found.add([Finding("tables", endpoint.name, "failed", why, endpoint.scope)])


def _cost(
    found: Findings, load: _Load, account: AccountCheck, observations: Observations
) -> Iterator[Finding]:
    try:
        courses = CourseOfferings(load.session, load.org_unit_ids, load.found_in)
        found.estimate = estimate(
            load.session, load.endpoints, ENDPOINTS, courses, observations=observations
        )
    except BrightspaceError as error:
        why = f"it cannot be estimated: {words(error)}"
        yield Finding("cost", "a load", "not checked", why, is_needed=False)
    seen = observations.credits
    text = (
        f"{seen.remaining:,.0f} left, {seen.cost:,.0f} a request"
        if seen
        else "no limit is reported: it is off, or this app is exempt"
    )
    yield Finding("cost", "credits", "OK", text, is_needed=False)
    if found.estimate is not None:
        yield Finding("cost", "a load", "OK", str(found.estimate), is_needed=False)
        short = lasts_for(account, load.credentials, found.estimate.seconds, time.time())
        yield from [short] if short else []
