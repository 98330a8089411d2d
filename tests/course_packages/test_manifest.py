"""The list of a series."""

from __future__ import annotations

from pathlib import Path

import pytest

from d2l_brightspace import ConfigurationError
from d2l_brightspace.course_packages import read_manifest


@pytest.mark.parametrize(
    ("text", "courses"),
    [
        ("a.zip,6619\nb.zip,BOT-002\n", [6619, "BOT-002"]),
        ("course_package,course_offering_id\na.zip,6619\n\nb.zip,BOT-002\n", [6619, "BOT-002"]),
        ("\ufeffCourse Offering Code;Package\n0123;a.zip\n77;b.zip\n", ["0123", "77"]),
        ("package\tcode\r\na.zip\tX,1\r\nb.zip\t5\r\n", ["X,1", "5"]),
    ],
    ids=["no heading", "heading and empty line", "Excel", "tabs"],
)
def test_forms_of_a_list(tmp_path: Path, text: str, courses: list[int | str]) -> None:
    path = tmp_path / "courses.csv"
    path.write_bytes(text.encode())
    lines = read_manifest(path)
    assert [line.course for line in lines] == courses
    assert [line.package for line in lines] == [tmp_path / "a.zip", tmp_path / "b.zip"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "lists no package"), ("a.zip,1\nb.zip\n", "Line 2 "), ("a.zip,\n", "Line 1 ")],
    ids=["empty", "one column", "no course"],
)
def test_a_wrong_list_names_the_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "courses.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        read_manifest(path)


def test_no_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_manifest(tmp_path / "courses.csv")
