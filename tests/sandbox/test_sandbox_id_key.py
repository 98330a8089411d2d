"""ID-Key signatures, checked with the vectors that D2L's own package gave."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import pytest
import requests

from .caller import Api, Serve

PATH = "/d2l/api/lp/1.50/enrollments/myEnrollments/"


def sign(base: str, key: str) -> str:
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def signed(api: Api, path: str = PATH, at: float | None = None, **changes: Any) -> dict[str, str]:
    keys = api.sandbox.credentials["id_key"]
    stamp = str(int(time.time() if at is None else at))
    base = f"GET&{path.lower()}&{stamp}"
    return {
        "x_a": keys["app_id"],
        "x_b": keys["user_id"],
        "x_c": sign(base, keys["app_key"]),
        "x_d": sign(base, keys["user_key"]),
        "x_t": stamp,
        **changes,
    }


def call(api: Api, query: dict[str, Any], path: str = PATH) -> requests.Response:
    return requests.get(api.sandbox.url + path, params=query, timeout=5)


def test_good_signature_acts_with_every_scope(serve: Serve) -> None:
    api = serve(scopes="users:profile:read")
    answer = call(api, signed(api))
    assert answer.status_code == 200
    assert api.sandbox.requests[-1]["scheme"] == "id_key"
    assert api.sandbox.requests[-1]["query"] == {}


def test_query_is_not_signed_and_path_case_does_not_matter(api: Api) -> None:
    assert call(api, {**signed(api), "isActive": "true"}).status_code == 200
    assert call(api, signed(api), PATH.upper()).status_code == 200


def test_percent_escapes_are_decoded_before_lower_casing(api: Api) -> None:
    path = "/d2l/api/lp/1.50/roles/"
    assert call(api, signed(api, path), "/d2l/api/lp/1.50/%52oles/").status_code == 200


@pytest.mark.parametrize("name", ["x_a", "x_b", "x_c", "x_d"])
@pytest.mark.parametrize("value", ["wrong", ""])
def test_wrong_credentials(api: Api, name: str, value: str) -> None:
    answer = call(api, {**signed(api), name: value})
    assert (answer.status_code, answer.text) == (403, "Invalid token")


def test_user_without_signature_is_not_enough(api: Api) -> None:
    answer = call(api, signed(api, x_b="", x_d=""))
    assert answer.status_code == 401  # an application without a user is anonymous


def test_another_path_or_method_needs_another_signature(api: Api) -> None:
    query = signed(api, PATH.rstrip("/"))
    assert call(api, query).text == "Invalid token"
    assert call(api, signed(api, x_t="soon")).text == "Invalid token"


def test_version_routes_take_an_application_without_user(api: Api) -> None:
    path = "/d2l/api/versions/"
    assert call(api, signed(api, path, x_b="", x_d=""), path).status_code == 200
    assert call(api, signed(api, path, x_c="wrong"), path).status_code == 403


def test_skewed_clock_is_told_the_server_time(serve: Serve) -> None:
    api = serve(clock=lambda: 1_700_000_000.0, clock_offset=1000)
    assert call(api, signed(api, at=1_700_000_000)).content == (
        b"Timestamp out of range\r\n1700001000\r\n"
    )
    assert call(api, signed(api, at=1_700_000_000)).status_code == 403
    for skew in (-300, 0, 300):
        assert call(api, signed(api, at=1_700_001_000 + skew)).status_code == 200
    for skew in (-301, 301):
        assert call(api, signed(api, at=1_700_001_000 + skew)).status_code == 403
