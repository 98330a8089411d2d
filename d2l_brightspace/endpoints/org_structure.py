"""Organisation structure: every org unit of the tenant, from the organisation down to sections.

D2L's topic "Org units", block `OrgUnitProperties`. Semesters, departments, templates, course
offerings, groups and sections are all org units and share one range of ids.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import identifier, text
from d2l_brightspace.endpoints.model import Endpoint

ORG_UNITS = Endpoint(
    "org_units",
    "lp/orgstructure/",
    paging="bookmark",
    scope="organizations:organization:read",
    key="Identifier",
    description="One row per org unit of any type: semester, department, course offering, …",
    columns={
        "Identifier": identifier(
            "Id of the org unit; other tables name it as their org unit, course or semester.",
            required=True,
        ),
        "Name": text("Name shown to users."),
        "Code": text("Code the institution gave the org unit; null when none was given."),
        "Path": text(
            "Folder of the org unit's files on the server; null on tenants before 20.25.1."
        ),
        "Type__Id": identifier("Id of the org unit's type; the numbering is the tenant's own."),
        "Type__Code": text("Code of the org unit's type, such as 'Course Offering'."),
        "Type__Name": text("Name of the org unit's type in the tenant's wording."),
    },
)
