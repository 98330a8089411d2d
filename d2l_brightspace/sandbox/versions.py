"""The API versions this tenant supports."""

from __future__ import annotations


def _numbered(major: int, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{major}.{minor}" for minor in range(first, last + 1))


# As seen in 2026 (docs/brightspace-api.md, "Versions"). lp and le also know 1.9, so that whoever
# compares versions as text takes the oldest for the newest (1.9 < 1.10 by number).
SUPPORTED: dict[str, tuple[str, ...]] = {
    "lp": ("1.9", *_numbered(1, 46, 63)),
    "le": ("1.9", *_numbered(1, 75, 99)),
    "bas": _numbered(1, 3, 6),
    "eP": ("2.5",),
    "lr": ("1.3",),
}


def product_code(name: str) -> str | None:
    """Return the product code as D2L writes it, in whatever case it was asked for."""
    return next((code for code in SUPPORTED if code.lower() == name.lower()), None)


def latest(product: str) -> str:
    """Return the newest version of a product."""
    return SUPPORTED[product][-1]


def product_versions() -> list[dict[str, object]]:
    """ProductVersions of every product."""
    return [versions_of(product) for product in SUPPORTED]


def versions_of(product: str) -> dict[str, object]:
    """ProductVersions."""
    return {
        "ProductCode": product,
        "LatestVersion": latest(product),
        "SupportedVersions": list(SUPPORTED[product]),
    }


def is_at_least(version: str, oldest: str) -> bool:
    """Compare versions by number; "" is older than all."""
    return not oldest or _parts(version) >= _parts(oldest)


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def is_supported(product: str, version: str) -> bool:
    """Tell whether the tenant answers this version of a product."""
    return version in SUPPORTED.get(product, ())
