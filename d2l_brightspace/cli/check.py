"""What the credentials may read: one small request for each resource, nothing loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from d2l_brightspace.client.errors import (
    BrightspaceError,
    NotFound,
    PermissionDenied,
    RequestContext,
)
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.endpoints.model import COURSE_OFFERINGS, ORG_UNIT_ID, Endpoint
from d2l_brightspace.extract.parents import CourseOfferings
from d2l_brightspace.tables import chosen_tables
from d2l_brightspace.timestamps import utc_milliseconds

Outcome = Literal["OK", "missing scope", "no permission", "not found", "failed"]


@dataclass(frozen=True)
class Probe:
    """What came of asking for one resource."""

    resource: str
    outcome: Outcome
    scope: str | None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the resource can be loaded."""
        return self.outcome == "OK"


def who_am_i(session: BrightspaceSession) -> str:
    """User id of the caller.

    Raises:
        BrightspaceError: If the credentials are not accepted.
    """
    block = session.get_json("lp/(version)/users/whoami", scope="users:own_profile:read")
    return str(block["Identifier"])


def find_course(session: BrightspaceSession) -> int | None:
    """A course that the caller may read about, or None.

    Raises:
        BrightspaceError: If the courses cannot be listed.
    """
    return next(iter(CourseOfferings(session, None).ids(at_most=1)), None)


def probe_resources(session: BrightspaceSession, org_unit_id: int | None) -> Iterator[Probe]:
    """Ask for each resource once.

    Args:
        session: Sends the requests.
        org_unit_id: Course to ask about; None if there is none to ask about.
    """
    for endpoint in chosen_tables(None):
        if org_unit_id is None and endpoint.parent == COURSE_OFFERINGS:
            yield Probe(endpoint.name, "not found", endpoint.scope, "There is no course")
        else:
            yield _probe(session, endpoint, org_unit_id)


def _probe(session: BrightspaceSession, endpoint: Endpoint, org_unit_id: int | None) -> Probe:
    an_hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    params = {endpoint.since.param: utc_milliseconds(an_hour_ago)} if endpoint.since else {}
    try:
        session.get_json(
            endpoint.url({ORG_UNIT_ID: org_unit_id}, params),
            anonymous=endpoint.scope is None,
            scope=endpoint.scope,
        )
    except PermissionDenied as error:
        outcome: Outcome = "missing scope" if error.is_about_scope else "no permission"
        return Probe(endpoint.name, outcome, endpoint.scope, _words(error))
    except NotFound as error:
        return Probe(endpoint.name, "not found", endpoint.scope, _words(error))
    except BrightspaceError as error:
        return Probe(endpoint.name, "failed", endpoint.scope, _words(error))
    return Probe(endpoint.name, "OK", endpoint.scope)


def _words(error: BrightspaceError) -> str:
    context: Any = error.context or RequestContext("")
    return ". ".join(filter(None, [error.message, context.detail]))
