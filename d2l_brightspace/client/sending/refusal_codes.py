"""What may be passed on of Brightspace's words on an error: codes, and never a person.

The words are D2L's, an administrator's or a plug-in's, and have quoted names, student numbers,
telephone numbers and IP addresses. They end in messages, logs and a table, so only what is known to
be harmless leaves: what is missing (a permission, a scope), the org unit, and D2L's fixed titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from d2l_brightspace.client.http.messages import HttpResponse
from d2l_brightspace.client.json_codec import decode


def refusal_codes(response: HttpResponse) -> str | None:
    """The codes in the body of an error, in the order they come; None where there are none."""
    if response.status_code < 400:
        return None
    found = _KNOWN.findall(" ".join(_words(response))[:_READ_CHARACTERS])
    once = {" ".join(one.split()).lower(): " ".join(one.split()) for one in reversed(found)}
    return ", ".join(reversed(once.values())) or None


def _words(response: HttpResponse) -> Iterable[str]:
    text = response.text[:_READ_CHARACTERS]
    try:
        block = decode(text.encode())
    except (ValueError, RecursionError):
        # what claims to be JSON and is none may be a piece of anybody's record
        is_json = "json" in response.headers.get("Content-Type", "").lower()
        return [] if is_json or text.lstrip().startswith("<") else [text]
    if not isinstance(block, dict):
        return []
    errors = block.get("Errors")
    if isinstance(errors, list):
        return [str(error.get("Message") or "") for error in errors if isinstance(error, dict)]
    return [str(block.get(name) or "") for name in ("title", "detail")]


_TITLES = (
    "not authorized|unauthorized|forbidden|invalid parameters?|bad request|invalid token"
    "|token expired|couldn't parse token|timestamp out of range|insufficient scope"
    "|resource not found|not found|method not allowed|unsupported media type"
    "|internal server error|service unavailable|scope"
)
"""Seen in D2L's pages (`res/apiprop`, "Error Reporting") and in answers, or HTTP's own."""
_KNOWN = re.compile(
    r"\bsecurityVariableName:\s*[a-z][\w.]{0,99}"
    r"|\borgUnitId:\s*[0-9]{1,12}\b"
    r"|\b[a-z_]{2,40}:[a-z_*]{1,40}:(?:\*|(?:create|read|update|delete|write|manage|fetch|download)\b)"
    rf"|\b(?:{_TITLES})\b",
    re.IGNORECASE | re.ASCII,
)
_READ_CHARACTERS = 10_000
