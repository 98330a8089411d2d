"""Users of the tenant.

D2L's topic "Users", block `UserData`. Nearly all text here names a person and is marked so;
`UserId` and `OrgId` are pseudonymous keys and are not.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import flag, identifier, personal, timestamp

from .model import Endpoint

USERS = Endpoint(
    product="lp",
    paging="bookmark",
    scope="users:userdata:read",
    description="One row per user account of the tenant, active or not.",
    resource={
        "name": "users",
        "primary_key": "UserId",
        "write_disposition": "merge",
        "references": [
            {
                "referenced_table": "org_units",
                "columns": ["OrgId"],
                "referenced_columns": ["Identifier"],
                "cardinality": "many_to_one",
                "label": "organisation",
            },
        ],
        "columns": {
            "OrgId": identifier("Org unit id of the organisation the account belongs to."),
            "UserId": identifier(
                "Id of the user; a pseudonym that other tables join on.", required=True
            ),
            "FirstName": personal("Given name the tenant shows."),
            "MiddleName": personal("Middle name; null when none is stored."),
            "LastName": personal("Family name the tenant shows."),
            "UserName": personal("Name the user signs in with; unique in the tenant."),
            "ExternalEmail": personal("E-mail address outside Brightspace; null when none."),
            "OrgDefinedId": personal(
                "Institution's own number for the person, such as a student number; "
                "null or empty when none."
            ),
            "UniqueIdentifier": personal(
                "The tenant's unique name for the account, often the same as the user name."
            ),
            "Activation__IsActive": flag("True if the user may sign in at all."),
            "DisplayName": personal("Full name as other users see it."),
            "LastAccessedDate": timestamp(
                "Last time the user used Brightspace (UTC); null if never. Not a date of change."
            ),
            "Pronouns": personal("Pronouns the user chose to show; null when none."),
            "FirstLoginDate": timestamp(
                "First time the user signed in (UTC); null if never, or before 20.26.2."
            ),
        },
        "endpoint": {"path": "users/"},
    },
)
