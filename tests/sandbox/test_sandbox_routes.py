"""Every route: envelope, types of ids, filters, quirks, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from .caller import Api

LP, LE = "lp/1.50", "le/1.82"


@pytest.fixture(scope="session")
def course(api: Api) -> int:
    """A course that may be read."""
    return next(c for c in api.sandbox.world.course_ids if c not in api.sandbox.world.forbidden)


@pytest.fixture(scope="session")
def forbidden(api: Api) -> int:
    return next(iter(api.sandbox.world.forbidden))


# -- versions ------------------------------------------------------------------------------------


def test_versions_are_anonymous(api: Api) -> None:
    products = {p["ProductCode"]: p for p in api.anonymous("versions/").json()}
    assert set(products) == {"lp", "le", "bas", "eP", "lr"}
    assert products["lp"]["LatestVersion"] == "1.63"
    assert {"1.9", "1.46", "1.63"} <= set(products["lp"]["SupportedVersions"])
    # As text, the oldest version is the greatest: versions must be compared by number.
    assert max(products["lp"]["SupportedVersions"]) == "1.9"
    assert api.anonymous("EP/versions/").json()["ProductCode"] == "eP"
    assert api.anonymous("lp/versions/1.49").json() == {
        "Supported": True,
        "LatestVersion": "1.63",
    }
    assert api.anonymous("le/versions/1.10").json()["Supported"] is False
    assert api.anonymous("xx/versions/").status_code == 404


def test_versions_check(api: Api) -> None:
    asked = [{"ProductCode": "lp", "Version": "1.49"}, {"ProductCode": "le", "Version": "1.2"}]
    answer = api.anonymous("versions/check", "POST", json=asked).json()
    assert answer["Supported"] is False
    assert [item["Supported"] for item in answer["Versions"]] == [True, False]
    assert answer["Versions"][1] == {
        "ProductCode": "le",
        "Version": "1.2",
        "Supported": False,
        "LatestVersion": "1.99",
    }
    assert api.anonymous("versions/check", "POST", json=asked[:1]).json()["Supported"] is True
    assert api.anonymous("versions/check", "POST", data="[]").status_code == 415
    assert api.anonymous("versions/check", "POST", json=[{"a": 1}]).status_code == 404
    assert api.anonymous("versions/check").status_code == 405


# -- finding the route ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "versions",
        f"{LP}/users/whoami/",
        f"{LP}/users",
        f"{LP}/outypes",
        f"{LP}/enrollments/myenrollments",
        f"{LP}/logging",
        f"{LP}/logging/98765",
        f"{LP}/logging/grouped",
        f"{LP}/courses/abc",
        f"{LP}/courses/1/",
        f"{LE}/6618/classlist",
        f"{LE}/6618/classlist/paged",
        f"{LE}/x/classlist/paged/",
        "lp/1.45/users/whoami",
        "lp/unstable/users/whoami",
        "le/1.50/6618/classlist/",
        "nothing",
    ],
)
def test_not_found(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404


def test_paths_have_no_case_and_methods_count(api: Api) -> None:
    assert api.get("LP/1.50/Users/WhoAmI").status_code == 200
    answer = api.anonymous(f"{LP}/users/whoami", "DELETE")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (f"{LP}/users/", {"bookmark": "x"}),
        (f"{LP}/orgstructure/", {"orgUnitType": "Course"}),
        (f"{LP}/enrollments/myenrollments/", {"isActive": "maybe"}),
        (f"{LP}/enrollments/myenrollments/", {"sortBy": "Colour"}),
        (f"{LP}/courses/parentorgunits", {}),
        (f"{LP}/courses/parentorgunits", {"orgUnitIdsCSV": "1,x"}),
        (f"{LP}/courses/parentorgunits", {"orgUnitIdsCSV": ",".join("1" * 26)}),
        (f"{LP}/logging/", {"logLevel": "Error,Loud"}),
        (f"{LP}/logging/", {"dateRangeStart": "2026-01-05"}),
        (f"{LP}/logging/", {"dateRangeStart": "2026-01-05T08:00:00Z"}),
        (f"{LP}/logging/", {"dateRangeStart": "2026-01-05T08:00:00.000+00:00"}),
        (f"{LP}/logging/grouped/", {"dateRangeEnd": "2026-02-30T08:00:00.000Z"}),
    ],
)
def test_bad_values(api: Api, path: str, query: dict[str, str]) -> None:
    answer = api.get(path, **query)
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Parameters")


# -- organization --------------------------------------------------------------------------------


def test_organization_and_types(api: Api) -> None:
    assert isinstance(api.anonymous(f"{LP}/organization/info").json()["Identifier"], str)
    types = api.json(f"{LP}/outypes/")
    offering = next(kind for kind in types if kind["Code"] == "Course Offering")
    assert offering["Id"] != 3  # tenant data
    assert api.json(f"{LP}/outypes/{offering['Id']}") == offering
    assert api.json(f"{LP}/outypes/semester")["Code"] == "Semester"
    assert api.json(f"{LP}/outypes/department")["Code"] == "Department"
    assert api.get(f"{LP}/outypes/99999").status_code == 404


def test_org_structure(api: Api, course: int) -> None:
    every = api.items(f"{LP}/orgstructure/")
    assert len(every) == api.sandbox.truth()["org_units"]
    unit = api.json(f"{LP}/orgstructure/{course}")
    assert unit in every
    kind = unit["Type"]["Id"]
    assert len(api.items(f"{LP}/orgstructure/", orgUnitType=kind)) == 6

    def found(**query: str) -> list[str]:
        return [row["Identifier"] for row in api.items(f"{LP}/orgstructure/", **query)]

    assert str(course) in found(orgUnitName=unit["Name"][2:5].upper())
    assert found(orgUnitCode=unit["Code"][1:]) == [str(course)]
    assert found(exactOrgUnitCode=unit["Code"], orgUnitCode="zzz") == [str(course)]
    assert found(exactOrgUnitName=unit["Name"][:-1]) == []
    assert api.get(f"{LP}/orgstructure/1").status_code == 404


# -- users ---------------------------------------------------------------------------------------


def test_users_are_paged_with_a_bookmark_on_the_last_page(api: Api) -> None:
    pages = api.pages(f"{LP}/users/")
    assert [len(page["Items"]) for page in pages] == [10, 10, 6]
    last = pages[-1]["PagingInfo"]
    assert last == {"Bookmark": str(pages[-1]["Items"][-1]["UserId"]), "HasMoreItems": False}
    beyond = api.json(f"{LP}/users/", bookmark=last["Bookmark"])
    assert beyond == {"PagingInfo": {"Bookmark": None, "HasMoreItems": False}, "Items": []}
    assert api.json(f"{LP}/users/", bookmark="") == pages[0]


def test_users_change_shape_with_the_filter(api: Api) -> None:
    user = next(row for row in api.items(f"{LP}/users/") if row["OrgDefinedId"])
    assert isinstance(user["UserId"], int)
    assert api.json(f"{LP}/users/", userName=user["UserName"]) == user
    assert api.json(f"{LP}/users/", externalEmail=user["ExternalEmail"]) == [user]
    both = api.json(f"{LP}/users/", orgDefinedId=user["OrgDefinedId"], userName="nobody")
    assert both == [user]
    assert api.json(f"{LP}/users/", orgDefinedId="none") == []
    assert api.get(f"{LP}/users/", userName="nobody").status_code == 404
    assert api.json(f"{LP}/users/{user['UserId']}") == user
    assert api.get(f"{LP}/users/1").status_code == 404


def test_nothing_looks_like_a_real_person(api: Api) -> None:
    users = api.items(f"{LP}/users/")
    emails = [row["ExternalEmail"] for row in users if row["ExternalEmail"]]
    assert all(email.endswith(("@example.edu", "@example.com")) for email in emails)
    assert {"", None} <= {row["OrgDefinedId"] for row in users}


def test_who_am_i_and_roles(api: Api) -> None:
    assert isinstance(api.json(f"{LP}/users/whoami")["Identifier"], str)
    roles = api.json(f"{LP}/roles/")
    assert all(isinstance(role["Identifier"], str) for role in roles)
    assert {role["InClassList"] for role in roles} == {True, False}


# -- courses -------------------------------------------------------------------------------------


def test_courses_and_parents(api: Api) -> None:
    world = api.sandbox.world
    ids = ",".join(map(str, [*world.course_ids, world.organization.unit_id, 1]))
    parents = {
        row["CourseOfferingId"]: row
        for row in api.json(f"{LP}/courses/parentorgunits", orgUnitIdsCSV=ids)
    }
    assert set(parents) == {str(course_id) for course_id in world.course_ids}
    assert any(row["Semester"] is None for row in parents.values())
    for course_id in set(world.course_ids) - world.forbidden:
        body = api.json(f"{LP}/courses/{course_id}")
        parent = parents[body["Identifier"]]
        assert (body["Semester"], body["Department"]) == (parent["Semester"], parent["Department"])
    assert api.get(f"{LP}/courses/{world.organization.unit_id}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"{LP}/courses/{{}}",
        f"{LE}/{{}}/classlist/",
        f"{LE}/{{}}/classlist/paged/",
        f"{LP}/enrollments/orgUnits/{{}}/users/",
    ],
)
def test_forbidden_course(api: Api, forbidden: int, path: str) -> None:
    answer = api.get(path.format(forbidden))
    assert answer.status_code == 403
    body = answer.json()
    assert (body["title"], body["status"]) == ("Not Authorized", 403)
    assert f"[ orgUnitId: {forbidden}, securityVariableName: " in body["detail"]
    assert api.get(path.format(1)).status_code == 404


# -- enrollments and class list ------------------------------------------------------------------


def test_my_enrollments(api: Api) -> None:
    path, world = f"{LP}/enrollments/myenrollments/", api.sandbox.world
    every = api.items(path)
    assert len(every) == api.sandbox.truth()["my_enrollments"] == 7
    assert all(isinstance(row["OrgUnit"]["Id"], int) for row in every)
    kind = world.unit_types["Course Offering"].type_id
    assert len(api.items(path, orgUnitTypeId=f"{kind},1")) == 6
    assert {row["Access"]["IsActive"] for row in api.items(path, isActive="false")} == {False}
    assert len(api.items(path, canAccess="false")) == 1
    ordered = [row["OrgUnit"]["Name"] for row in api.items(path, sortBy="-OrgUnitName")]
    assert ordered == sorted(ordered, reverse=True)


def test_bookmark_of_a_row_that_is_gone(api: Api) -> None:
    assert api.get(f"{LP}/enrollments/myenrollments/", bookmark="1").status_code == 404


def test_enrollments_of_a_course_and_of_a_user(api: Api, course: int) -> None:
    rows = api.items(f"{LP}/enrollments/orgUnits/{course}/users/")
    assert len(rows) == 13  # the caller, too
    assert all(isinstance(row["User"]["Identifier"], str) for row in rows)
    role = rows[-1]["Role"]["Id"]
    assert 0 < len(api.items(f"{LP}/enrollments/orgUnits/{course}/users/", roleId=role)) < 13
    active = [
        len(api.items(f"{LP}/enrollments/orgUnits/{course}/users/", isActive=flag))
        for flag in ("true", "false")
    ]
    assert sum(active) == 13
    user = rows[-1]["User"]["Identifier"]
    of_user = api.items(f"{LP}/enrollments/users/{user}/orgUnits/")
    assert course in {row["OrgUnit"]["Id"] for row in of_user}
    assert api.get(f"{LP}/enrollments/users/1/orgUnits/").status_code == 404


def next_pages(api: Api, path: str, **query: Any) -> list[Any]:
    pages = [api.json(path, **query)]
    while pages[-1]["Next"]:
        pages.append(api.json(pages[-1]["Next"]))
    return pages


def test_class_list(api: Api, course: int) -> None:
    whole = api.json(f"{LE}/{course}/classlist/")
    pages = next_pages(api, f"{LE}/{course}/classlist/paged/")
    assert [len(page["Objects"]) for page in pages] == [10, 2]
    assert [row for page in pages for row in page["Objects"]] == whole
    assert pages[0]["Next"].startswith(f"{api.sandbox.url}/d2l/api/{LE}/{course}/classlist/paged/?")
    names = [(row["FirstName"], row["LastName"], int(row["Identifier"])) for row in whole]
    assert names == sorted(names)
    assert {type(row["Identifier"]) for row in whole} == {str}
    assert {type(row["RoleId"]) for row in whole} == {int}


def test_class_list_filters_stay_in_the_next_link(api: Api, course: int) -> None:
    path = f"{LE}/{course}/classlist/paged/"
    learner = api.sandbox.world.role("Learner").role_id
    assert sum(len(page["Objects"]) for page in next_pages(api, path, roleId=learner)) == 10
    found = next_pages(api, path, searchTerm="example.", onlyShowShownInGrades="false")
    assert all("searchTerm=example." in page["Next"] for page in found[:-1])
    graded = next_pages(api, path, onlyShowShownInGrades="true")
    assert {row["RoleId"] for page in graded for row in page["Objects"]} == {learner}


# -- log -----------------------------------------------------------------------------------------


def test_log_messages(api: Api) -> None:
    path = f"{LP}/logging/"
    rows = api.items(path)
    ids = [row["LogMessageId"] for row in rows]
    assert ids == sorted(ids)
    assert len(ids) == 60
    moments = [row["MessageTimestamp"] for row in rows]
    assert moments != sorted(moments)  # some were written late
    assert len(set(moments)) < len(moments)  # and some share a moment
    one = next(row for row in rows if row["UserId"] and row["OrgUnitId"])
    for query, field in (
        ("logLevel", "LogLevel"),
        ("userId", "UserId"),
        ("orgUnitId", "OrgUnitId"),
        ("messageGroupId", "MessageGroupId"),
        ("loggerAssembly", "LoggerAssembly"),
        ("search", "DeveloperMessage"),
    ):
        expected = [row for row in rows if row[field] == one[field]]
        assert api.items(path, **{query: one[field]}) == expected, query
    assert len(api.items(path, logLevel="Debug,Info,Warn,Error,Fatal")) == 60


def test_log_window_is_inclusive(api: Api) -> None:
    rows = api.items(f"{LP}/logging/")
    moment = rows[30]["MessageTimestamp"]
    found = api.items(f"{LP}/logging/", dateRangeStart=moment, dateRangeEnd=moment)
    assert rows[30] in found
    assert {row["MessageTimestamp"] for row in found} == {moment}


def test_log_traces_only_on_request(api: Api) -> None:
    rows = api.items(f"{LP}/logging/")
    assert {row["StackTrace"] for row in rows} == {None}
    traced = api.items(f"{LP}/logging/", includeTraces="true")
    assert None not in {row["StackTrace"] for row in traced}
    one = rows[5]["LogMessageId"]
    assert api.json(f"{LP}/logging/{one}/") == rows[5]
    assert api.json(f"{LP}/logging/{one}/", includeTraces="true") == traced[5]
    assert api.get(f"{LP}/logging/1/").status_code == 404


def test_log_groups(api: Api) -> None:
    groups = api.items(f"{LP}/logging/grouped/")
    assert len(groups) == api.sandbox.truth()["log_message_groups"] == 23
    assert sum(group["MessageCount"] for group in groups) == 60
