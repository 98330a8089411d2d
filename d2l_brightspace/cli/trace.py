"""The trace that `--verbose` shows: where an error came from, with secrets masked."""

from __future__ import annotations

import re
import traceback

from d2l_brightspace.printable import printable_lines

MASK = "***"
_PATTERNS = [
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?(-----END [A-Z ]+-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?"), MASK),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\"]+", re.IGNORECASE), rf"\1 {MASK}"),
    # the query of an address: codes, signatures, and what was searched for
    (re.compile(r"((?:https?://|/d2l/)[^\s'\"?]*\?)[^\s'\")]+"), rf"\1{MASK}"),
    (
        re.compile(
            r"(\b\w*(?:token|secret|password|passphrase|assertion|_key|\bkey|\bcode)['\"]?\s*[=:]\s*)"
            r"(['\"]?)[^\s'\",)}]{6,}",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
]


def masked_trace(error: BaseException) -> str:
    """The trace of an error and of what caused it, without any secret.

    Other values that a message quotes stay, so it may hold a value of a row.
    """
    from d2l_brightspace.dlt_compat.secret_values import secret_values

    return mask("".join(traceback.format_exception(error)), secret_values())


def mask(text: str, secrets: set[str]) -> str:
    """A text without some secrets, and without what looks like one.

    Args:
        text: Any text.
        secrets: What must not be in it.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return printable_lines(text)
