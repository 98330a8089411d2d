from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from d2l_brightspace.client.auth.id_key import IdKeyAuthenticator, login_url, sign
from tests import FIXTURES

APP_ID, APP_KEY = "dltTestAppId0123456789", "dltTestAppKey0123456789"
USER_ID, USER_KEY = "dltTestUserId012345678", "dltTestUserKey01234567"
CLOCK = 1_700_000_000
HOST = "https://lms.example.edu"
WHOAMI = f"{HOST}/d2l/api/lp/1.49/users/whoami"

# d2lvalence 1.2.3, D2L's own SDK for Python, was run for these (`docs/brightspace-api.md`)
VECTORS: dict[str, dict[str, Any]] = {
    vector["name"].split()[0]: vector
    for vector in json.loads((FIXTURES / "idkey-vectors.json").read_text(encoding="utf-8"))
}

# The Python package lower-cases before it decodes; D2L's .NET order decodes first. Values of the
# table of `docs/brightspace-api.md`, where decoding first gives something else.
DOT_NET = {
    "5": (
        "vgdO3zJMJpHLgbockrbWOjy7efzKJTxn_cOok1moTKU",
        "6eyPJ5eVx4obXoL2gIe3fxmXnHCDcbgybWTwP9kBa94",
    ),
    "5d": (
        "gw-FkxGuG10h-CyqYMfDPkDwpEiYOu1k2LmGh_41x5k",
        "mwXpRuw42Hxze3p-afoGqExLhIVdQlxDRjceWeP4jaw",
    ),
}
DOT_NET["5b"] = DOT_NET["5"]  # the same path, given to `requests` unescaped

# URL as a caller hands it over, where the fixture holds only the signed one
UNSIGNED = {
    "4": f"{HOST}/d2l/api/lp/1.49/users/?bookmark=250&orgDefinedId=A%20b%2Bc",
    "4b": f"{HOST}/d2l/api/lp/1.49/users/?bookmark=&isActive=true",
    "4c": f"{HOST}/d2l/api/le/1.82/6606/content/userprogress/?userId=1&userId=2&x_a=OLD&x_t=1",
    "5b": f"{HOST}/d2l/api/le/1.82/locker/myLocker/My Folder/RÉSUMé.TXT",
    "5e": f"{HOST}/d2l/api/le/1.82/locker/my folder/",
    "5f": f"{HOST}/d2l/api/le/1.82/locker/é/",
    "5g": f"{WHOAMI}?bookmark=250",
    "9": f"{HOST}/d2l/api/lp/1.49/orgstructure/6606/descendants/paged/?ouTypeId=3&bookmark=7421",
}
# what the clock shows once it is corrected: `server_skew` of the package is in milliseconds
CORRECTED_CLOCK = {"6": CLOCK - 90.5, "6b": CLOCK + 1.5, "6c": CLOCK + 0.5, "6d": CLOCK + 1.5}
# 7 is a request without a user, which this package sends without any signature (versions);
# 10 is the log-in URL and has a test of its own
SIGNED = [name for name, vector in VECTORS.items() if "url" in vector and name not in {"7", "10"}]


class Clock:
    def __init__(self, now: float = CLOCK) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def authenticator(clock: Clock | None = None) -> IdKeyAuthenticator:
    return IdKeyAuthenticator(APP_ID, APP_KEY, USER_ID, USER_KEY, clock or Clock())


def prepared(url: str, method: str = "GET") -> requests.PreparedRequest:
    return requests.Request(method, url).prepare()


def parameters(request: requests.PreparedRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.url or "").query, keep_blank_values=True))


@pytest.mark.parametrize("name", SIGNED)
def test_signs_as_d2l_does(name: str) -> None:
    vector = VECTORS[name]
    url = UNSIGNED.get(name, vector["url"].partition("?")[0])
    request = prepared(url, vector["method"])

    authenticator(Clock(CORRECTED_CLOCK.get(name, CLOCK))).authenticate(request)

    expected = {key: vector["params"][key] for key in ("x_a", "x_b", "x_c", "x_d", "x_t")}
    if name in DOT_NET:
        expected["x_c"], expected["x_d"] = DOT_NET[name]
    found = parameters(request)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("name", ["1", "2", "2b", "3", "8", "9"])
