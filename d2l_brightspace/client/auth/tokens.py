"""Access and refresh tokens: what is known of them, and how they are kept as text."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from typing import Any, TypeGuard

_LEEWAY_SECONDS = 60.0

LOG_IN_AGAIN = (
    "Log in again: `d2l-brightspace login` (without a browser here: `d2l-brightspace login "
    "--paste`). Or set a new `refresh_token` in [sources.d2l_brightspace_source.credentials]; it "
    "wins over the stored one."
)


@dataclass(frozen=True, repr=False)
class AccessToken:
    """An access token and when it stops to work."""

    value: str
    sent_at: float
    """Unix time when the request for it was sent: its life began no earlier than this."""
    expires_at: float | None
    """Unix time; None where Brightspace named none: it is used until it is refused."""

    def is_fresh(self, now: float) -> bool:
        """Whether the token works long enough for another request."""
        if self.expires_at is None:
            return True
        # a quarter at most, so that a token that lives for two seconds is used at all
        return now < self.expires_at - min(_LEEWAY_SECONDS, (self.expires_at - self.sent_at) / 4)


@dataclass(frozen=True, repr=False)
class StoredTokens:
    """What has to outlive a run of the refresh-token scheme."""

    refresh_token: str
    """The newest one."""
    configured: str
    """Fingerprint of the configured refresh token that the newest one takes the place of: it
    descends from it, or was got by a later log-in. That of an empty text where none is configured.
    """
    access_token: AccessToken | None = None

    def to_json(self) -> str:
        """One line of text for a store to keep; it holds secrets."""
        held = self.access_token
        return json.dumps(
            {
                "refresh_token": self.refresh_token,
                "configured": self.configured,
                "access_token": held
                and {
                    "value": held.value,
                    "sent_at": held.sent_at,
                    "expires_at": held.expires_at,
                },
            }
        )

    @classmethod
    def from_json(cls, text: str) -> StoredTokens:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If the text is something else, or its access token cannot be sent; the
                message does not quote it.
        """
        document = json_object(text) or {}
        refresh_token, configured = document.get("refresh_token"), document.get("configured")
        access = document.get("access_token")
        if not (is_text(refresh_token) and is_text(configured)):
            raise ValueError("no stored tokens")
        if access is None:
            return cls(refresh_token, configured)
        if not _is_access_token(access):
            raise ValueError("no stored access token")
        return cls(
            refresh_token,
            configured,
            AccessToken(access["value"], access["sent_at"], access["expires_at"]),
        )


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else."""
    # no exception leaves from here: json's holds the whole text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def claims_of(token: object) -> dict[str, Any] | None:
    """What a JSON Web Token says (RFC 7519), unproven; None where it is none."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return None
    try:
        return json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None


def is_text(value: object) -> TypeGuard[str]:
    """Whether it is a text that holds something."""
    return isinstance(value, str) and bool(value.strip())


def is_sendable(value: object) -> TypeGuard[str]:
    """Whether it is a text that a header can carry.

    http.client refuses line breaks with an error that quotes the whole header. A bearer token is of
    visible ASCII characters (RFC 6750, 2.1).
    """
    return isinstance(value, str) and re.fullmatch("[!-~]+", value) is not None


def positive_seconds(value: object) -> float | None:
    """A positive, finite number, also where it arrives as a string; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _is_access_token(value: object) -> bool:
    # written by `to_json`, so any other shape means damage
    if not isinstance(value, dict) or set(value) != {"value", "sent_at", "expires_at"}:
        return False
    ends = value["expires_at"]
    return (
        is_sendable(value["value"])
        and _is_number(value["sent_at"])
        and (ends is None or _is_number(ends))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
