"""The JSON blocks of the tables that are kept in the world.

The same id is a string in one block and a number in another; each is written as D2L does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .jobs import LogLine
from .paging import Block
from .world import Enrollment, LogMessage, Role, Unit, UnitType, User, World


def instant(moment: datetime | None) -> str | None:
    """Write a UTCDateTime."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- org units -----------------------------------------------------------------------------------


def organization(unit: Unit) -> Block:
    """Organization."""
    return {"Identifier": str(unit.unit_id), "Name": unit.name, "TimeZone": "America/Toronto"}


def unit_type(kind: UnitType) -> Block:
    """OrgUnitType."""
    return {
        "Id": kind.type_id,
        "Code": kind.code,
        "Name": kind.name,
        "Description": f"{kind.name} of the sandbox",
        "SortOrder": kind.sort_order,
        "Permissions": {"CanEdit": False, "CanDelete": False},
    }


def unit_type_info(kind: UnitType) -> Block:
    """The Type inside another block."""
    return {"Id": kind.type_id, "Code": kind.code, "Name": kind.name}


def org_unit(unit: Unit) -> Block:
    """OrgUnit, and OrgUnitProperties since 20.25.1."""
    return {
        "Identifier": str(unit.unit_id),
        "Name": unit.name,
        "Code": unit.code,
        "Path": unit.path,
        "Type": unit_type_info(unit.kind),
    }


def course_offering(world: World, unit: Unit) -> Block:
    """CourseOffering."""
    text = f"What {unit.name} is about."
    return {
        "Identifier": str(unit.unit_id),
        "Name": unit.name,
        "Code": unit.code,
        "IsActive": unit.is_active,
        "Path": unit.path,
        "StartDate": instant(unit.starts),
        "EndDate": instant(unit.ends),
        "LocaleId": None,
        "ForceLocale": False,
        "CourseTemplate": _relative(world, unit.template_id),
        "Semester": _relative(world, unit.semester_id),
        "Department": _relative(world, unit.department_id),
        "Description": {"Text": text, "Html": f"<p>{text}</p>"},
        "CanSelfRegister": False,
        "ShowAddressBook": True,
    }


def course_parent(world: World, unit: Unit) -> Block:
    """CourseParent."""
    return {
        "CourseOfferingId": str(unit.unit_id),
        "Semester": _relative(world, unit.semester_id),
        "Department": _relative(world, unit.department_id),
    }


def _relative(world: World, unit_id: int | None) -> Block | None:
    unit = world.units.get(unit_id) if unit_id else None
    if unit is None:
        return None
    return {"Identifier": str(unit.unit_id), "Name": unit.name, "Code": unit.code}


# -- people --------------------------------------------------------------------------------------


def who_am_i(user: User) -> Block:
    """WhoAmIUser."""
    return {
        "Identifier": str(user.user_id),
        "FirstName": user.first_name,
        "LastName": user.last_name,
        "UniqueName": user.user_name,
        "ProfileIdentifier": user.profile_id,
        "Pronouns": user.pronouns,
    }


def user_data(world: World, user: User) -> Block:
    """UserData."""
    return {
        "OrgId": world.organization.unit_id,
        "UserId": user.user_id,
        "FirstName": user.first_name,
        "MiddleName": user.middle_name,
        "LastName": user.last_name,
        "UserName": user.user_name,
        "ExternalEmail": user.email,
        "OrgDefinedId": user.org_defined_id,
        "UniqueIdentifier": user.user_name,
        "Activation": {"IsActive": user.is_active},
        "DisplayName": user.display_name,
        "LastAccessedDate": instant(user.last_accessed),
        "Pronouns": user.pronouns,
        "FirstLoginDate": None,
    }


def role(role: Role) -> Block:
    """Role."""
    return {
        "Identifier": str(role.role_id),
        "DisplayName": role.name,
        "Code": role.code,
        "Description": f"{role.name} of the sandbox",
        "RoleAlias": "",
        "IsCascading": False,
        "AccessFutureCourses": not role.show_in_grades,
        "AccessInactiveCourses": not role.show_in_grades,
        "AccessPastCourses": True,
        "ShowInGrades": role.show_in_grades,
        "ShowInUserProgress": role.show_in_grades,
        "InClassList": role.in_class_list,
    }


# -- enrollments ---------------------------------------------------------------------------------


def role_info(role: Role) -> Block:
    """RoleInfo."""
    return {"Id": role.role_id, "Code": role.code, "Name": role.name}