def test_makes_the_very_url_of_d2ls_package(name: str) -> None:
    request = prepared(
        UNSIGNED.get(name, VECTORS[name]["url"].partition("?")[0]), VECTORS[name]["method"]
    )
    authenticator().authenticate(request)
    assert request.url == VECTORS[name]["url"]


def test_vector_7_signs_a_request_without_a_user() -> None:
    assert sign("GET", "/d2l/api/versions/", CLOCK, APP_KEY) == VECTORS["7"]["params"]["x_c"]


@pytest.mark.parametrize("name", ["5e", "5f", "5g"])
def test_what_the_package_refuses_is_escaped_and_signed(name: str) -> None:
    # The package raises for a blank, a letter outside ASCII or a query in its route. `requests`
    # has escaped the path before it is signed, and the query is no part of what is signed.
    assert "error" in VECTORS[name]
    request = prepared(UNSIGNED[name])
    path = urlsplit(request.url or "").path
    authenticator().authenticate(request)
    assert parameters(request)["x_c"] == sign("GET", path, CLOCK, APP_KEY)


def test_vector_10_login_url() -> None:
    url = login_url("https://lms.example.edu", "https://client.example.edu/cb?x=1", APP_ID, APP_KEY)
    assert url == VECTORS["10"]["url"]


def test_other_parameters_stay_byte_for_byte() -> None:
    query = "bookmark=&q=A%20b%2Bc&q=%C3%89&flag&X_T=9&x_a=OLD&x_c=OLD&x_ab=1&z=a+b"
    request = prepared(f"{WHOAMI}?{query}")
    authenticator().authenticate(request)
    assert (request.url or "").startswith(
        f"{WHOAMI}?bookmark=&q=A%20b%2Bc&q=%C3%89&flag&x_ab=1&z=a+b&x_a={APP_ID}&x_c="
    )
    names = [name for name, _ in parse_qsl(urlsplit(request.url or "").query)]
    assert names[-5:] == ["x_a", "x_c", "x_b", "x_d", "x_t"]


def test_a_retry_is_signed_anew() -> None:
    clock = Clock()
    signer = authenticator(clock)
    request = prepared(WHOAMI)
    signer.authenticate(request)
    clock.now += 30
    signer.authenticate(request)
    assert parameters(request)["x_t"] == str(CLOCK + 30)
    assert (request.url or "").count("x_t=") == 1


def test_learns_the_servers_time_and_again_when_it_changes() -> None:
    signer = authenticator()
    request = prepared(WHOAMI)
    for server_time in (CLOCK + 600, CLOCK - 600):
        signer.authenticate(request)
        assert signer.learn_server_time(server_time)
        signer.authenticate(request)
        assert parameters(request)["x_t"] == str(server_time)


def test_the_same_time_again_is_not_worth_another_try() -> None:
    signer = authenticator()
    signer.authenticate(prepared(WHOAMI))
    assert signer.learn_server_time(CLOCK + 600)
    signer.authenticate(prepared(WHOAMI))
    assert not signer.learn_server_time(CLOCK + 600)


def test_every_thread_with_an_old_signature_tries_again() -> None:
    signer = authenticator()
    all_signed = threading.Barrier(8)
    worth: list[bool] = []

    def request_once() -> None:
        signer.authenticate(prepared(WHOAMI))
        all_signed.wait(timeout=10)
        worth.append(signer.learn_server_time(CLOCK + 600))

    threads = [threading.Thread(target=request_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert worth == [True] * 8


def test_a_refused_user_key_cannot_be_renewed() -> None:
    assert not authenticator().renew(prepared(WHOAMI))


def test_no_key_in_the_url_or_the_repr() -> None:
    signer = authenticator()
    request = prepared(WHOAMI)
    signer.authenticate(request)
    for secret in (APP_KEY, USER_KEY):
        assert secret not in f"{request.url} {signer!r} {signer}"
