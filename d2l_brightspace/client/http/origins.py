"""Which addresses may be trusted: this machine, and the one Brightspace that a run talks to.

Links and redirects come from a server, and a host may serve other apps beside Brightspace. So a
credential goes to paths below `/d2l/` of the host that was set, and nowhere else. What cannot be
read in one way only, such as a path with dots behind percent escapes, is not followed.
"""

from __future__ import annotations

import ipaddress
import re
from unicodedata import normalize
from urllib.parse import unquote, urljoin, urlsplit

import idna


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, where plain http gives nothing away."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def ascii_host(host: str) -> str:
    """A host name as it goes over the wire: in lower case, other alphabets as punycode.

    Raises:
        ValueError: If it has no such form.
    """
    return host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()


def within_brightspace(link: str, base: str) -> str | None:
    """The absolute URL that a link on a page leads to; None if credentials must not go there.

    Args:
        link: As it arrived: absolute, relative, or no URL at all.
        base: URL of the page.
    """
    if _CONTROL.search(link):
        return None
    try:
        url = urljoin(base, link)
        same = _origin(url) == _origin(base)
        return url if same and _is_below_d2l(urlsplit(url).path) else None
    except ValueError:
        return None


def is_plain(url: str) -> bool:
    """Whether a URL certainly stays below the one that it begins with: no way up is in it."""
    return _MAY_LEAD_UP.search(url.partition("?")[0]) is None


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("a URL with user information has no origin to trust")
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, ascii_host(parts.hostname or ""), port


def _is_below_d2l(path: str) -> bool:
    """Whether every server reads a path as one below `/d2l/`, however often it decodes it."""
    if not path.startswith(_D2L):
        return False
    for _ in range(_MOST_DECODINGS):
        decoded = normalize("NFKC", unquote(path))
        if decoded == path:
            break
        path = decoded
    else:
        return False
    # "..;x" is a way up for servers that know path parameters, ".. " for those on Windows
    steps = [part.partition(";")[0].strip() for part in re.split(r"[/\\]", path)]
    readable = not _CONTROL.search(path) and _UNDECODABLE not in path
    return readable and not any(step in _DOTS for step in steps)


_D2L = "/d2l/"
_DOTS = (".", "..")
_MOST_DECODINGS = 5
_UNDECODABLE = "\N{REPLACEMENT CHARACTER}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAY_LEAD_UP = re.compile(r"/\.|%|\\|;|[^ -~]")
