"""The blocks of the ten tables, transcribed from Appendix A of the API reference (November 2026).

Source: `reference/brightspace-api.md`, Appendix A.1 (LP blocks) and A.2 (`ClasslistUser`), in the
order and with the letters of its legend: `n` number, `id` number holding a D2LID, `sid` string
holding a D2LID, `s` string, `b` boolean, `dt` UTC date-time, `[]` array; a dictionary is a
composite. A rich text `rt` is written out as `{Text, Html}`. Nothing here is taken from the
package: a field forgotten there shows as a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Block: TypeAlias = Mapping[str, "str | Block"]

RICH_TEXT: Block = {"Text": "s", "Html": "s"}
ORG_UNIT_TYPE: Block = {"Id": "id", "Code": "s", "Name": "s"}
BASIC_ORG_UNIT: Block = {"Identifier": "sid", "Name": "s", "Code": "s"}

BLOCKS: dict[str, Block] = {
    # ProductVersions
    "versions": {"ProductCode": "s", "LatestVersion": "s", "SupportedVersions": "[]"},
    # OrgUnitProperties; Path since 20.25.1
    "org_units": {
        "Identifier": "sid",
        "Name": "s",
        "Code": "s",
        "Path": "s",
        "Type": ORG_UNIT_TYPE,
    },
    # UserData; FirstLoginDate since 20.26.2
    "users": {
        "OrgId": "id",
        "UserId": "id",
        "FirstName": "s",
        "MiddleName": "s",
        "LastName": "s",
        "UserName": "s",
        "ExternalEmail": "s",
        "OrgDefinedId": "s",
        "UniqueIdentifier": "s",
        "Activation": {"IsActive": "b"},
        "DisplayName": "s",
        "LastAccessedDate": "dt",
        "Pronouns": "s",
        "FirstLoginDate": "dt",
    },
    # CourseOffering; LocaleId and ForceLocale since 20.25.8, ShowAddressBook since 20.26.4
    "courses": {
        "Identifier": "sid",
        "Name": "s",
        "Code": "s",
        "IsActive": "b",
        "Path": "s",
        "StartDate": "dt",
        "EndDate": "dt",
        "LocaleId": "n",
        "ForceLocale": "b",
        "CourseTemplate": BASIC_ORG_UNIT,
        "Semester": BASIC_ORG_UNIT,
        "Department": BASIC_ORG_UNIT,
        "Description": RICH_TEXT,
        "CanSelfRegister": "b",
        "ShowAddressBook": "b",
    },
    # CourseParent
    "parent_courses": {
        "CourseOfferingId": "sid",
        "Semester": BASIC_ORG_UNIT,
        "Department": BASIC_ORG_UNIT,
    },
    # ClasslistUser; `Username`, not `UserName`; Pronouns since 20.25.2
    "classlist": {
        "Identifier": "sid",
        "ProfileIdentifier": "s",
        "DisplayName": "s",
        "Username": "s",
        "OrgDefinedId": "s",
        "Email": "s",
        "FirstName": "s",
        "LastName": "s",
        "RoleId": "id",
        "LastAccessed": "dt",
        "IsOnline": "b",
        "ClasslistRoleDisplayName": "s",
        "Pronouns": "s",
    },
    # MyOrgUnitInfo
    "my_enrollments": {
        "OrgUnit": {
            "Id": "id",
            "Type": ORG_UNIT_TYPE,
            "Name": "s",
            "Code": "s",
            "HomeUrl": "s",
            "ImageUrl": "s",
        },
        "Access": {
            "IsActive": "b",
            "StartDate": "dt",
            "EndDate": "dt",
            "CanAccess": "b",
            "ClasslistRoleName": "s",
            "LISRoles": "[]",
            "LastAccessed": "dt",
        },
        "PinDate": "dt",
    },
    # OrgUnitUser with its User block (UserName is newer)
    "enrollments": {
        "User": {
            "Identifier": "sid",
            "DisplayName": "s",
            "EmailAddress": "s",
            "OrgDefinedId": "s",
            "ProfileBadgeUrl": "s",
            "ProfileIdentifier": "s",
            "UserName": "s",
        },
        "Role": {"Id": "id", "Code": "s", "Name": "s"},
    },
    # Logging.Message
    "log_messages": {
        "LogMessageId": "id",
        "LogLevel": "s",
        "MessageTimestamp": "dt",
        "ExceptionMessage": "s",
        "MachineName": "s",
        "ProcessName": "s",
        "ProcessStartTime": "dt",
        "LoggerAssembly": "s",
        "LoggerType": "s",
        "ExceptionStackTrace": "s",
        "ExceptionType": "s",
        "DeveloperMessage": "s",
        "StackTrace": "s",
        "MessageGroupId": "id",
        "UserId": "id",
        "OrgId": "id",
        "OrgUnitId": "id",
    },
    # Logging.MessageGroupSummary
    "log_message_groups": {
        "LogMessageId": "id",
        "LogLevel": "s",
        "DeveloperMessage": "s",
        "LoggerAssembly": "s",
        "LoggerType": "s",
        "ExceptionAssembly": "s",
        "ExceptionType": "s",
        "ExceptionMessage": "s",
        "MessageGroupId": "id",
        "MessageCount": "n",
        "UserId": "id",
        "OrgUnitId": "id",
    },
}

PARENT_FIELDS = {"classlist": {"org_unit_id": "id"}, "enrollments": {"org_unit_id": "id"}}
"""What the loader adds because the block does not name its org unit (reference, section 6)."""

DATA_TYPES = {
    "id": "bigint",
    "sid": "bigint",
    "n": "bigint",  # every number of these blocks is whole
    "s": "text",
    "b": "bool",
    "dt": "timestamp",
    "[]": "json",
}
"""What each letter of the legend is stored as (DESIGN, rule 11)."""

_SAMPLES: dict[str, Any] = {
    "id": 6606,
    "sid": "6606",
    "n": 7,
    "s": "some text",
    "b": True,
    "dt": "2026-11-22T04:44:00.000Z",
    "[]": ["a", "b"],
}


def fields(table: str) -> dict[str, str]:
    """Every field of a table as `Parent__Field`, with its letter of the legend."""
    return PARENT_FIELDS.get(table, {}) | dict(_flat(BLOCKS[table]))


def sample_row(table: str) -> dict[str, Any]:
    """A row as Brightspace would send it, ids as strings where it sends strings."""
    added = {field: _SAMPLES[letter] for field, letter in PARENT_FIELDS.get(table, {}).items()}
    return added | _sample(BLOCKS[table])


def _flat(block: Block, prefix: str = "") -> Iterator[tuple[str, str]]:
    for field, kind in block.items():
        if isinstance(kind, str):
            yield prefix + field, kind
        else:
            yield from _flat(kind, f"{prefix}{field}__")


def _sample(block: Block) -> dict[str, Any]:
    return {
        field: _SAMPLES[kind] if isinstance(kind, str) else _sample(kind)
        for field, kind in block.items()
    }
