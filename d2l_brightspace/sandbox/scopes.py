"""D2L's scope language: `<group>:<resource>:<action>`, each part `*` or a comma list."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from .reference import NO_SCOPE, reference

CORE = "core:*:*"  # for routes without a scope of their own
OFFERED = (
    CORE,
    "datahub:dataexports:download",
    "datahub:dataexports:read",
    "datasets:bds:read",
    "enrollment:orgunit:read",
    "enrollment:own_enrollment:read",
    "import:job:create",
    "import:job:fetch",
    "organizations:organization:read",
    "orgunits:course:read",
    "reporting:dataset:list",
    "reporting:job:create",
    "reporting:job:download",
    "reporting:job:fetch",
    "role:detail:read",
    "users:own_profile:read",
    "users:profile:read",
    "users:userdata:read",
)


@lru_cache(maxsize=1)
def every_scope() -> str:
    """Return every scope that the routes of the sandbox ask for."""
    documented = (word for one in reference().routes.values() for word in one.scope.split())
    return " ".join(dict.fromkeys((*OFFERED, *sorted(set(documented) - {NO_SCOPE}))))


def __getattr__(name: str) -> str:
    """Give EVERY_SCOPE without reading the reference when this module is imported."""
    if name == "EVERY_SCOPE":
        return every_scope()
    raise AttributeError(name)


def covers(granted: str, required: str) -> bool:
    """Tell whether the granted scopes hold one of the required ones (both separated by blanks)."""
    return any(_is_within(want, have) for want, have in product(required.split(), granted.split()))


def intersect(requested: str, registered: str) -> str:
    """Return what both sides name: an application gets no scope it was not registered for."""
    both = (_common(want, have) for want, have in product(requested.split(), registered.split()))
    return " ".join(dict.fromkeys(scope for scope in both if scope))


def _is_within(required: str, granted: str) -> bool:
    wanted, held = required.split(":"), granted.split(":")
    return len(wanted) == len(held) and all(
        have == "*" or set(want.split(",")) <= set(have.split(","))
        for want, have in zip(wanted, held, strict=True)
    )


def _common(left: str, right: str) -> str | None:
    lefts, rights = left.split(":"), right.split(":")
    if len(lefts) != len(rights):
        return None
    parts = [_common_part(one, other) for one, other in zip(lefts, rights, strict=True)]
    return ":".join(part for part in parts if part) if all(parts) else None


def _common_part(left: str, right: str) -> str:
    if left == "*":
        return right
    if right == "*":
        return left
    rights = right.split(",")
    return ",".join(part for part in left.split(",") if part in rights)
