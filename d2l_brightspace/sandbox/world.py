"""What the tenant holds, and the ways to change it while the server runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from .jobs import Jobs

START = datetime(2026, 1, 5, 8, 0, tzinfo=timezone.utc)  # every seeded time follows from this one
LOG_LEVELS = ("Debug", "Info", "Warn", "Error", "Fatal")  # LOGLEVEL_T of D2L's res/apiprop.html


@dataclass(frozen=True)
class UnitType:
    """A kind of org unit; the ids are the tenant's own."""

    type_id: int
    code: str
    name: str
    sort_order: int


@dataclass(frozen=True)
class Role:
    """A role of the tenant."""

    role_id: int
    name: str
    code: str | None
    in_class_list: bool
    show_in_grades: bool


@dataclass(frozen=True)
class Unit:
    """An org unit: the organization, a department, a semester, a template or a course offering."""

    unit_id: int
    name: str
    code: str | None
    kind: UnitType
    template_id: int | None = None
    semester_id: int | None = None
    department_id: int | None = None
    is_active: bool = True
    starts: datetime | None = None
    ends: datetime | None = None

    @property
    def path(self) -> str:
        """The folder of the org unit's files."""
        return f"/content/enforced/{self.unit_id}-{self.code or ''}/"


@dataclass(frozen=True)
class User:
    """A person, always an invented one."""

    user_id: int
    first_name: str
    last_name: str
    user_name: str
    email: str | None = None
    org_defined_id: str | None = None
    middle_name: str | None = None
    pronouns: str | None = None
    is_active: bool = True
    last_accessed: datetime | None = None

    @property
    def display_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    @property
    def profile_id(self) -> str:
        """The opaque profile identifier."""
        return f"p{self.user_id:x}Sbx"


@dataclass(frozen=True)
class Enrollment:
    """A user's place in an org unit."""

    unit_id: int
    user_id: int
    role_id: int
    last_accessed: datetime | None = None


@dataclass(frozen=True)
class LogMessage:
    """One entry of the system log."""

    message_id: int
    group_id: int
    level: str
    at: datetime
    text: str
    exception: str
    assembly: str
    user_id: int | None
    unit_id: int | None


