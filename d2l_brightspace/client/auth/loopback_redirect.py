"""Catches the redirect at the end of a log-in, on this machine only (RFC 8252, 7.3 and 8).

Every program of this machine, and every page in a browser, can call the port. So an answer counts
only where its log-in knows it for its own, whatever else is sent costs little and changes nothing,
and no page that is shown has the answer in its address, where it could be read or leak.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from d2l_brightspace.client.errors import AuthenticationError, ConfigurationError
from d2l_brightspace.client.http.bounded_server import BoundedServer
from d2l_brightspace.client.http.origins import is_loopback

from .authorization_code import redirect_parameters

LOG_IN_SECONDS = 600.0
"""How long a person may take to log in."""
_LONGEST_PAGE_SECONDS = 3.0
_PAGE = (
    "<!doctype html><html lang='en'><meta charset='utf-8'><title>d2l-brightspace</title>"
    "<p>{text}</p></html>"
)
_FINISHED = "Brightspace has answered. You can close this window; the terminal says how it went."
_FOREIGN = "This is not the answer to the log-in that was begun here. Look at the terminal."
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


def can_be_caught(redirect_uri: str) -> bool:
    """Whether a redirect address leads to this machine without TLS, so that it can be caught."""
    parts = urlsplit(redirect_uri)
    # the server below speaks no IPv6
    return parts.scheme == "http" and is_loopback(parts.hostname) and parts.hostname != "::1"


def checked_redirect_uri(value: str) -> str:
    """A redirect address that Brightspace may send the browser to.

    Raises:
        ConfigurationError: If it is none.
    """
    try:
        parts = urlsplit(value)
        whole = bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
        usable = whole and parts.port != 0 and value.isascii() and value.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in value or not (parts.scheme == "https" or can_be_caught(value)):
        raise ConfigurationError(
            "The redirect address is none that can be used: https://…, or http://… on 127.0.0.1. "
            "It has to be registered with the app to the letter. Example: --redirect-uri "
            "https://localhost/brightspace."
        )
    return value


class LoopbackRedirect:
    """Listens while it is entered as a context manager.

    Args:
        redirect_uri: Address on loopback that the browser is sent to.
        address: What the browser is to open.
        is_answer: Whether the parameters of a redirect are the answer to this log-in.

    Raises:
        ConfigurationError: If the port cannot be opened.
    """

    def __init__(
        self, redirect_uri: str, address: str, is_answer: Callable[[Mapping[str, str]], bool]
    ) -> None:
        parts = urlsplit(redirect_uri)
        self._path = parts.path or "/"
        self._address = address
        self._is_answer = is_answer
        self._answer: dict[str, str] = {}
        self._answered, self._shown = threading.Event(), threading.Event()
        port = parts.port or 80
        # nobody else knows this path, so nobody else sees the address behind it
        self._start_path = f"/{secrets.token_urlsafe(9)}"
        self._end_path = f"{self._start_path}/end"
        self.start_url = f"http://{parts.hostname}:{port}{self._start_path}"
        """Leads the browser to the log-in; holds nothing of it."""
        try:
            self._server = BoundedServer(("127.0.0.1", port), _handler(self))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} of this machine cannot be opened ({error.strerror}), so the end of "
                "the log-in could not be caught. Name the port of another registered redirect "
                "address, such as --port 8718, or log in by --paste."
            ) from None

    def __enter__(self) -> LoopbackRedirect:  # noqa: PYI034  # Self is not in Python 3.10
        threading.Thread(
            target=self._server.serve_forever, name="loopback-redirect", daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float = LOG_IN_SECONDS) -> dict[str, str]:
        """The parameters of the redirect.

        Raises:
            AuthenticationError: If none came.
        """
        if not self._answered.wait(seconds):
            raise AuthenticationError(
                f"Nobody came back from the browser within {seconds / 60:g} minutes. Log in again; "
                "where the browser ends at an error of Brightspace's, compare client id and "
                "redirect address with the app in Manage Extensibility; where it runs on another "
                "machine, log in by --paste."
            )
        self._shown.wait(_LONGEST_PAGE_SECONDS)
        return self._answer

    def respond(self, target: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text for what a browser asks for."""
        path, _, query = target.partition("?")
        if _is_same(path, self._start_path):
            return 302, {"Location": self._address}, ""
        if _is_same(path, self._end_path):
            self._shown.set()
            return 200, {}, _FINISHED
        if not _is_same(path, self._path):
            return 404, {}, _FOREIGN
        answer = redirect_parameters(query)
        if not self._is_answer(answer):
            return 400, {}, _FOREIGN
        if not self._answered.is_set():
            self._answer = answer
            self._answered.set()
        return 303, {"Location": self._end_path}, ""


def _handler(redirect: LoopbackRedirect) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a caller that sends nothing must not hold a thread
        server_version, sys_version = "d2l-brightspace", ""

        def do_GET(self) -> None:
            status, headers, text = redirect.respond(self.path)
            page = _PAGE.format(text=text).encode() if text else b""
            self.send_response(status)
            for name, value in {**_HEADERS, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing: the path holds a code or a key."""

    return Handler


def _is_same(path: str, known: str) -> bool:
    return secrets.compare_digest(path.encode(), known.encode())
