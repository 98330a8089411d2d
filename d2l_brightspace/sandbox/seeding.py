"""Makes the world from the settings: the same seed always gives the same tenant."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from random import Random

from .callbacks import call_back
from .jobs import Jobs
from .settings import SandboxSettings
from .world import START, Role, Unit, UnitType, User, World

_KINDS = (
    "Organization",
    "Course Template",
    "Course Offering",
    "Group",
    "Semester",
    "Section",
    "Department",
)
_FIRST = ("Ada", "Bruno", "Chidi", "Dana", "Émile", "Farah", "Gustav", "Hana", "Łukasz", "Zoë")
_LAST = ("Sample", "Example", "Mockley", "O'Test", "Demo-Smith", "Fixture", "Dummy", "Probe")
_SUBJECTS = ("Anatomy", "Botany", "Chemistry", "Drama", "Ethics", "Fractals", "Geology")
_FIRST_USER = 9_951  # soon grows to five digits: sorting ids as text gives another order
_FIRST_UNIT = 6_606


def build_world(settings: SandboxSettings, clock: Callable[[], float] = time.time) -> World:
    """Return the tenant that belongs to the settings."""
    random = Random(settings.seed)
    caller = User(_FIRST_USER, "Sandbox", "Service", "sandbox.service", "service@example.edu")
    world = World(
        _unit_types(settings.seed), _roles(), caller.user_id, _FIRST_UNIT + 1, _FIRST_USER + 1
    )
    world.jobs = Jobs(settings.job_polls, settings.job_seconds, clock)
    world.jobs.on_end = call_back
    root = Unit(_FIRST_UNIT, "Sandbox University", None, world.unit_types["Organization"])
    world.units[root.unit_id] = root
    world.users[caller.user_id] = caller
    world.enroll(root.unit_id, caller.user_id, world.role("Administrator").role_id)
    _add_users(world, settings.users, random)
    _add_courses(world, settings.courses, random)
    _fill_courses(world, settings.class_size, random)
    world.add_log_messages(settings.log_messages)
    for course_id in random.sample(world.course_ids, settings.forbidden_courses):
        world.forbid(course_id)
    return world


def _unit_types(seed: int) -> dict[str, UnitType]:
    # Type ids are tenant data: only seed 0 has the 3 that examples on the web show
    # for course offerings, so whoever takes the number for granted is found out.
    base = 100 * (seed % 9 + 1) if seed else 0
    return {
        code: UnitType(base + number, code, code, number) for number, code in enumerate(_KINDS, 1)
    }


def _roles() -> dict[int, Role]:
    roles = (
        Role(103, "Administrator", "admin", in_class_list=False, show_in_grades=False),
        Role(109, "Instructor", "instructor", in_class_list=True, show_in_grades=False),
        Role(110, "Learner", None, in_class_list=True, show_in_grades=True),
        Role(115, "Teaching Assistant", "ta", in_class_list=True, show_in_grades=False),
    )
    return {role.role_id: role for role in roles}


def _add_users(world: World, count: int, random: Random) -> None:
    for number in range(count):
        first, last = random.choice(_FIRST), random.choice(_LAST)
        seen = START + timedelta(minutes=random.randrange(100_000)) if number % 6 else None
        world.add_user(
            first,
            last,
            email=f"user{number}@{'example.com' if number % 4 else 'example.edu'}"
            if number % 9
            else None,
            # Both spellings of "none" occur side by side on a real tenant.
            org_defined_id=("", None, f"S{number:06}")[min(number % 5, 2)],
            middle_name="Q." if number % 8 == 0 else None,
            pronouns="they/them" if number % 10 == 3 else None,
            is_active=number % 11 != 7,
            last_accessed=seen,
        )


def _add_courses(world: World, count: int, random: Random) -> None:
    departments = [world.add_unit(f"Department {d}", f"DEP-{d}", "Department") for d in "AB"]
    semesters = [world.add_unit(f"Term {n}", f"TERM-{n}", "Semester") for n in (1, 2)]
    templates = [world.add_unit(s, f"TPL-{s[:3].upper()}", "Course Template") for s in _SUBJECTS]
    for number in range(1, count + 1):
        template, department = random.choice(templates), random.choice(departments)
        starts = START + timedelta(days=random.randrange(60)) if number % 4 else None
        world.add_course(
            f"{template.name} {number:03}",
            f"{template.name[:3].upper()}-{number:03}",
            template_id=template.unit_id,
            department_id=department.unit_id,
            semester_id=random.choice(semesters).unit_id if number % 3 else None,
            is_active=number % 7 != 5,
            starts=starts,
            ends=starts + timedelta(days=120) if starts else None,
        )


def _fill_courses(world: World, class_size: int, random: Random) -> None:
    people = [user_id for user_id in world.users if user_id != world.caller_id]
    roles = [world.role(name).role_id for name in ("Instructor", "Teaching Assistant", "Learner")]
    for course_id in world.course_ids:
        chosen = random.sample(people, min(class_size, len(people)))
        for place, user_id in enumerate(chosen):
            world.enroll(course_id, user_id, roles[min(place, 2)])
