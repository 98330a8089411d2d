"""Class lists: who is in a course, as the course's own members see it.

D2L's topic "Class list", block `ClasslistUser`. Fields come and go with the tenant's privacy
settings. The rows of one course are replaced as a whole, so that a user who left is gone.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import (
    flag,
    identifier,
    person_key,
    personal,
    text,
    timestamp,
)
from d2l_brightspace.endpoints.model import Endpoint, to

CLASSLIST = Endpoint(
    "classlist",
    "le/{org_unit_id}/classlist/paged/",
    parent="course_offerings",
    paging="object_list",
    scope="enrollment:orgunit:read",
    key=("org_unit_id", "Identifier"),
    replaces="org_unit_id",
    references=(
        to("courses", org_unit_id="Identifier", label="course"),
        to("users", Identifier="UserId", label="user"),
        to(
            "enrollments",
            "org_unit_id",
            Identifier="User__Identifier",
            label="enrollment",
            one_to_one=True,
        ),
    ),
    description="One row per user on the class list of a course.",
    columns={
        "org_unit_id": identifier(
            "Id of the course the list belongs to; added by this source.", required=True
        ),
        "Identifier": person_key(
            "Id of the user; a pseudonym that joins to the users table.", required=True
        ),
        "ProfileIdentifier": personal(
            "Opaque text key of the user's public profile; not the user id.", kind="identifier"
        ),
        "DisplayName": personal("Full name as the class list shows it.", kind="name"),
        "Username": personal(
            "Name the user signs in with; null when privacy hides it.", kind="identifier"
        ),
        "OrgDefinedId": personal(
            "Institution's own number for the person; null or empty when none or hidden.",
            kind="identifier",
        ),
        "Email": personal("E-mail address; null when privacy hides it.", kind="contact"),
        "FirstName": personal("Given name; null when privacy hides it.", kind="name"),
        "LastName": personal("Family name; null when privacy hides it.", kind="name"),
        "RoleId": identifier("Id of the user's role in the course; null when hidden."),
        "LastAccessed": timestamp(
            "Last time the user opened the course (UTC); null if never or hidden.", kind="behaviour"
        ),
        "IsOnline": flag(
            "True if the user was signed in at the moment of the request.", kind="behaviour"
        ),
        "ClasslistRoleDisplayName": text("Name of the user's role as the class list shows it."),
        "Pronouns": personal(
            "Pronouns the user chose to show; null when none, or before 20.25.2.", kind="name"
        ),
    },
)