@dataclass
class World:
    """The tenant's data. Every change takes the lock that the serving thread also holds."""

    unit_types: dict[str, UnitType]
    roles: dict[int, Role]
    caller_id: int
    next_unit_id: int  # ids only grow: a bookmark goes on after the row it names
    next_user_id: int
    units: dict[int, Unit] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    enrollments: dict[int, dict[int, Enrollment]] = field(default_factory=dict)
    log_messages: list[LogMessage] = field(default_factory=list)
    forbidden: set[int] = field(default_factory=set)
    jobs: Jobs = field(default_factory=lambda: Jobs(1, 0, time.time), repr=False, compare=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    # -- looking ---------------------------------------------------------------------------------

    @property
    def organization(self) -> Unit:
        """The root of the org structure."""
        return next(unit for unit in self.units.values() if self.is_kind(unit, "Organization"))

    @property
    def courses(self) -> list[Unit]:
        """Every course offering, in the order of their ids."""
        with self.lock:
            return [unit for unit in self.units.values() if self.is_kind(unit, "Course Offering")]

    @property
    def course_ids(self) -> list[int]:
        """The ids of every course offering."""
        return [unit.unit_id for unit in self.courses]

    def is_kind(self, unit: Unit | None, code: str) -> bool:
        """Tell whether the org unit is there and has the type with this code."""
        return unit is not None and unit.kind.code == code

    def members(self, org_unit_id: int) -> list[Enrollment]:
        """Everybody enrolled in the org unit, in the order of user ids."""
        with self.lock:
            return [row for _, row in sorted(self.enrollments.get(org_unit_id, {}).items())]

    def class_list(self, org_unit_id: int) -> list[Enrollment]:
        """The members whose role is shown in the class list (Role.InClassList)."""
        return [row for row in self.members(org_unit_id) if self.roles[row.role_id].in_class_list]

    def enrollments_of(self, user_id: int) -> list[Enrollment]:
        """The user's enrollments, in the order of org unit ids."""
        with self.lock:
            found = (rows.get(user_id) for _, rows in sorted(self.enrollments.items()))
            return [row for row in found if row is not None]

    # -- changing --------------------------------------------------------------------------------

    def add_unit(self, name: str, code: str | None, type_code: str, **more: object) -> Unit:
        """Add an org unit; the new one gets the next free id."""
        with self.lock:
            unit = Unit(self.next_unit_id, name, code, self.unit_types[type_code])
            unit = replace(unit, **more)  # type: ignore[arg-type] # checked by the dataclass
            self.next_unit_id += 1
            self.units[unit.unit_id] = unit
            return unit

    def add_course(self, name: str, code: str | None = None, **more: object) -> Unit:
        """Add a course offering in which the caller is enrolled."""
        with self.lock:
            course = self.add_unit(name, code or name.upper(), "Course Offering", **more)
            self.enroll(course.unit_id, self.caller_id, self.role("Administrator").role_id)
            return course

    def remove_course(self, org_unit_id: int) -> None:
        """Take a course and its enrollments away."""
        with self.lock:
            self._must_be_course(org_unit_id)
            del self.units[org_unit_id]
            self.enrollments.pop(org_unit_id, None)
            self.forbidden.discard(org_unit_id)

    def add_user(self, first_name: str, last_name: str, **more: object) -> User:
        """Add a user, who becomes a learner of the organization."""
        with self.lock:
            user_id = self.next_user_id
            user = User(user_id, first_name, last_name, f"{first_name}.{user_id}".lower())
            user = replace(user, **more)  # type: ignore[arg-type] # checked by the dataclass
            self.users[user_id] = user
            self.next_user_id += 1
            self.enroll(self.organization.unit_id, user_id)
            return user

    def remove_user(self, user_id: int) -> None:
        """Take a user away everywhere; the caller cannot be removed."""
        with self.lock:
            if user_id == self.caller_id:
                raise ValueError("the caller cannot be removed")
            del self.users[user_id]
            for rows in self.enrollments.values():
                rows.pop(user_id, None)

    def update_user(self, user_id: int, **changes: object) -> User:
        """Change fields of a user."""
        with self.lock:
            user = replace(self.users[user_id], **changes)  # type: ignore[arg-type] # as above
            self.users[user_id] = user
            return user

    def enroll(self, org_unit_id: int, user_id: int, role_id: int | None = None) -> Enrollment:
        """Enroll a user, as a learner unless another role is named."""
        with self.lock:
            if org_unit_id not in self.units or user_id not in self.users:
                raise KeyError(f"no org unit {org_unit_id} or no user {user_id}")
            role = self.roles[role_id] if role_id else self.role("Learner")
            row = Enrollment(org_unit_id, user_id, role.role_id, self.users[user_id].last_accessed)
            self.enrollments.setdefault(org_unit_id, {})[user_id] = row
            return row

    def unenroll(self, org_unit_id: int, user_id: int) -> None:
        """Take a user out of an org unit."""
        with self.lock:
            del self.enrollments[org_unit_id][user_id]

    def empty_course(self, org_unit_id: int, *, keep_caller: bool = True) -> None:
        """Take everybody out of a course; the caller, who is in no class list, stays by default."""
        with self.lock:
            self._must_be_course(org_unit_id)
            rows = self.enrollments.get(org_unit_id, {})
            kept = {self.caller_id} if keep_caller else set()
            self.enrollments[org_unit_id] = {key: rows[key] for key in kept & rows.keys()}

    def forbid(self, org_unit_id: int) -> None:
        """Let a course answer 403 from now on."""
        with self.lock:
            self._must_be_course(org_unit_id)
            self.forbidden.add(org_unit_id)

    def allow(self, org_unit_id: int) -> None:
        """Let a forbidden course answer again."""
        with self.lock:
            self._must_be_course(org_unit_id)
            self.forbidden.discard(org_unit_id)

    def end_job(self, token: str, status: str) -> None:
        """End an import or copy job now, whereupon its callback is called."""
        with self.lock:
            self.jobs.end(token, status)

    def add_log_messages(self, count: int, at: datetime | None = None) -> list[LogMessage]:
        """Write more log messages: all at the given moment, or a minute after another."""
        with self.lock:
            added = list(self._log_messages(count, at))
            self.log_messages += added
            return added

    # -- helpers ---------------------------------------------------------------------------------

    def role(self, name: str) -> Role:
        """Return the role with this name."""
        return next(role for role in self.roles.values() if role.name == name)

    def _must_be_course(self, org_unit_id: int) -> None:
        if not self.is_kind(self.units.get(org_unit_id), "Course Offering"):
            raise KeyError(f"no course offering {org_unit_id}")

    def _log_messages(self, count: int, at: datetime | None) -> Iterator[LogMessage]:
        first = self.log_messages[-1].message_id + 1 if self.log_messages else 98_765
        last = max((message.at for message in self.log_messages), default=START)
        users, units = list(self.users), list(self.units)
        for index in range(count):
            number = first + index
            yield LogMessage(
                message_id=number,
                group_id=500 + number % 23,
                level=LOG_LEVELS[number * 7 % len(LOG_LEVELS)],
                at=at or last + _distance(index),
                text=f"Sandbox message {number}",
                exception="" if number % 3 else "The sandbox made this up",
                assembly=f"D2L.Sandbox.{'LP' if number % 2 else 'LE'}",
                user_id=users[number % len(users)] if number % 4 else None,
                unit_id=units[number % len(units)] if number % 5 else None,
            )


def _distance(index: int) -> timedelta:
    # Pairs share one moment and every 17th message was written late: its id is higher than its
    # time, as happens on a system of several machines. A cursor that only looks at > last loses it.
    late = timedelta(seconds=90) if index % 17 == 16 else timedelta()
    return timedelta(minutes=1 + index // 2, milliseconds=index // 2 * 7 % 1000) - late
