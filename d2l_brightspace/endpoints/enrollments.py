"""Enrollments: the caller's own, and those of every user in a course.

D2L's topic "Enrollments", blocks `MyOrgUnitInfo` and `OrgUnitUser`. The rows of one course in
`enrollments` are replaced as a whole, so that a user who left is gone.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import (
    array,
    flag,
    identifier,
    person_key,
    personal,
    text,
    timestamp,
)
from d2l_brightspace.endpoints.model import Endpoint, to

MY_ENROLLMENTS = Endpoint(
    "my_enrollments",
    "lp/enrollments/myenrollments/",
    paging="bookmark",
    scope="enrollment:own_enrollment:read",
    key="OrgUnit__Id",
    references=(
        to("org_units", OrgUnit__Id="Identifier", label="org unit", one_to_one=True),
        to("courses", OrgUnit__Id="Identifier", label="course", one_to_one=True),
    ),
    description="One row per org unit the caller is enrolled in, with what the caller may do.",
    columns={
        "OrgUnit__Id": identifier("Id of the org unit, of whatever type.", required=True),
        "OrgUnit__Type__Id": identifier(
            "Id of the org unit's type; the numbering is the tenant's own."
        ),
        "OrgUnit__Type__Code": text("Code of the org unit's type, such as 'Course Offering'."),
        "OrgUnit__Type__Name": text("Name of the org unit's type in the tenant's wording."),
        "OrgUnit__Name": text("Name of the org unit."),
        "OrgUnit__Code": text("Code the institution gave the org unit; null when none."),
        "OrgUnit__HomeUrl": text("Address of the org unit's home page; null when it has none."),
        "OrgUnit__ImageUrl": text("Address of the org unit's image; null when it has none."),
        "Access__IsActive": flag("True if the org unit is active."),
        "Access__StartDate": timestamp(
            "When the caller's access begins (UTC); null when no start is set."
        ),
        "Access__EndDate": timestamp(
            "When the caller's access ends (UTC); null when no end is set."
        ),
        "Access__CanAccess": flag("True if the caller may open the org unit now."),
        "Access__ClasslistRoleName": text(
            "Name of the caller's role as the class list shows it; null when none."
        ),
        "Access__LISRoles": array(
            "List of the caller's roles as IMS LIS role names, for LTI tools; may be empty."
        ),
        "Access__LastAccessed": timestamp(
            "Last time the caller opened the org unit (UTC); null if never.", kind="behaviour"
        ),
        "PinDate": timestamp(
            "When the caller pinned the org unit in the course picker (UTC); null if not.",
            kind="behaviour",
        ),
    },
)

ENROLLMENTS = Endpoint(
    "enrollments",
    "lp/enrollments/orgUnits/{org_unit_id}/users/",
    parent="course_offerings",
    paging="bookmark",
    scope="enrollment:orgunit:read",
    key=("org_unit_id", "User__Identifier"),
    replaces="org_unit_id",
    references=(
        to("courses", org_unit_id="Identifier", label="course"),
        to("org_units", org_unit_id="Identifier", label="org unit"),
        to("users", User__Identifier="UserId", label="user"),
    ),
    description="One row per user enrolled in a course, with the role held there.",
    columns={
        "org_unit_id": identifier(
            "Id of the course the enrollment is in; added by this source.", required=True
        ),
        "User__Identifier": person_key(
            "Id of the user; a pseudonym that joins to the users table.", required=True
        ),
        "User__DisplayName": personal(
            "Full name as other users see it; null when hidden.", kind="name"
        ),
        "User__EmailAddress": personal("E-mail address; null when none or hidden.", kind="contact"),
        "User__OrgDefinedId": personal(
            "Institution's own number for the person; null or empty when none or hidden.",
            kind="identifier",
        ),
        "User__ProfileBadgeUrl": personal(
            "Address of the user's picture; null when none.", kind="contact"
        ),
        "User__ProfileIdentifier": personal(
            "Opaque text key of the user's public profile; not the user id; null when hidden.",
            kind="identifier",
        ),
        "User__UserName": personal(
            "Name the user signs in with; null when hidden or on older API versions.",
            kind="identifier",
        ),
        "Role__Id": identifier("Id of the role the user holds in the course."),
        "Role__Code": text("Code of the role; null when the tenant gave none."),
        "Role__Name": text("Name of the role in the tenant's wording."),
    },
)
