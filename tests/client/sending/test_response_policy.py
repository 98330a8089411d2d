from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import Any

import pytest
import requests

from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RequestContext,
    ServiceUnavailable,
)
from d2l_brightspace.client.sending.response_policy import (
    Accept,
    CorrectClock,
    Fail,
    Outcome,
    RenewCredential,
    Retry,
    Wait,
    classify,
)
from tests import FIXTURES

PROBLEMS = json.loads((FIXTURES / "problem-details.json").read_text())
WHERE = RequestContext("le/(version)/(orgUnitId)/classlist/paged/", 6606)
SCOPE = "enrollment:orgunit:read"
CANARY = "canary-0451"
JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = f"<html><body>{CANARY}</body></html>".encode()


def outcome(
    status: int,
    body: Any = b"",
    headers: dict[str, str] | None = None,
    *,
    scope: str | None = None,
    request: requests.Request | None = None,
) -> Outcome:
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response.headers.update(headers or {})
    if request is not None:
        response.request = request.prepare()
    return classify(response, WHERE, scope)


def failed(result: Outcome, kind: type[BrightspaceError]) -> BrightspaceError:
    """The error of a `Fail`, which says where it happened."""
    assert isinstance(result, Fail)
    assert type(result.error) is kind
    assert result.error.context is not None
    assert result.error.context.route == WHERE.route
    assert result.error.context.org_unit_id == 6606
    assert CANARY not in str(result.error)
    return result.error


def detail_of(result: Outcome) -> str | None:
    assert isinstance(result, (Fail, Retry, RenewCredential))
    assert result.error.context is not None
    return result.error.context.detail


# --- answers to take ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        JSON,
        {"Content-Type": "application/json"},
        {"content-type": "APPLICATION/JSON"},
        {"Content-Type": "application/problem+json"},
        {"Content-Type": "text/json"},
        {},
    ],
    ids=lambda headers: str([*headers.values()]),
)
@pytest.mark.parametrize("body", [{"Items": []}, [], {}, None, 7], ids=json.dumps)
def test_json_is_taken(body: Any, headers: dict[str, str]) -> None:
    assert outcome(200, body, headers) == Accept(body)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert outcome(200, b"\xef\xbb\xbf[1]", JSON) == Accept([1])


def test_of_a_key_that_comes_twice_the_last_is_taken() -> None:
    assert outcome(200, b'{"a": 1, "a": 2}', JSON) == Accept({"a": 2})


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize("body", [b"", b"  \r\n"], ids=["empty", "blank"])
def test_an_empty_answer(status: int, body: bytes) -> None:
    error = failed(outcome(status, body, JSON), ProtocolError)
    assert "empty" in str(error)
    assert f"status {status}" in str(error)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (HTML, {"Content-Type": "text/html"}),
        (HTML, JSON),
        (HTML, {}),
        (b"\n <!DOCTYPE html>" + HTML, {}),
        (b'{"Items": []}', {"Content-Type": "text/html; charset=utf-8"}),
    ],
    ids=["HTML", "HTML as JSON", "no type", "doctype", "JSON as HTML"],
)
def test_a_page_in_place_of_json(body: bytes, headers: dict[str, str]) -> None:
    assert "HTML page" in str(failed(outcome(200, body, headers), ProtocolError))


@pytest.mark.parametrize("content_type", ["text/csv", "application/zip", "text/plain"])
def test_a_foreign_content_type(content_type: str) -> None:
    result = outcome(200, b"[]", {"Content-Type": f"{content_type}; charset=utf-8"})
    assert f"The answer is {content_type}, not JSON" in str(failed(result, ProtocolError))


@pytest.mark.parametrize(
    "body",
    [
        b'{"Items": [{"Email": "canary-0451',
        b'[{"canary-0451": NaN}]',
        b'["canary-0451", 1e400]',
        b'["canary-0451\xff"]',
        b"canary-0451",
        b"[1] [2]",
        b"[" * 100_000,
    ],
    ids=["cut short", "NaN", "1e400", "no UTF-8", "text", "two values", "deep"],
)
def test_invalid_json_is_asked_for_again(body: bytes) -> None:
    result = outcome(200, body, JSON)
    assert isinstance(result, Retry)
    assert type(result.error) is ProtocolError
    assert "no valid JSON" in str(result.error)
    assert CANARY not in str(result.error)


# --- refusals -----------------------------------------------------------------------------------


def test_a_refused_token_is_renewed() -> None:
    result = outcome(401, PROBLEMS["invalid_token"])
    assert isinstance(result, RenewCredential)
    assert type(result.error) is AuthenticationError
    assert detail_of(result) == "Invalid Token, Token expired"