def org_unit_user(world: World, row: Enrollment) -> Block:
    """OrgUnitUser."""
    user = world.users[row.user_id]
    return {
        "User": {
            "Identifier": str(user.user_id),
            "DisplayName": user.display_name,
            "EmailAddress": user.email,
            "OrgDefinedId": user.org_defined_id,
            "ProfileBadgeUrl": None,
            "ProfileIdentifier": user.profile_id,
            "UserName": user.user_name,
        },
        "Role": role_info(world.roles[row.role_id]),
    }


def user_org_unit(world: World, row: Enrollment, origin: str) -> Block:
    """UserOrgUnit."""
    return {
        "OrgUnit": _org_unit_info(world.units[row.unit_id], origin),
        "Role": role_info(world.roles[row.role_id]),
        "IsCascading": False,
        "EnrolledByUserId": None,
        "EnrolledByUserDate": None,
    }


def my_org_unit(world: World, row: Enrollment, origin: str) -> Block:
    """MyOrgUnitInfo."""
    unit, role = world.units[row.unit_id], world.roles[row.role_id]
    return {
        "OrgUnit": _org_unit_info(unit, origin),
        "Access": {
            "IsActive": unit.is_active,
            "StartDate": instant(unit.starts),
            "EndDate": instant(unit.ends),
            "CanAccess": unit.unit_id not in world.forbidden,
            "ClasslistRoleName": role.name,
            "LISRoles": [],
            "LastAccessed": instant(row.last_accessed),
        },
        "PinDate": None,
    }


def classlist_user(world: World, row: Enrollment) -> Block:
    """ClasslistUser; the name is spelled `Username` here and `UserName` elsewhere."""
    user, role = world.users[row.user_id], world.roles[row.role_id]
    return {
        "Identifier": str(user.user_id),
        "ProfileIdentifier": user.profile_id,
        "DisplayName": user.display_name,
        "Username": user.user_name,
        "OrgDefinedId": user.org_defined_id,
        "Email": user.email,
        "FirstName": user.first_name,
        "LastName": user.last_name,
        "RoleId": role.role_id,
        "LastAccessed": instant(row.last_accessed),
        "IsOnline": False,
        "ClasslistRoleDisplayName": role.name,
        "Pronouns": user.pronouns,
    }


def _org_unit_info(unit: Unit, origin: str) -> Block:
    return {
        "Id": unit.unit_id,
        "Type": unit_type_info(unit.kind),
        "Name": unit.name,
        "Code": unit.code,
        "HomeUrl": f"{origin}/d2l/home/{unit.unit_id}",
        "ImageUrl": None,
    }


# -- log -----------------------------------------------------------------------------------------


def log_message(world: World, message: LogMessage, *, traces: bool) -> Block:
    """Message; traces come only when asked for."""
    trace = f"at {message.assembly}.Invented()" if traces else None
    return {
        "LogMessageId": message.message_id,
        "LogLevel": message.level,
        "MessageTimestamp": instant(message.at),
        "ExceptionMessage": message.exception,
        "MachineName": "SANDBOX01",
        "ProcessName": "w3wp",
        "ProcessStartTime": None,
        "LoggerAssembly": message.assembly,
        "LoggerType": f"{message.assembly}.Logger",
        "ExceptionStackTrace": trace if message.exception else None,
        "ExceptionType": _exception_type(message),
        "DeveloperMessage": message.text,
        "StackTrace": trace,
        "MessageGroupId": message.group_id,
        "UserId": message.user_id,
        "OrgId": world.organization.unit_id,
        "OrgUnitId": message.unit_id,
    }


def by_group(messages: Iterable[LogMessage]) -> dict[int, list[LogMessage]]:
    """Put messages together by their group."""
    groups: dict[int, list[LogMessage]] = {}
    for message in messages:
        groups.setdefault(message.group_id, []).append(message)
    return groups


def log_message_group(newest: LogMessage, count: int) -> Block:
    """MessageGroupSummary, told by the newest message of the group."""
    return {
        "LogMessageId": newest.message_id,
        "LogLevel": newest.level,
        "DeveloperMessage": newest.text,
        "LoggerAssembly": newest.assembly,
        "LoggerType": f"{newest.assembly}.Logger",
        "ExceptionAssembly": newest.assembly if newest.exception else "",
        "ExceptionType": _exception_type(newest),
        "ExceptionMessage": newest.exception,
        "MessageGroupId": newest.group_id,
        "MessageCount": count,
        "UserId": newest.user_id,
        "OrgUnitId": newest.unit_id,
    }


def import_course_log(line: LogLine) -> Block:
    """ImportCourseLog."""
    return {
        "LogId": line.log_id,
        "ConversionImportJobId": line.job_number,
        "OperationTypeId": 1,
        "LogDateTime": instant(line.at),
        "Message": line.message,
        "TypeId": line.type_id,
    }


def _exception_type(message: LogMessage) -> str:
    return "System.InventedException" if message.exception else ""
