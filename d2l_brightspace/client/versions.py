"""API versions: what a tenant supports, and which one to speak.

All four version actions of `res/apiprop` ("Versions") are anonymous.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from .errors import ConfigurationError, NotFound, ProtocolError, RequestContext

logger = logging.getLogger(__name__)

WRITTEN_FOR: Mapping[str, str] = {"lp": "1.64", "le": "1.99", "bas": "1.6"}
"""Newest version of each product that is known to be in use (`docs/brightspace-api.md`)."""
_Block = TypeVar("_Block", list[Any], dict[str, Any])


class GetsJson(Protocol):
    """What sends the version requests; the session does."""

    def get_json(self, path: str, *, anonymous: bool = False) -> Any:
        """Read one block."""

    def post_json(self, path: str, body: Any, *, anonymous: bool = False) -> Any:
        """Send a block and read the answer."""


class Versions:
    """The version actions, and the negotiation that each run does once.

    Args:
        http: Sends the requests.
        pinned: Versions the user insists on, by product code.

    Attributes:
        notes: What whoever runs this should know, such as a version that nobody has tried.
    """

    def __init__(self, http: GetsJson, pinned: Mapping[str, str | None] | None = None) -> None:
        self._http = http
        self._pinned = {product: v for product, v in (pinned or {}).items() if v}
        self._lock = threading.Lock()
        self._supported: dict[str, list[str]] | None = None
        self.notes: list[str] = []

    def all_products(self) -> list[dict[str, Any]]:
        """Every product and its versions: `GET /d2l/api/versions/` → `ProductVersions[]`."""
        return _check(self._http.get_json("versions/", anonymous=True), list, "versions/")

    def product(self, product: str) -> dict[str, Any]:
        """One product: `GET /d2l/api/(productCode)/versions/` → `ProductVersions`."""
        answer = self._http.get_json(f"{product}/versions/", anonymous=True)
        return _check(answer, dict, "(productCode)/versions/")

    def product_version(self, product: str, version: str) -> dict[str, Any]:
        """One version: `GET /d2l/api/(productCode)/versions/(version)` → `SupportedVersion`."""
        answer = self._http.get_json(f"{product}/versions/{version}", anonymous=True)
        return _check(answer, dict, "(productCode)/versions/(version)")

    def check(self, wanted: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Several at once: `POST /d2l/api/versions/check` → `BulkSupportedVersionResponse`.

        Args:
            wanted: Pairs of product code and version.
        """
        body = [{"ProductCode": product, "Version": version} for product, version in wanted]
        answer = self._http.post_json("versions/check", body, anonymous=True)
        return _check(answer, dict, "versions/check")

    def spoken(self, product: str) -> str:
        """The version this run speaks: the pinned one, else the newest that both sides know.

        A tenant that has left all of those behind is spoken to in the oldest it still offers: new
        versions mostly add fields, and those are loaded too.

        Asks the tenant on the first call of the run only.

        Raises:
            ConfigurationError: If the tenant does not support the pinned version.
            NotFound: If the tenant supports no version at all.
            ProtocolError: If the answer is no list of products.
        """
        supported = self._supported_by_tenant().get(product.lower(), [])
        pinned = self._pinned.get(product)
        if pinned is not None:
            if pinned not in supported:
                raise ConfigurationError(
                    f"Setting `{product}_version` is {pinned}, which this Brightspace does not "
                    f"support. It supports: {', '.join(sorted(supported, key=number)) or 'none'}."
                )
            return pinned
        if not supported:
            raise NotFound(
                f"This Brightspace names no version of `{product}` that it supports",
                RequestContext("versions/"),
            )
        ceiling = number(WRITTEN_FOR[product])
        common = [version for version in supported if number(version) <= ceiling]
        return max(common, key=number) if common else self._oldest(product, supported)

    def _oldest(self, product: str, supported: Sequence[str]) -> str:
        oldest = min(supported, key=number)
        note = (
            f"This Brightspace supports `{product}` from version {oldest} on, and this package was "
            f"written for {WRITTEN_FOR[product]} at most: {oldest} is spoken. Look for a newer "
            "release of d2l-brightspace, and at columns that are empty now."
        )
        with self._lock:
            if note not in self.notes:
                self.notes.append(note)
                logger.warning(note)
        return oldest

    def _supported_by_tenant(self) -> dict[str, list[str]]:
        with self._lock:
            if self._supported is None:
                products = map(_product, self.all_products())
                self._supported = {code: versions for code, versions in products if code}
            return self._supported


def number(version: str) -> tuple[int, ...]:
    """A version to compare by: 1.9 comes before 1.10."""
    return tuple(int(part) for part in version.split("."))


def _check(answer: Any, kind: type[_Block], route: str) -> _Block:
    if not isinstance(answer, kind):
        raise ProtocolError(f"The answer is a JSON {type(answer).__name__}", RequestContext(route))
    return answer


def _product(block: Any) -> tuple[str, list[str]]:
    match block:
        case {"ProductCode": str(code), "SupportedVersions": list(versions)}:
            # product codes come back in mixed case (`eP`)
            return code.lower(), [version for version in versions if _is_number(version)]
    return "", []  # whoever needs just this product gets an error that names it


def _is_number(version: object) -> bool:
    return isinstance(version, str) and _NUMBER.fullmatch(version) is not None


# short enough for `int`, which refuses thousands of digits
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,9}")
