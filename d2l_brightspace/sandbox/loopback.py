"""Only programs of this machine talk to the sandbox, and it talks to no other machine.

That the port is on loopback keeps other machines out, but not the pages in a browser here: a page
can post to any local port, and by a name that it makes resolve to 127.0.0.1 ("DNS rebinding") read
the answers too. Such requests tell on themselves by `Host` (RFC 9110, 7.2) and `Origin` (RFC 6454,
7), which a page cannot choose.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_PORTS = {"http": 80, "https": 443}


class LoopbackOnly:
    """Refuses requests that were meant for another host, or that come from a web page."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it (ASGI)."""
        refused = _refusal(scope) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine, and nowhere else."""
    return _local_port(url) is not None


def _refusal(scope: Scope) -> Response | None:
    port, headers = scope["server"][1], Headers(scope=scope)
    own_url = f"http://127.0.0.1:{port}"
    hosts = headers.getlist("host")
    if not hosts or any(_local_port(f"http://{host}") != port for host in hosts):
        return PlainTextResponse(f"The sandbox answers at {own_url} and localhost only.", 421)
    if any(_local_port(origin) != port for origin in headers.getlist("origin")):
        return PlainTextResponse("The sandbox answers no other web page.", 403)
    return None


def _local_port(url: str) -> int | None:
    """The port of this machine that a URL leads to; None where it leads elsewhere."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return port if parts.scheme in _PORTS and _is_loopback(parts.hostname or "") else None


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
