"""What is found out before anything is uploaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from d2l_brightspace import ConfigurationError, NotFound
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.course_packages import check_course, check_package, course_with_code
from d2l_brightspace.course_packages.preflight import MOST_BYTES
from d2l_brightspace.sandbox import Sandbox


def test_a_course_package_is_accepted(make_package: Callable[..., Path]) -> None:
    assert check_package(make_package()).size > 0


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("index.html",), "without imsmanifest.xml"),
        (("course/imsmanifest.xml",), "in the folder 'course'"),
        (("IMSManifest.xml",), "must be written imsmanifest.xml"),
    ],
    ids=["no manifest", "in a folder", "other case"],
)
def test_a_zip_that_looks_wrong_says_why(
    make_package: Callable[..., Path], names: tuple[str, ...], words: str
) -> None:
    path = make_package(names=names)
    with pytest.raises(ConfigurationError, match=words):
        check_package(path)
    assert check_package(path, force=True).path == path


def test_a_damaged_zip_is_no_package(make_package: Callable[..., Path]) -> None:
    path = make_package()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ConfigurationError, match="no zip file, or is damaged"):
        check_package(path)


def test_a_package_of_490_mb_is_the_largest(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ConfigurationError, match="at most 490 MB"):
        check_package(path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        check_package(tmp_path / "nothing.zip", force=True)
    with pytest.raises(ConfigurationError, match="is a folder"):
        check_package(tmp_path)


def test_a_course_is_known_by_id_and_code(sandbox: Sandbox, session: BrightspaceSession) -> None:
    course = sandbox.world.courses[0]
    assert check_course(session, course.unit_id) == course.name
    assert course_with_code(session, str(course.code).lower()) == course.unit_id
    assert sandbox.requests[-1]["query"] == {"exactOrgUnitCode": str(course.code).lower()}


def test_what_is_no_course_is_refused(sandbox: Sandbox, session: BrightspaceSession) -> None:
    with pytest.raises(NotFound, match="of the type 'Organization'"):
        check_course(session, sandbox.world.organization.unit_id)
    with pytest.raises(NotFound, match="There is no course offering 1 "):
        check_course(session, 1)
    with pytest.raises(NotFound, match="No course offering has the code 'DEP-A'"):
        course_with_code(session, "DEP-A")


def test_a_code_of_several_courses_is_refused(
    sandbox: Sandbox, session: BrightspaceSession
) -> None:
    twins = [sandbox.world.add_course("Twin", "TWIN").unit_id for _ in range(2)]
    with pytest.raises(NotFound, match=f"{twins[0]}, {twins[1]}"):
        course_with_code(session, "twin")
