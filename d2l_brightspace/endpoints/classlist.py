"""Class lists: who is in a course, as the course's own members see it.

D2L's topic "Class list", block `ClasslistUser`. Fields come and go with the tenant's privacy
settings. The rows of one course are replaced as a whole, so that a user who left is gone.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import flag, identifier, personal, text, timestamp

from .model import Endpoint

CLASSLIST = Endpoint(
    product="le",
    paging="object_list",
    scope="enrollment:orgunit:read",
    description="One row per user on the class list of a course.",
    resource={
        "name": "classlist",
        "primary_key": ["org_unit_id", "Identifier"],
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
                "referenced_table": "users",
                "columns": ["Identifier"],
                "referenced_columns": ["UserId"],
                "cardinality": "many_to_one",
                "label": "user",
            },
            {
                "referenced_table": "enrollments",
                "columns": ["org_unit_id", "Identifier"],
                "referenced_columns": ["org_unit_id", "User__Identifier"],
                "cardinality": "one_to_one",
                "label": "enrollment",
            },
        ],
        "columns": {
            "org_unit_id": identifier(
                "Id of the course the list belongs to; added by this source.", required=True
            ),
            "Identifier": identifier(
                "Id of the user; a pseudonym that joins to the users table.", required=True
            ),
            "ProfileIdentifier": personal(
                "Opaque text key of the user's public profile; not the user id."
            ),
            "DisplayName": personal("Full name as the class list shows it."),
            "Username": personal("Name the user signs in with; null when privacy hides it."),
            "OrgDefinedId": personal(
                "Institution's own number for the person; null or empty when none or hidden."
            ),
            "Email": personal("E-mail address; null when privacy hides it."),
            "FirstName": personal("Given name; null when privacy hides it."),
            "LastName": personal("Family name; null when privacy hides it."),
            "RoleId": identifier("Id of the user's role in the course; null when hidden."),
            "LastAccessed": timestamp(
                "Last time the user opened the course (UTC); null if never or hidden."
            ),
            "IsOnline": flag("True if the user was signed in at the moment of the request."),
            "ClasslistRoleDisplayName": text("Name of the user's role as the class list shows it."),
            "Pronouns": personal(
                "Pronouns the user chose to show; null when none, or before 20.25.2."
            ),
        },
        "endpoint": {"path": "{resources.course_offerings.org_unit_id}/classlist/paged/"},
    },
)
