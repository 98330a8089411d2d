"""The ways in which a request is refused."""

from __future__ import annotations

import json

from starlette.responses import PlainTextResponse, Response

_PAGE = "http://docs.valence.desire2learn.com/res/apiprop.html"


class RefusedError(Exception):
    """Carries the answer of a refused request."""

    def __init__(self, response: Response) -> None:
        """Remember the answer to send."""
        super().__init__(response.status_code)
        self.response = response


def plain(status: int, text: str = "") -> RefusedError:
    """Refuse with plain text (ID-Key) or with no words at all."""
    return RefusedError(PlainTextResponse(text, status))


def unauthorized() -> RefusedError:
    """Refuse a missing, expired or unknown bearer token; the body is D2L's."""
    return _problem(401, "invalid-token", "Unauthorized", "Couldn't parse token")


def not_authorized(detail: str) -> RefusedError:
    """Refuse for want of a permission, as D2L's problem details have it."""
    return _problem(403, "not-authorized", "Not Authorized", detail)


def insufficient_scope(path: str, required: str) -> RefusedError:
    """Refuse for want of a scope; D2L's own words for this are not published."""
    wanted = " or ".join(required.split())
    detail = f"Insufficient scope to call {path}. Required: {wanted}"
    return _problem(403, "insufficient-scope", "Insufficient Scope", detail)


def invalid_parameters(detail: str) -> RefusedError:
    """Refuse a value that cannot be used; the title is D2L's."""
    return _problem(400, "invalid-parameters", "Invalid Parameters", detail)


def not_found(detail: str) -> RefusedError:
    """Refuse because the thing asked for is not there."""
    return _problem(404, "not-found", "Not Found", detail)


def _problem(status: int, anchor: str, title: str, detail: str) -> RefusedError:
    body = {"type": f"{_PAGE}#{anchor}", "title": title, "status": status, "detail": detail}
    content_type = "application/problem+json; charset=UTF-8"
    return RefusedError(Response(json.dumps(body), status, {"content-type": content_type}))
