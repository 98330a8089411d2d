"""ID-Key signing, Brightspace's legacy log-in.

Four secrets, no log-in request: each URL carries two HMAC signatures and a time stamp. Method, path
and time are signed; host, query, body and headers are not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import unquote_plus, urlencode, urlsplit

from d2l_brightspace.client.http.messages import SignableRequest

_SIGNATURE_PARAMETERS = frozenset({"x_a", "x_b", "x_c", "x_d", "x_t"})
# a skew is learned from whole seconds, so a smaller correction is noise
_SMALLEST_CORRECTION_SECONDS = 1.0


def sign(method: str, path: str, timestamp: int, key: str) -> str:
    """Sign one request with one key.

    Args:
        method: HTTP method, in any case.
        path: Path as it goes over the wire, percent escapes included, without a query.
        timestamp: Unix time in seconds.
        key: Application key or user key.

    Returns:
        The signature as Brightspace expects it in `x_c` (application key) or `x_d` (user key).
    """
    # D2L's SDKs differ in the order of decoding and lower-casing. This is the order of the .NET SDK
    # (`HttpUtility.UrlDecode(path).ToLowerInvariant()`), whose comment says that the LMS checks
    # the decoded path; `UrlDecode` turns "+" into a blank, as `unquote_plus` does.
    return _signature(f"{method.upper()}&{unquote_plus(path).lower()}&{timestamp}", key)


def login_url(site: str, callback: str, app_id: str, app_key: str) -> str:
    """Address where a person logs in; Brightspace then sends user id and key to `callback`.

    Args:
        site: Scheme and host of the Brightspace site, such as `https://school.brightspace.com`.
        callback: Address that receives `x_a` (user id) and `x_b` (user key).
        app_id: Application id.
        app_key: Application key.

    Returns:
        An address that is itself signed: it belongs in a browser, not in a log.
    """
    query = {"x_a": app_id, "x_b": _signature(callback, app_key), "x_target": callback}
    return f"{site}/d2l/auth/api/token?{urlencode(query)}"


def reported_server_time(text: str) -> int | None:
    """Brightspace's own time, in seconds, from the body of the 403 that refuses a signature's."""
    found = _OUT_OF_RANGE.search(text)
    return int(found[1]) if found else None


def without_signature(url: str) -> str:
    """A URL that may be signed as it was before; all other parameters stay byte for byte."""
    address, _, query = url.partition("#")[0].partition("?")
    kept = [pair for pair in query.split("&") if pair and not _is_signature(pair)]
    return f"{address}?{'&'.join(kept)}" if kept else address


def _signature(text: str, key: str) -> str:
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class IdKeyAuthenticator:
    """Signs each request at the moment of sending; safe to share between threads.

    Args:
        app_id: Application id.
        app_key: Application key.
        user_id: User id.
        user_key: User key.
        clock: Unix time in seconds, replaced in tests.
    """

    def __init__(
        self,
        app_id: str,
        app_key: str,
        user_id: str,
        user_key: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app_id = app_id
        self._app_key = app_key
        self._user_id = user_id
        self._user_key = user_key
        self._clock = clock
        self._skew = 0.0
        self._signed = threading.local()

    def authenticate(self, request: SignableRequest) -> None:
        """Replace the signature in the URL; all other parameters stay byte for byte."""
        skew = self._signed.skew = self._skew
        timestamp = round(self._clock() + skew)
        address, _, query = without_signature(request.url or "").partition("?")
        signed = self._query(request, address, timestamp)
        request.url = f"{address}?{'&'.join(filter(None, [query, signed]))}"

    def renew(self, refused: SignableRequest) -> bool:
        """Nothing to renew: a refused user key takes a person to log in again."""
        return False

    def learn_server_time(self, server_time: int) -> bool:
        """Correct the clock by what Brightspace says the time is.

        Returns:
            True if the request that this thread signed last was signed with another time, and so
            is worth another try; also where a second thread has made the correction meanwhile.
        """
        used = getattr(self._signed, "skew", 0.0)
        self._skew = server_time - self._clock()
        return abs(self._skew - used) >= _SMALLEST_CORRECTION_SECONDS

    def _query(self, request: SignableRequest, address: str, timestamp: int) -> str:
        method, path = request.method or "GET", urlsplit(address).path
        return urlencode(
            {
                "x_a": self._app_id,
                "x_c": sign(method, path, timestamp, self._app_key),
                "x_b": self._user_id,
                "x_d": sign(method, path, timestamp, self._user_key),
                "x_t": timestamp,
            }
        )


_OUT_OF_RANGE = re.compile(r"Timestamp out of range\s*([0-9]{1,12})(?![0-9])", re.IGNORECASE)


def _is_signature(pair: str) -> bool:
    return pair.partition("=")[0].lower() in _SIGNATURE_PARAMETERS
