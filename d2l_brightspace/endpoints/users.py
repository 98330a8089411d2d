"""Users of the tenant.

D2L's topic "Users", block `UserData`. Nearly all text here names a person and is marked so;
`UserId` and `OrgId` are pseudonymous keys and are not.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import flag, identifier, person_key, personal, timestamp
from d2l_brightspace.endpoints.model import Endpoint, to

USERS = Endpoint(
    "users",
    "lp/users/",
    paging="bookmark",
    scope="users:userdata:read",
    key="UserId",
    references=(to("org_units", OrgId="Identifier", label="organisation"),),
    description="One row per user account of the tenant, active or not.",
    columns={
        "OrgId": identifier("Org unit id of the organisation the account belongs to."),
        "UserId": person_key(
            "Id of the user; a pseudonym that other tables join on.", required=True
        ),
        "FirstName": personal("Given name the tenant shows.", kind="name"),
        "MiddleName": personal("Middle name; null when none is stored.", kind="name"),
        "LastName": personal("Family name the tenant shows.", kind="name"),
        "UserName": personal(
            "Name the user signs in with; unique in the tenant.", kind="identifier"
        ),
        "ExternalEmail": personal(
            "E-mail address outside Brightspace; null when none.", kind="contact"
        ),
        "OrgDefinedId": personal(
            "Institution's own number for the person, such as a student number; "
            "null or empty when none.",
            kind="identifier",
        ),
        "UniqueIdentifier": personal(
            "The tenant's unique name for the account, often the same as the user name.",
            kind="identifier",
        ),
        "Activation__IsActive": flag("True if the user may sign in at all."),
        "DisplayName": personal("Full name as other users see it.", kind="name"),
        "LastAccessedDate": timestamp(
            "Last time the user used Brightspace (UTC); null if never. Not a date of change.",
            kind="behaviour",
        ),
        "Pronouns": personal("Pronouns the user chose to show; null when none.", kind="name"),
        "FirstLoginDate": timestamp(
            "First time the user signed in (UTC); null if never, or before 20.26.2.",
            kind="behaviour",
        ),
    },
)
