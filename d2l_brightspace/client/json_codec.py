"""JSON to Python without losing a value on the way.

orjson is fast, but rounds integers of more than 64 bits to floats without a word, and refuses
strings with half a surrogate pair, which JSON allows and some Windows clients write into names.
Bodies that hold such a thing take the slower way.
"""

from __future__ import annotations

import json
from math import isinf
from typing import Any, NoReturn

import orjson


def decode(body: bytes) -> Any:
    """Decode a JSON document.

    Integers of any length stay exact; half a surrogate pair becomes U+FFFD; of a repeated key the
    last value counts.

    Raises:
        ValueError: If it is no JSON (`NaN`, `Infinity` and `1e400` are none), or not UTF-8.
        RecursionError: If it is nested too deep.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if _LONG_NUMBER in body.translate(_EVERY_DIGIT_ZERO):
        return _decode_exactly(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"\\u" not in body:
            raise
        return _decode_exactly(body)


def encode(value: Any) -> str:
    """The JSON text of what `decode` gave.

    Raises:
        RecursionError: If it is nested too deep.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, or more than 254 levels
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _decode_exactly(body: bytes) -> Any:
    value = json.loads(body.decode(), parse_float=_finite, parse_constant=_refuse)
    return _mend(value) if b"\\u" in body else value


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(one) for one in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(one) for key, one in value.items()}
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise ValueError("a number is too large")
    return number


def _refuse(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_EVERY_DIGIT_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * 19
