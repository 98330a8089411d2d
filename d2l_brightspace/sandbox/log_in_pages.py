"""The pages on which a person logs in: consent for OAuth2, and the log-in of ID-Key.

Nobody has a password here: whoever clicks is the caller.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from .access import is_signature_of
from .authorization_codes import AuthorizationError
from .loopback import is_local
from .state import State

_SIGNED = ("x_a", "x_b", "x_target")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # a page without any referrer sends its form with an unknown origin, which is refused here
    "Referrer-Policy": "same-origin",
}


def log_in_routes(state: State) -> list[Route]:
    """Return the routes that a browser opens."""
    consent, log_in = ConsentPage(state), IdKeyPage(state)
    return [
        Route("/oauth2/auth", consent.show, methods=["GET"]),
        Route("/oauth2/auth", consent.answer, methods=["POST"]),
        Route("/d2l/auth/api/token", log_in.show, methods=["GET"]),
        Route("/d2l/auth/api/token", log_in.answer, methods=["POST"]),
    ]


class ConsentPage:
    """Serves /oauth2/auth."""

    def __init__(self, state: State) -> None:
        """Answer with the codes of the state."""
        self._codes, self._client_id = state.codes, state.keyring.web_client_id

    async def show(self, request: Request) -> Response:
        """Show what the application wants."""
        try:
            name, asked = self._codes.ask(request.query_params)
        except AuthorizationError as error:
            return _page("Request refused", _paragraph(str(error)), 400)
        if asked.error is not None:
            return _redirect(asked.back(error=asked.error))
        scopes = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in asked.scope.split())
        return _page(
            "Allow access?",
            f"<p>The application <code>{escape(self._client_id)}</code> asks for:</p>"
            f"<ul id='scopes'>{scopes}</ul>"
            + _form({"request": name}, ("allow", "Allow"), ("deny", "Deny")),
        )

    async def answer(self, request: Request) -> Response:
        """Send the browser back with the person's answer."""
        fields = await _fields(request)
        try:
            allowed = fields.get("decision") == "allow"
            return _redirect(self._codes.decide(fields.get("request", ""), allowed=allowed))
        except AuthorizationError as error:
            return _page("Request refused", _paragraph(str(error)), 400)


class IdKeyPage:
    """Serves /d2l/auth/api/token: `x_b` signs the address that gets user id and key."""

    def __init__(self, state: State) -> None:
        """Answer with the keys of the state."""
        self._keyring = state.keyring

    async def show(self, request: Request) -> Response:
        """Show who wants to act for the person."""
        query = dict(request.query_params)
        if not self._is_signed(query):
            return _page("Invalid token", _paragraph("x_a, x_b or x_target is wrong."), 403)
        kept = {str(name): query[name] for name in _SIGNED}
        return _page(
            "Log in",
            f"<p>The application <code>{escape(query['x_a'])}</code> wants to act for you.</p>"
            + _form(kept, ("allow", "Log in")),
        )

    async def answer(self, request: Request) -> Response:
        """Send the browser back with the user's id and key."""
        fields = await _fields(request)
        if not self._is_signed(fields):
            return _page("Invalid token", _paragraph("x_a, x_b or x_target is wrong."), 403)
        # of x_c only its name is documented: a "user identity signature"
        keys = {
            "x_a": self._keyring.user_id,
            "x_b": self._keyring.user_key,
            "x_c": secrets.token_urlsafe(32),
        }
        mark = "&" if urlsplit(fields["x_target"]).query else "?"
        return _redirect(f"{fields['x_target']}{mark}{urlencode(keys)}")

    def _is_signed(self, query: Mapping[str, str]) -> bool:
        target = query.get("x_target", "")
        signed = is_signature_of(target, self._keyring.app_key, query.get("x_b", ""))
        return query.get("x_a") == self._keyring.app_id and signed and is_local(target)


async def _fields(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _redirect(url: str) -> Response:
    return RedirectResponse(url, 303, _HEADERS)


def _page(title: str, body: str, status: int = 200) -> Response:
    head = f"<meta charset='utf-8'><title>{title} - sandbox</title>"
    page = f"<!doctype html><html lang='en'>{head}<h1>{title}</h1>{body}</html>"
    return HTMLResponse(page, status, _HEADERS)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _form(hidden: Mapping[str, str], *buttons: tuple[str, str]) -> str:
    kept = "".join(
        f"<input type='hidden' name='{name}' value='{escape(value)}'>"
        for name, value in hidden.items()
    )
    pressed = " ".join(
        f"<button name='decision' value='{value}'>{text}</button>" for value, text in buttons
    )
    who = "<p><label>User name <input name='user' value='sandbox.caller' required></label></p>"
    return f"<form method='post'>{who}{kept}{pressed}</form>"
