"""What is passed on of Brightspace's words on an error: codes, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from d2l_brightspace.client.http.messages import Headers, HttpResponse
from d2l_brightspace.client.sending.refusal_codes import refusal_codes
from tests import FIXTURES

PROBLEMS = json.loads((FIXTURES / "problem-details.json").read_text())


def codes(body: Any, status: int = 403, content_type: str = "") -> str | None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = Headers([("Content-Type", content_type)])
    return refusal_codes(HttpResponse(status, headers, data))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            PROBLEMS["permission"],
            "Not authorized, orgUnitId: 100, securityVariableName: Quizzing.GradeAttempts",
        ),
        (PROBLEMS["invalid_token"], "Invalid Token, Token expired"),
        (PROBLEMS["errors"], "Invalid Parameters"),
        (
            {"title": "Forbidden", "detail": "Insufficient scope. Required: core:*:*"},
            "Forbidden, Insufficient scope, core:*:*",
        ),
        ({"detail": "This needs users:userdata:read"}, "users:userdata:read"),
        (b"Timestamp out of range\r\n1700000123", "Timestamp out of range"),
        ({"title": "Not Found", "detail": "not  found"}, "Not Found"),
    ],
    ids=["permission", "token", "old block", "scope", "its name", "plain text", "once"],
)
def test_what_is_known_is_passed_on(body: Any, found: str) -> None:
    assert (codes(body) or "").lower() == found.lower()


PERSONAL = (
    "Ada Byron (ada.byron@example.edu, ada.byron, student 20261234, +44 20 7946 0018) "
    "at 192.0.2.17 or 2001:db8::17 may not see Grace O'Hara; orgUnitId: Ada, "
    "securityVariableName: 20261234, users:ada:byron"
)


@pytest.mark.parametrize(
    "body",
    [
        {"title": PERSONAL, "detail": PERSONAL},
        {"Errors": [{"Message": PERSONAL}, PERSONAL, None]},
        {"Errors": PERSONAL, "instance": PERSONAL, "type": PERSONAL},
        PERSONAL.encode(),
        [PERSONAL],
        PERSONAL,
        b"<html>not found</html>",
        b"7",
    ],
    ids=["problem", "old block", "other fields", "text", "array", "string", "HTML", "number"],
)
def test_no_person_is_passed_on(body: Any) -> None:
    assert codes(body) is None


def test_a_piece_of_json_is_not_searched() -> None:
    assert codes(b'{"LastName": "Forbidden"', content_type="application/problem+json") is None


def test_a_long_body_is_searched_at_its_beginning() -> None:
    assert codes(b"Forbidden " + b"word " * 1_000_000) == "Forbidden"


def test_a_good_answer_has_none() -> None:
    assert codes(b"Forbidden", status=200) is None
