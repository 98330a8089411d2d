"""API versions (D2L's res/apiprop.html): all four actions may be called anonymously."""

from __future__ import annotations

import json

from d2l_brightspace.sandbox.paging import Block
from d2l_brightspace.sandbox.problems import not_found, plain
from d2l_brightspace.sandbox.routing import ANONYMOUS, Call, Route
from d2l_brightspace.sandbox.versions import (
    is_supported,
    latest,
    product_code,
    product_versions,
    versions_of,
)


def _all_products(_call: Call) -> object:
    return product_versions()


def _one_product(call: Call) -> object:
    return versions_of(_known(call.parts["product"]))


def _one_version(call: Call) -> object:
    product = _known(call.parts["product"])
    supported = is_supported(product, call.parts["wanted"])
    return {"Supported": supported, "LatestVersion": latest(product)}


def _check(call: Call) -> object:
    versions = [_checked(item) for item in _requested(call)]
    return {"Supported": all(item["Supported"] for item in versions), "Versions": versions}


def _requested(call: Call) -> list[dict[str, str]]:
    content_type = call.request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise plain(415)
    try:
        asked = json.loads(call.body)
        return [{key: str(item[key]) for key in ("ProductCode", "Version")} for item in asked]
    except (ValueError, KeyError, TypeError):
        # A body that cannot be bound is 404, not 400 (D2L's calling conventions).
        raise not_found("The body is not an array of ProductCode and Version") from None


def _checked(item: dict[str, str]) -> Block:
    product = _known(item["ProductCode"])
    return {
        "ProductCode": product,
        "Version": item["Version"],
        "Supported": is_supported(product, item["Version"]),
        "LatestVersion": latest(product),
    }


def _known(name: str) -> str:
    product = product_code(name)
    if product is None:
        raise not_found(f"There is no product {name}")
    return product


ROUTES = (
    Route("GET", "", "versions/", ANONYMOUS, _all_products),
    Route("POST", "", "versions/check", ANONYMOUS, _check),
    Route("GET", "", "{product:text}/versions/", ANONYMOUS, _one_product),
    Route("GET", "", "{product:text}/versions/{wanted:text}", ANONYMOUS, _one_version),
)
