"""Courses: the details of each course offering, and the org units above the caller's courses.

D2L's topic "Courses", blocks `CourseOffering` and `CourseParent`. No route lists all courses: the
source finds the org units and reads each one. No column here names a person; a description is text
that the course publishes.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import flag, identifier, text, timestamp
from d2l_brightspace.endpoints.model import Endpoint, to

COURSES = Endpoint(
    "courses",
    "lp/courses/{org_unit_id}",
    parent="course_offerings",
    paging="object",
    scope="orgunits:course:read",
    key="Identifier",
    references=(to("org_units", "Identifier", label="org unit", one_to_one=True),),
    description="One row per course offering: its dates, visibility, template and semester.",
    columns={
        "Identifier": identifier("Id of the course offering's org unit.", required=True),
        "Name": text("Title of the course offering."),
        "Code": text("Course code the institution gave the offering."),
        "IsActive": flag("True if learners may enter the course within its dates."),
        "Path": text("Folder of the course's files on the server."),
        "StartDate": timestamp("When the course opens (UTC); null when no start is set."),
        "EndDate": timestamp("When the course closes (UTC); null when no end is set."),
        "LocaleId": identifier(
            "Id of the language the course is set to; null when none is, or before 20.25.8."
        ),
        "ForceLocale": flag(
            "True if the course's language overrides the user's own; null before 20.25.8."
        ),
        "CourseTemplate__Identifier": identifier(
            "Org unit id of the template the offering is made from; null when it has none."
        ),
        "CourseTemplate__Name": text("Name of the course template; null without a template."),
        "CourseTemplate__Code": text("Code of the course template; null without a template."),
        "Semester__Identifier": identifier(
            "Org unit id of the semester the offering runs in; null when it has none."
        ),
        "Semester__Name": text("Name of the semester; null without a semester."),
        "Semester__Code": text("Code of the semester; null without a semester."),
        "Department__Identifier": identifier(
            "Org unit id of the department that gives the course; null when it has none."
        ),
        "Department__Name": text("Name of the department; null without a department."),
        "Department__Code": text("Code of the department; null without a department."),
        "Description__Text": text("Course description as plain text."),
        "Description__Html": text(
            "Course description with its HTML markup; null when there is plain text only."
        ),
        "CanSelfRegister": flag("True if users may enrol themselves."),
        "ShowAddressBook": flag(
            "True if the course offers its address book; null on tenants before 20.26.4."
        ),
    },
)

PARENT_COURSES = Endpoint(
    "parent_courses",
    "lp/courses/parentorgunits",
    parent="course_offerings",
    params={"orgUnitIdsCSV": "{org_unit_id}"},
    parents_per_request=25,
    paging="array",
    scope="enrollment:own_enrollment:read",
    key="CourseOfferingId",
    references=(
        to("courses", CourseOfferingId="Identifier", label="course", one_to_one=True),
        to("org_units", Semester__Identifier="Identifier", label="semester"),
    ),
    description="One row per course the caller is enrolled in: the semester and department above.",
    columns={
        "CourseOfferingId": identifier("Id of the course offering asked for.", required=True),
        "Semester__Identifier": identifier(
            "Org unit id of the semester above the course; null when it has none."
        ),
        "Semester__Name": text("Name of the semester; null without a semester."),
        "Semester__Code": text("Code of the semester; null without a semester."),
        "Department__Identifier": identifier(
            "Org unit id of the department above the course; null when it has none."
        ),
        "Department__Name": text("Name of the department; null without a department."),
        "Department__Code": text("Code of the department; null without a department."),
    },
)
