"""API versions: which contract versions each product of the tenant supports.

D2L's topic "API properties", block `Version.ProductVersions`. The route may be called without
signing in.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import array, text
from d2l_brightspace.endpoints.model import Endpoint

VERSIONS = Endpoint(
    "versions",
    "versions/",
    paging="array",
    key="ProductCode",
    description="One row per product component of the tenant, with the API versions it speaks.",
    columns={
        "ProductCode": text(
            "Short code of the product component, such as lp, le, bas or eP; case as sent.",
            required=True,
        ),
        "LatestVersion": text(
            "Newest API version the tenant speaks; dotted numbers, so 1.9 comes before 1.10."
        ),
        "SupportedVersions": array(
            "List of every API version the tenant still answers, as dotted strings."
        ),
    },
)