@pytest.mark.parametrize(
    "body",
    [
        b"Timestamp out of range 1700000123",
        b"Timestamp out of range\r\n1700000123",
        b'{"Errors":[{"Message":"timestamp out of range 1700000123"}]}',
    ],
    ids=["text", "two lines", "JSON"],
)
def test_a_clock_that_is_off_is_corrected(body: bytes) -> None:
    result = outcome(403, body)
    assert isinstance(result, CorrectClock)
    assert result.server_time == 1_700_000_123
    assert type(result.error) is AuthenticationError


@pytest.mark.parametrize("body", [b"Invalid token", b"invalid token", b"Token expired"])
def test_keys_that_are_refused_end_the_run(body: bytes) -> None:
    assert "log in again" in str(failed(outcome(403, body), AuthenticationError))


def test_a_missing_permission_is_named() -> None:
    error = failed(outcome(403, PROBLEMS["permission"], scope=SCOPE), PermissionDenied)
    assert "lacks the permission Quizzing.GradeAttempts" in error.message
    assert error.context is not None
    assert error.context.status == 403
    codes = "Not Authorized, orgUnitId: 100, securityVariableName: Quizzing.GradeAttempts"
    assert error.context.detail == codes
    assert isinstance(error, PermissionDenied)
    assert not error.is_about_scope


def test_a_missing_scope_is_named() -> None:
    body = {"title": "Forbidden", "detail": "Insufficient scope to call this"}
    error = failed(outcome(403, body, scope=SCOPE), PermissionDenied)
    assert f"lacks the OAuth scope {SCOPE}" in error.message
    assert isinstance(error, PermissionDenied)
    assert error.is_about_scope


@pytest.mark.parametrize("body", [b"", HTML, b"[]", b"{}"], ids=["empty", "HTML", "array", "{}"])
@pytest.mark.parametrize("scope", [None, SCOPE])
def test_forbidden_without_a_reason(body: bytes, scope: str | None) -> None:
    result = outcome(403, body, scope=scope)
    error = failed(result, PermissionDenied)
    assert "may not read this" in error.message
    assert (scope or "OAuth") in error.message if scope else "OAuth" not in error.message
    assert detail_of(result) is None


def test_not_found() -> None:
    result = outcome(404, {"title": "Resource Not Found", "status": 404})
    assert "status 404" in str(failed(result, NotFound))
    assert detail_of(result) == "Resource Not Found"


@pytest.mark.parametrize("status", [304, 400, 405, 409, 415])
def test_other_refusals(status: int) -> None:
    assert f"status {status}" in str(failed(outcome(status, PROBLEMS["errors"]), ProtocolError))


def test_the_old_error_block() -> None:
    assert detail_of(outcome(400, PROBLEMS["errors"])) == "Invalid Parameters"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
@pytest.mark.parametrize("body", [b"", HTML], ids=["empty", "HTML"])
def test_server_faults_are_passing(status: int, body: bytes) -> None:
    result = outcome(status, body)
    assert isinstance(result, Retry)
    assert type(result.error) is ServiceUnavailable
    assert f"status {status}" in str(result.error)
    assert CANARY not in str(result.error)


# --- waiting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"retry-after": "0"}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"X-Rate-Limit-Reset": "12"}, 12),
        ({"Retry-After": "3", "X-Rate-Limit-Reset": "12"}, 3),
        ({"Retry-After": "soon", "X-Rate-Limit-Reset": "12"}, 12),
        ({}, None),
    ],
    ids=str,
)
def test_too_many_requests(headers: dict[str, str], seconds: float | None) -> None:
    assert outcome(429, b"", headers) == Wait(seconds)


def test_a_date_to_wait_for() -> None:
    result = outcome(429, b"", {"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    assert isinstance(result, Wait)
    assert result.seconds is not None
    assert 90 < result.seconds <= 100


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "1e400", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"]
)
def test_a_wait_that_is_no_number(value: str) -> None:
    assert outcome(429, b"", {"Retry-After": value}) == Wait(None)
    assert outcome(429, b"", {"Retry-After": value, "X-Rate-Limit-Reset": "7"}) == Wait(7)


def test_a_download_quota_is_waited_for() -> None:
    assert outcome(403, b"", {"Retry-After": "60"}) == Wait(60)


def test_a_revoked_key_is_no_quota() -> None:
    failed(outcome(403, b"Invalid token", {"Retry-After": "60"}), AuthenticationError)


# --- of Brightspace's own words, only codes ------------------------------------------------------


def test_words_of_a_successful_answer_are_none() -> None:
    assert detail_of(outcome(200, b"{", JSON)) is None


def test_a_content_type_that_is_none_is_not_quoted() -> None:
    error = failed(outcome(200, b"7", {"Content-Type": f"\x1b]0;{CANARY}"}), ProtocolError)
    assert "of an unreadable content type" in error.message
