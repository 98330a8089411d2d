"""Enrollments: the caller's own, and those of every user in a course.

D2L's topic "Enrollments", blocks `MyOrgUnitInfo` and `OrgUnitUser`. The rows of one course in
`enrollments` are replaced as a whole, so that a user who left is gone.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import (
    array,
    flag,
    identifier,
    personal,
    text,
    timestamp,
)

from .model import Endpoint

MY_ENROLLMENTS = Endpoint(
    product="lp",
    paging="bookmark",
    scope="enrollment:own_enrollment:read",
    description="One row per org unit the caller is enrolled in, with what the caller may do.",
    resource={
        "name": "my_enrollments",
        "primary_key": "OrgUnit__Id",
        "write_disposition": "merge",
        "references": [
            {
                "referenced_table": "org_units",
                "columns": ["OrgUnit__Id"],
                "referenced_columns": ["Identifier"],
                "cardinality": "one_to_one",
                "label": "org unit",
            },
            {
                "referenced_table": "courses",
                "columns": ["OrgUnit__Id"],
                "referenced_columns": ["Identifier"],
                "cardinality": "one_to_one",
                "label": "course",
            },
        ],
        "columns": {
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
                "Last time the caller opened the org unit (UTC); null if never."
            ),
            "PinDate": timestamp(
                "When the caller pinned the org unit in the course picker (UTC); null if not."
            ),
        },
        "endpoint": {"path": "enrollments/myenrollments/"},
    },
)

ENROLLMENTS = Endpoint(
    product="lp",
    paging="bookmark",
    scope="enrollment:orgunit:read",
    description="One row per user enrolled in a course, with the role held there.",
    resource={
        "name": "enrollments",
        "primary_key": ["org_unit_id", "User__Identifier"],
        "merge_key": "org_unit_id",
        "write_disposition": "merge",
        "references": [
            {
                "referenced_table": "courses",
                "columns": ["org_unit_id"],
                "referenced_columns": ["Identifier"],
                "cardinality": "many_to_one",
                "label": "course",
            },
            {
                "referenced_table": "org_units",
                "columns": ["org_unit_id"],
                "referenced_columns": ["Identifier"],
                "cardinality": "many_to_one",
                "label": "org unit",
            },
            {
                "referenced_table": "users",
                "columns": ["User__Identifier"],
                "referenced_columns": ["UserId"],
                "cardinality": "many_to_one",
                "label": "user",
            },
        ],
        "columns": {
            "org_unit_id": identifier(
                "Id of the course the enrollment is in; added by this source.", required=True
            ),
            "User__Identifier": identifier(
                "Id of the user; a pseudonym that joins to the users table.", required=True
            ),
            "User__DisplayName": personal("Full name as other users see it; null when hidden."),
            "User__EmailAddress": personal("E-mail address; null when none or hidden."),
            "User__OrgDefinedId": personal(
                "Institution's own number for the person; null or empty when none or hidden."
            ),
            "User__ProfileBadgeUrl": personal("Address of the user's picture; null when none."),
            "User__ProfileIdentifier": personal(
                "Opaque text key of the user's public profile; not the user id; null when hidden."
            ),
            "User__UserName": personal(
                "Name the user signs in with; null when hidden or on older API versions."
            ),
            "Role__Id": identifier("Id of the role the user holds in the course."),
            "Role__Code": text("Code of the role; null when the tenant gave none."),
            "Role__Name": text("Name of the role in the tenant's wording."),
        },
        "endpoint": {
            "path": "enrollments/orgUnits/{resources.course_offerings.org_unit_id}/users/"
        },
    },
)
