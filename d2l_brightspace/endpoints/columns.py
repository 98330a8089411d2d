"""Words for declaring columns: each gives a dlt column hint.

The types are those of Appendix A of D2L's reference: `id` and `sid` (an id in a number or in a
string) are both `bigint`, so that tables join; `dt` is a `timestamp`. A nested object is declared
field by field as `Parent__Field`, a rich text among them (`Description__Text`, `__Html`); an array
stays `json`.

`x-annotation-pii` marks what names a person to a reader: names, pronouns, e-mail addresses, user
names, student numbers, the public profile and its picture, and free text a server writes about
somebody's request. A user id alone is a pseudonym and stays unmarked, so that tables can still be
joined when marked columns are masked.
"""

from __future__ import annotations

from typing import Any, Literal

from dlt.common.schema.typing import TColumnSchema

DataType = Literal["bigint", "text", "bool", "double", "timestamp", "json"]


def _column(
    data_type: DataType, description: str, *, required: bool, pii: bool = False
) -> TColumnSchema:
    hint: dict[str, Any] = {
        "data_type": data_type,
        "nullable": not required,
        "description": description,
    }
    if pii:
        hint["x-annotation-pii"] = True
    return hint  # type: ignore[return-value]  # TColumnSchema has no key for x- hints


def identifier(description: str, *, required: bool = False, pii: bool = False) -> TColumnSchema:
    """A D2LID, whatever JSON type it arrives in."""
    return _column("bigint", description, required=required, pii=pii)


def text(description: str, *, required: bool = False) -> TColumnSchema:
    """A string that names no person."""
    return _column("text", description, required=required)


def personal(description: str) -> TColumnSchema:
    """A string that names a person, or free text that may: marked as personal data."""
    return _column("text", description, required=False, pii=True)


def flag(description: str) -> TColumnSchema:
    """A boolean."""
    return _column("bool", description, required=False)


def count(description: str) -> TColumnSchema:
    """A whole number that is no id."""
    return _column("bigint", description, required=False)


def timestamp(description: str, *, required: bool = False) -> TColumnSchema:
    """A UTCDateTime."""
    return _column("timestamp", description, required=required)


def array(description: str) -> TColumnSchema:
    """A list, kept as JSON."""
    return _column("json", description, required=False)
