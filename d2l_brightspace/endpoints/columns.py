"""Words for declaring columns: each gives a dlt column hint.

The types are those of D2L's reference: an id is a `bigint` whether it arrives as a number or in a
string, so that tables join; a UTCDateTime is a `timestamp`. A nested object is declared field by
field as `Parent__Field`, a rich text among them (`Description__Text`, `__Html`); an array stays
`json`.

Each column has a privacy class, `x-privacy-class`: `none`, or what it says of a person. Those that
`personal` declares also have `x-annotation-pii`: names, pronouns, e-mail addresses, user names,
student numbers, the public profile and its picture, and free text. A user id alone is a pseudonym
and has not, so that tables can still be joined when marked columns are masked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    # declarations are read by commands that need no dlt, and importing it takes a second
    from dlt.common.schema.typing import TColumnSchema

DataType = Literal["bigint", "text", "bool", "double", "timestamp", "json"]
PrivacyClass = Literal[
    "none", "person_key", "name", "contact", "identifier", "free_text", "behaviour", "network"
]


def _column(
    data_type: DataType,
    description: str,
    kind: PrivacyClass,
    *,
    required: bool = False,
    pii: bool = False,
) -> TColumnSchema:
    hint: dict[str, Any] = {
        "data_type": data_type,
        "nullable": not required,
        "description": description,
        "x-privacy-class": kind,
    }
    if pii:
        hint["x-annotation-pii"] = True
    return hint  # type: ignore[return-value]  # TColumnSchema has no key for x- hints


def identifier(
    description: str, *, required: bool = False, kind: PrivacyClass = "none"
) -> TColumnSchema:
    """A D2LID, whatever JSON type it arrives in."""
    return _column("bigint", description, kind, required=required)


def person_key(description: str, *, required: bool = False) -> TColumnSchema:
    """The D2LID of a user: a pseudonym."""
    return _column("bigint", description, "person_key", required=required)


def text(description: str, *, required: bool = False, kind: PrivacyClass = "none") -> TColumnSchema:
    """A string that names no person."""
    return _column("text", description, kind, required=required)


def personal(description: str, *, kind: PrivacyClass) -> TColumnSchema:
    """A string that names a person, or free text that may: marked as personal data."""
    return _column("text", description, kind, pii=True)


def flag(description: str, *, kind: PrivacyClass = "none") -> TColumnSchema:
    """A boolean."""
    return _column("bool", description, kind)


def count(description: str, *, kind: PrivacyClass = "none") -> TColumnSchema:
    """A whole number that is no id."""
    return _column("bigint", description, kind)


def number(description: str, *, kind: PrivacyClass = "none") -> TColumnSchema:
    """A number with decimals."""
    return _column("double", description, kind)


def timestamp(
    description: str, *, required: bool = False, kind: PrivacyClass = "none"
) -> TColumnSchema:
    """A UTCDateTime."""
    return _column("timestamp", description, kind, required=required)


def array(description: str, *, kind: PrivacyClass = "none") -> TColumnSchema:
    """A list, kept as JSON."""
    return _column("json", description, kind)
