"""The scopes to register an app with, as the declarations and the jobs need them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from d2l_brightspace.cli.main import main
from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.course_packages import jobs, preflight
from d2l_brightspace.data_sets import catalogue
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.scopes import OTHER_JOBS, is_covered, needed_scopes
from tests import ROOT


def printed(*arguments: str) -> list[str]:
    done = CliRunner().invoke(main, ["scopes", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_one_line_for_what_is_loaded_by_default() -> None:
    (line,) = printed()
    core = {one.scope for one in ENDPOINTS.values() if one.group == "core" and one.scope}
    assert core | {"users:own_profile:read"} == set(line.split())
    assert line.split() == sorted(line.split())


def test_a_table_needs_the_scopes_of_those_above_it_and_of_the_list_of_courses() -> None:
    (line,) = printed("quiz_attempts")
    assert line.split() == [
        "core:*:*",
        "enrollment:own_enrollment:read",
        "organizations:organization:read",
        "quizzing:attempts:read",
        "quizzing:quizzes:read",
        "users:own_profile:read",
    ]
    assert needed_scopes(["users"]).keys() == {"users:own_profile:read", "users:userdata:read"}
    explained = printed("quiz*", "--explain")
    assert "quizzing:quizzes:read            quizzes, quiz_attempts" in explained
    assert len(explained) == 6


def test_the_example_of_the_secrets_is_what_core_and_data_sets_need() -> None:
    text = (ROOT / ".dlt" / "example.secrets.toml").read_text()
    (example,) = re.findall(r'^# scope = "(.*)"', text, re.MULTILINE)
    assert [example] == printed("core", "data-sets")


def test_the_jobs_need_what_their_requests_say() -> None:
    assert list(OTHER_JOBS["data-sets"]) == [catalogue.SCOPE]
    assert set(OTHER_JOBS["course-packages"]) == {
        jobs._CREATE,
        jobs._FETCH,
        jobs._CORE,
        preflight._COURSE_SCOPE,
        preflight._UNIT_SCOPE,
    }
    assert set(needed_scopes(["data-sets"])) == {catalogue.SCOPE, "users:own_profile:read"}


def test_an_unknown_name_is_told_the_nearest_right_one() -> None:
    with pytest.raises(ConfigurationError, match=r"'quizes' is no table.*Did you mean 'quizzes'"):
        needed_scopes(["quizes"])
    with pytest.raises(ConfigurationError, match="Did you mean 'data-sets'"):
        needed_scopes(["datasets"])


@pytest.mark.parametrize(
    ("granted", "covered"),
    [
        ("users:userdata:read", True),
        ("users:userdata:create,read", True),
        ("users:*:*", True),
        ("*:*:*", True),
        ("users:userdata:create", False),
        ("users:profile:read", False),
        ("users:userdata", False),
        ("core:*:*", False),
    ],
)
def test_which_scopes_hold_another(granted: str, covered: bool) -> None:
    assert is_covered("users:userdata:read", [granted]) is covered


def test_a_comma_list_is_held_as_a_whole() -> None:
    assert is_covered("users:userdata:create,read", ["users:userdata:read,update,create"])
    assert not is_covered("users:userdata:create,read", ["users:userdata:read"])


def test_the_command_waits_for_no_dlt() -> None:
    code = (
        "import sys; sys.argv[1:] = ['scopes']\n"
        "from d2l_brightspace.cli.main import main\n"
        "main(standalone_mode=False)\n"
        "print(*{'dlt', 'requests', 'pyarrow', 'rich'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == [""]
