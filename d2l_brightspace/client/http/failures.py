"""Why an exchange broke: what urllib3, sockets and OpenSSL say, in words an administrator knows.

Their own messages hold URLs, so none of them is passed on; what they are tells enough.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import urllib3

FailureKind = Literal[
    "no such name",
    "no name server",
    "refused",
    "no route",
    "no connection in time",
    "certificate",
    "no TLS",
    "CA file",
    "proxy refused",
    "proxy unreachable",
    "broken",
]


@dataclass(frozen=True)
class Cause:
    """Why an exchange broke."""

    kind: FailureKind
    text: str
    """For people; without URL or host."""
    remedy: str = ""
    """What cures it, where the kind alone does not tell."""


def cause_of(error: BaseException, connect_seconds: float = 0.0, proxy: str = "") -> Cause:
    """Why an exchange broke.

    Args:
        error: What urllib3 or requests raised.
        connect_seconds: The time that a connection was given, for the text.
        proxy: Host and port of the proxy that was asked; empty where none was.
    """
    chain = list(_chain(error))
    if any(isinstance(one, urllib3.exceptions.ProxyError) for one in chain):
        return _of_proxy(chain, connect_seconds, proxy)
    return _of_connection(chain, connect_seconds) or Cause(
        "broken", f"the connection failed ({type(error).__name__})"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was made of, as far as urllib3 keeps that, the outermost first."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "original_error", None), *one.args]


def _of_proxy(chain: list[BaseException], connect_seconds: float, proxy: str) -> Cause:
    refused = next((_TUNNEL_STATUS.search(str(one)) for one in chain if _is_tunnel(one)), None)
    if refused:
        # a 5xx of a proxy is about what lies behind it, or passes
        kind: FailureKind = "proxy refused" if refused[1] < "500" else "proxy unreachable"
        return Cause(kind, f"the proxy {proxy} answers {refused[1]}")
    found = _of_connection(chain, connect_seconds)
    return Cause("proxy unreachable", f"the proxy {proxy}: {found.text if found else 'it failed'}")


def _is_tunnel(error: BaseException) -> bool:
    return isinstance(error, OSError) and _TUNNEL_STATUS.search(str(error)) is not None


def _of_connection(chain: list[BaseException], connect_seconds: float) -> Cause | None:
    for one in chain:
        if cause := _of_error(one, connect_seconds):
            return cause
    return None


def _of_error(  # noqa: PLR0911  # a table
    error: BaseException, connect_seconds: float
) -> Cause | None:
    if isinstance(error, socket.gaierror):
        return _NO_NAME_SERVER if error.errno == socket.EAI_AGAIN else _NO_SUCH_NAME
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error.verify_code)
    if isinstance(error, urllib3.util.ssl_match_hostname.CertificateError):
        return _of_certificate(_WRONG_NAME)
    if isinstance(error, ssl.SSLError):
        return _of_tls(error.reason)
    if isinstance(error, ConnectionRefusedError):
        return Cause("refused", "the connection was refused")
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not isinstance(
        error, urllib3.exceptions.NewConnectionError
    ):
        return Cause("no connection in time", f"no connection within {connect_seconds:g} s")
    if isinstance(error, TimeoutError) and "handshake" in str(error):
        return Cause("no connection in time", f"no TLS connection within {connect_seconds:g} s")
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return Cause("no connection in time", "the connection timed out")
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return Cause("no route", "there is no route to it")
    if isinstance(error, (FileNotFoundError, IsADirectoryError)):
        return Cause("CA file", "the file of trusted certificates is not there")
    return None


def _of_certificate(code: int) -> Cause:
    for codes, text, remedy in _CERTIFICATES:
        if code in codes:
            return Cause("certificate", text, remedy)
    return Cause("certificate", f"its certificate does not verify (OpenSSL error {code})")


def _of_tls(reason: str | None) -> Cause | None:
    if reason in _NOT_TLS:
        return Cause("no TLS", "what answers there speaks no TLS")
    if reason in _NO_CA:
        return Cause("CA file", "the file of trusted certificates holds none")
    if reason in _OLD_TLS:
        return Cause("no TLS", "what answers there speaks no version of TLS that is safe")
    return None


_NO_SUCH_NAME = Cause("no such name", "there is no such name")
_NO_NAME_SERVER = Cause("no name server", "its name cannot be looked up now")
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: ([0-9]{3})")
_NO_CA = ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "BAD_BASE64_DECODE", "PEM_LIB")
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
)
_OLD_TLS = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION")
_WRONG_NAME, _WRONG_ADDRESS = 62, 64
_CERTIFICATES: tuple[tuple[tuple[int, ...], str, str], ...] = (
    (
        (10,),
        "its certificate has expired",
        "Whoever runs it has to renew it; make sure that this machine's clock is right",
    ),
    (
        (9,),
        "its certificate is not valid yet",
        "Set this machine's clock, which may be behind",
    ),
    (
        (18, 19, 20, 21),
        "its certificate is of an issuer that this machine does not trust (or self-signed)",
        "If your network signs certificates itself, name its CA's file in REQUESTS_CA_BUNDLE",
    ),
    (
        (_WRONG_NAME, _WRONG_ADDRESS),
        "its certificate is for another name",
        "Use the name that Brightspace itself uses",
    ),
    ((23,), "its certificate was revoked", "Whoever runs it has to replace the certificate"),
)
"""By codes of OpenSSL's X509_V_ERR_…, which `ssl` does not name."""
