"""Which courses are read, and how."""

from __future__ import annotations

from typing import Any

import dlt
import pytest

from d2l_brightspace import ConfigurationError, PermissionDenied, run
from d2l_brightspace.sandbox.scopes import EVERY_SCOPE

from .conftest import count, counts_of_truth, query

FROM = "SOURCES__D2L_BRIGHTSPACE_SOURCE__COURSE_OFFERINGS_FROM"
WITHOUT_ORG_STRUCTURE = EVERY_SCOPE.replace("organizations:organization:read", "").strip()


def paths(sandbox: Any, part: str) -> list[str]:
    return [arrival["path"] for arrival in sandbox.requests if part in arrival["path"].lower()]


def test_given_org_units_are_read_and_no_list_of_courses(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    wanted = [one for one in sandbox.world.course_ids if one not in sandbox.world.forbidden][:2]

    run(pipeline, source_of(sandbox, org_unit_ids=wanted).with_resources("classlist"))

    assert query(pipeline, "SELECT DISTINCT org_unit_id FROM classlist ORDER BY 1") == [
        (one,) for one in sorted(wanted)
    ]
    assert not paths(sandbox, "orgstructure")
    assert not paths(sandbox, "outypes")


def test_the_type_of_a_course_is_the_tenants_own(
    start: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    sandbox = start(seed=7, courses=3)

    run(pipeline, source_of(sandbox).with_resources("courses"))

    asked = [a["query"]["orgUnitType"] for a in sandbox.requests if "orgstructure" in a["path"]]
    assert set(asked) == {str(sandbox.world.courses[0].kind.type_id)} != {"3"}
    assert count(pipeline, "courses") == 3


def test_without_the_org_structure_the_callers_own_courses_are_read(
    start: Any, source_of: Any, pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = start(courses=4, scopes=WITHOUT_ORG_STRUCTURE)

    run(pipeline, source_of(sandbox, "service_user").with_resources("courses", "classlist"))

    assert count(pipeline, "courses") == 4
    assert count(pipeline, "classlist") == counts_of_truth(sandbox)["classlist"]
    assert "the caller's own courses only" in caplog.text


def test_the_org_structure_can_be_forced(
    start: Any, source_of: Any, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FROM, "org_structure")
    sandbox = start(courses=4, scopes=WITHOUT_ORG_STRUCTURE)

    with pytest.raises(PermissionDenied, match="organizations:organization:read"):
        run(pipeline, source_of(sandbox, "service_user").with_resources("courses"))


def test_my_enrollments_can_be_forced(
    sandbox: Any, source_of: Any, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FROM, "my_enrollments")

    run(pipeline, source_of(sandbox).with_resources("courses"))

    assert not paths(sandbox, "orgstructure")
    assert count(pipeline, "courses") == 4


def test_a_wrong_place_to_look_is_refused_before_any_request(
    sandbox: Any, source_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FROM, "somewhere")

    with pytest.raises(ConfigurationError, match="course_offerings_from"):
        source_of(sandbox)

    assert len(sandbox.requests) == 0


def test_parents_are_asked_for_by_25(start: Any, source_of: Any, pipeline: dlt.Pipeline) -> None:
    sandbox = start(courses=130, users=5)

    run(pipeline, source_of(sandbox).with_resources("parent_courses"))

    batches = [
        len(arrival["query"]["orgUnitIdsCSV"].split(","))
        for arrival in sandbox.requests
        if "parentorgunits" in arrival["path"]
    ]
    assert sorted(batches) == [5, 25, 25, 25, 25, 25]
    assert count(pipeline, "parent_courses") == 130


def test_more_courses_than_one_chunk_are_all_loaded(
    start: Any, source_of: Any, pipeline: dlt.Pipeline
) -> None:
    sandbox = start(courses=230, users=8, class_size=3, forbidden_courses=2)

    report = run(pipeline, source_of(sandbox).with_resources("courses", "classlist"))

    assert count(pipeline, "courses") == 228
    assert count(pipeline, "classlist") == counts_of_truth(sandbox)["classlist"]
    assert len(report.skipped) == 4


def test_a_missing_scope_is_named(start: Any, source_of: Any, pipeline: dlt.Pipeline) -> None:
    sandbox = start(scopes=EVERY_SCOPE.replace("users:userdata:read", "").strip())

    with pytest.raises(PermissionDenied, match="lacks the OAuth scope users:userdata:read"):
        run(pipeline, source_of(sandbox, "service_user").with_resources("users"))
