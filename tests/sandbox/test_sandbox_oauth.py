"""The token endpoint and bearer tokens."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .caller import Api, Serve

WHO = "lp/1.50/users/whoami"
REAL_AUDIENCE = "https://auth.brightspace.com/core/connect/token"


def post(api: Api, fields: dict[str, str], **more: Any) -> requests.Response:
    return requests.post(api.sandbox.token_url, data=fields, timeout=5, **more)


def refresh(api: Api, *, by_header: bool = False, **changes: str) -> requests.Response:
    known = {**api.sandbox.credentials["refresh_token"], **changes}
    fields = {"grant_type": "refresh_token", "refresh_token": known["refresh_token"]}
    client = (known["client_id"], known["client_secret"])
    if by_header:
        return post(api, fields, auth=client)
    return post(api, {**fields, "client_id": client[0], "client_secret": client[1]})


def assertion(api: Api, key: Any = None, alg: str = "ES256", kid: str = "", **claims: Any) -> str:
    known = api.sandbox.credentials["service_user"]
    now = int(time.time())
    every = {
        "iss": known["client_id"],
        "sub": known["client_id"],
        "aud": api.sandbox.token_url,
        "iat": now,
        "exp": now + 50,
        "jti": uuid.uuid4().hex,
        **claims,
    }
    every = {name: value for name, value in every.items() if value is not None}
    headers = {"kid": kid or known["key_id"]}
    return jwt.encode(every, key or known["private_key"], alg, headers)


def service(api: Api, signed: str, **changes: str) -> requests.Response:
    fields = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed,
        "scope": api.sandbox.credentials["service_user"]["scope"],
        **changes,
    }
    return post(api, fields)


@pytest.mark.parametrize("by_header", [True, False])
def test_refresh_gives_a_working_token_and_rotates(serve: Serve, by_header: bool) -> None:
    api = serve()
    first = api.sandbox.credentials["refresh_token"]["refresh_token"]
    answer = refresh(api, by_header=by_header)
    body = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert api.get(WHO, body["access_token"]).status_code == 200
    assert body["refresh_token"] == api.sandbox.credentials["refresh_token"]["refresh_token"]
    again = refresh(api, by_header=by_header, refresh_token=first)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(api, by_header=by_header).status_code == 200


@pytest.mark.parametrize(("by_header", "status"), [(True, 401), (False, 400)])
def test_refresh_with_wrong_secret_does_not_use_up_the_token(
    serve: Serve, by_header: bool, status: int
) -> None:
    api = serve()
    answer = refresh(api, by_header=by_header, client_secret="wrong")
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_client")
    assert refresh(api).status_code == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
    ],
)
def test_bad_grants(api: Api, fields: dict[str, str], error: str) -> None:
    answer = post(api, fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_token_request_must_be_a_posted_form(api: Api) -> None:
    answer = requests.post(api.sandbox.token_url, json={"grant_type": "x"}, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("audience", [None, REAL_AUDIENCE])
def test_service_user_gets_a_token_without_refresh_token(api: Api, audience: str | None) -> None:
    claims = {"aud": audience} if audience else {}
    body = service(api, assertion(api, **claims)).json()
    assert "refresh_token" not in body
    assert api.get(WHO, body["access_token"]).status_code == 200


def test_an_assertion_is_good_once(api: Api) -> None:
    signed = assertion(api)
    assert service(api, signed).status_code == 200
    again = service(api, signed)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_client")
    assert "jti" in again.json()["error_description"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"aud": "https://elsewhere.example.com/token"},
        {"exp": int(time.time()) - 1},
        {"exp": int(time.time()) + 900},
        {"exp": None},
        {"jti": None},
        {"kid": "unknown"},
    ],
    # not by value: the times differ from one test process to the other
    ids=["issuer", "subject", "audience", "expired", "lives long", "no end", "no id", "other key"],
)
def test_bad_assertions(api: Api, claims: dict[str, Any]) -> None:
    answer = service(api, assertion(api, **claims))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_assertion_signed_by_another_key_or_not_at_all(api: Api) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    for signed in (assertion(api, other), "no.jwt.here", "", jwt.encode({"a": 1}, "", "none")):
        assert service(api, signed).json()["error"] == "invalid_client"


def test_every_documented_algorithm(serve: Serve) -> None:
    api = serve()
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys: dict[str, Any] = dict.fromkeys(("RS256", "RS384", "RS512"), rsa_key)
    keys["ES384"] = ec.generate_private_key(ec.SECP384R1())
    keys["ES512"] = ec.generate_private_key(ec.SECP521R1())
    for alg, key in keys.items():
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        api.sandbox.register_key(alg, public)
        assert service(api, assertion(api, key, alg, alg)).status_code == 200, alg


def test_rsa_service_user(serve: Serve) -> None:
    api = serve(signing_key="rsa")
    assert service(api, assertion(api, alg="RS256")).status_code == 200


def test_granted_scope_is_the_intersection(serve: Serve) -> None:
    api = serve(scopes="users:userdata,profile:read role:detail:read")
    body = service(api, assertion(api), scope="users:profile:* datahub:dataexports:*").json()
    assert body["scope"] == "users:profile:read"
    assert api.get(WHO, body["access_token"]).status_code == 200
    assert api.get("lp/1.50/users/", body["access_token"]).status_code == 403
    nothing = service(api, assertion(api), scope="datahub:dataexports:*")
    assert (nothing.status_code, nothing.json()["error"]) == (400, "invalid_scope")


def test_tokens_expire(serve: Serve) -> None:
    api = serve(token_lifetime=2, bearer_lifetime=10)
    token = refresh(api).json()["access_token"]
    api.sandbox.clock.advance(1)
    assert api.get(WHO, token).status_code == 200
    api.sandbox.clock.advance(2)
    assert api.get(WHO, token).status_code == 401
    assert api.get(WHO).status_code == 200
    api.sandbox.clock.advance(8)
    assert api.get(WHO).status_code == 401


def test_injected_clock_and_revocation(serve: Serve) -> None:
    api = serve(clock=lambda: 1_700_000_000.0)
    assert api.get(WHO).status_code == 200
    api.sandbox.revoke_access_tokens()
    assert api.get(WHO).status_code == 401


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic eDp5", "Whatever x", None])
def test_unknown_token_is_answered_in_d2ls_words(api: Api, header: str | None) -> None:
    answer = api.anonymous(WHO, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json() == {
        "type": "http://docs.valence.desire2learn.com/res/apiprop.html#invalid-token",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Couldn't parse token",
    }


def test_missing_scope_is_403_and_wildcards_count(serve: Serve) -> None:
    api = serve(scopes="users:*:read role:detail:*")
    assert api.get(WHO).status_code == 200
    assert api.get("lp/1.50/roles/").status_code == 200
    for path in ("lp/1.50/outypes/", "lp/1.50/orgstructure/", "lp/1.50/logging/"):
        answer = api.get(path)
        assert answer.status_code == 403
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert "Required: " in answer.json()["detail"]
