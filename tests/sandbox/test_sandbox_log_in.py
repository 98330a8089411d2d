"""Consent screen and ID-Key log-in page, and the codes that they hand out."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from .caller import Api, Serve

WHO = "lp/1.50/users/whoami"
CALLBACK = "http://127.0.0.1:9/callback?x=1"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")


def ask(api: Api, **changes: str | None) -> requests.Response:
    query = {
        "response_type": "code",
        "client_id": api.sandbox.credentials["refresh_token"]["client_id"],
        "redirect_uri": CALLBACK,
        "scope": "users:own_profile:read <b>:no:where",
        "state": "s&t",
        "code_challenge": CHALLENGE.decode(),
        "code_challenge_method": "S256",
        **changes,
    }
    url = f"{api.sandbox.url}/oauth2/auth"
    return requests.get(url, query, timeout=5, allow_redirects=False)


def decide(api: Api, page: requests.Response, decision: str = "allow") -> requests.Response:
    (name,) = re.findall(r"name='request' value='([^']+)'", page.text)
    url = f"{api.sandbox.url}/oauth2/auth"
    form = {"request": name, "decision": decision}
    return requests.post(url, form, timeout=5, allow_redirects=False)


def parameters(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert location.startswith(f"{CALLBACK}&")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def redeem(api: Api, code: str, **changes: str) -> requests.Response:
    known = api.sandbox.credentials["refresh_token"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    client = (known["client_id"], known["client_secret"])
    return requests.post(api.sandbox.token_url, form, auth=client, timeout=5)


def code_of(api: Api, **changes: str | None) -> str:
    return parameters(decide(api, ask(api, **changes)))["code"]


def test_a_code_gives_tokens_of_the_consented_scope_once(serve: Serve) -> None:
    api = serve()
    page = ask(api)
    assert page.status_code == 200
    assert "<li><code>users:own_profile:read</code></li>" in page.text
    assert "<b>" not in page.text
    answer = parameters(decide(api, page))
    assert answer["state"] == "s&t"
    tokens = redeem(api, answer["code"]).json()
    assert tokens["scope"] == "users:own_profile:read"
    assert api.get(WHO, tokens["access_token"]).status_code == 200
    assert api.get("lp/1.50/roles/", tokens["access_token"]).status_code == 403
    assert redeem(api, answer["code"]).json()["error"] == "invalid_grant"
    # the refresh token that came with it allows no more, and leaves the ready-made one alone
    known = api.sandbox.credentials["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    client = (known["client_id"], known["client_secret"])
    again = requests.post(api.sandbox.token_url, form, auth=client, timeout=5).json()
    assert again["scope"] == "users:own_profile:read"
    assert api.sandbox.credentials["refresh_token"] == known
    assert decide(api, page).status_code == 400


def test_codes_that_are_not_good(serve: Serve) -> None:
    api = serve()
    for changes in (
        {"redirect_uri": "http://127.0.0.1:9/other"},
        {"code_verifier": "w" * 50},
        {"code_verifier": ""},
    ):
        code = code_of(api)
        refused = redeem(api, code, **changes)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert redeem(api, code).status_code == 400  # used up all the same
    code = code_of(api)
    api.sandbox.clock.advance(61)
    assert redeem(api, code).json()["error"] == "invalid_grant"
    without = code_of(api, code_challenge=None, code_challenge_method=None)
    assert redeem(api, without, code_verifier="").status_code == 200


def test_requests_that_end_on_a_page_and_those_that_end_at_the_client(serve: Serve) -> None:
    api = serve()
    for changes in (
        {"client_id": "other"},
        {"redirect_uri": "https://elsewhere.example/"},
        {"redirect_uri": None},
    ):
        assert ask(api, **changes).status_code == 400
    for error, wrong in {
        "unsupported_response_type": {"response_type": "token"},
        "invalid_request": {"code_challenge_method": "plain"},
        "invalid_scope": {"scope": "no:such:scope"},
    }.items():
        assert parameters(ask(api, **wrong)) == {"x": "1", "error": error, "state": "s&t"}
    denied = parameters(decide(api, ask(api), "deny"))
    assert denied == {"x": "1", "error": "access_denied", "state": "s&t"}


def test_id_key_page_gives_keys_to_the_signed_address_only(serve: Serve) -> None:
    api = serve()
    known = api.sandbox.credentials["id_key"]
    url = f"{api.sandbox.url}/d2l/auth/api/token"

    def request(target: str, key: str) -> dict[str, str]:
        digest = base64.urlsafe_b64encode(_hmac(target, key)).rstrip(b"=").decode()
        return {"x_a": known["app_id"], "x_b": digest, "x_target": target}

    good = request(CALLBACK, known["app_key"])
    assert "Log in" in requests.get(url, good, timeout=5).text
    end = parameters(requests.post(url, good, timeout=5, allow_redirects=False))
    assert end.pop("x_c")
    assert end == {"x": "1", "x_a": known["user_id"], "x_b": known["user_key"]}
    for wrong in (
        request(CALLBACK, "another key"),
        {**good, "x_target": "http://127.0.0.1:9/other"},
        {**good, "x_a": "another app"},
        request("https://elsewhere.example/", known["app_key"]),
    ):
        for method in (requests.get, requests.post):
            send: Any = method
            assert send(url, wrong, timeout=5, allow_redirects=False).status_code == 403
    assert all("x_b" not in one["query"] for one in api.sandbox.requests)


def _hmac(text: str, key: str) -> bytes:
    import hmac

    return hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()


@pytest.mark.parametrize("path", ["/oauth2/auth", "/d2l/auth/api/token"])
def test_no_other_page_can_send_the_form(serve: Serve, path: str) -> None:
    api = serve()
    headers = {"Origin": "https://evil.example"}
    answer = requests.post(f"{api.sandbox.url}{path}", {}, headers=headers, timeout=5)
    assert answer.status_code == 403
    assert "no other web page" in answer.text
