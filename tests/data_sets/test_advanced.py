"""Advanced Data Sets: ordered, awaited, loaded."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from d2l_brightspace import (
    BearerAuth,
    ConfigurationError,
    NotFound,
    ProtocolError,
    advanced_data_set,
)

from .conftest import HOST, LP


@pytest.fixture
def order(tenant, loader):
    one = loader(tenant("Users"))

    def make(name: str = "Final Grades", **filters):
        token = BearerAuth(token=one.sandbox.credentials["bearer"]["token"])
        return one, advanced_data_set(name, filters, one.sandbox.url, token, sleep=rests.append)

    rests: list[float] = []
    make.rests = rests
    return make


def test_a_report_is_ordered_awaited_and_loaded(order):
    since = datetime(2026, 1, 2, tzinfo=timezone.utc)
    one, resource = order(startDate=since, roles="110,111")
    one.pipeline().run(resource)
    query = "SELECT course_offering_id, final_grade, filters FROM final_grades ORDER BY 1"
    [first, second] = one.query(query)
    assert first[:2] == ("6606", "1,5")
    assert json.loads(first[2]) == [
        {"Name": "startDate", "Value": "2026-01-02T00:00:00.000Z"},
        {"Name": "roles", "Value": "110,111"},
    ]
    assert second == ("6607", None, None)
    assert order.rests == [1.0, 2.0]


def test_a_new_order_takes_the_place_of_the_old(order):
    for _ in range(2):
        one, resource = order()
        one.pipeline().run(resource)
    assert one.query("SELECT count(*) FROM final_grades") == [(2,)]


@pytest.mark.parametrize(
    ("name", "filters", "error", "words"),
    [
        ("Attendance", {}, NotFound, "the tenant offers: Final Grades"),
        ("final grades", {"start": 1}, ConfigurationError, "it has: startDate, roles"),
    ],
)
def test_what_does_not_exist_is_reported(order, name, filters, error, words):
    _, resource = order(name, **filters)
    with pytest.raises(Exception, match=words) as caught:
        list(resource)
    assert isinstance(caught.value.__cause__, error)


LISTED = [{"DataSetId": "1", "Name": "Final Grades", "Filters": []}]


@pytest.mark.parametrize(
    ("listed", "created", "job", "words"),
    [
        ({"Errors": []}, {}, {}, "Expected a JSON array"),
        ([{"DataSetId": "1"}], {}, {}, "holds no `Name`"),
        ([{"DataSetId": "1", "Name": "Final Grades", "Filters": [1]}], {}, {}, "holds no `Name`"),
        (LISTED, {"Name": "Final Grades"}, {}, "holds no `ExportJobId`"),
        (LISTED, {"ExportJobId": "7"}, [], "holds no `Status`"),
        (LISTED, {"ExportJobId": "7"}, {"Status": 3}, "the report failed"),
    ],
    ids=["list", "no-name", "filter", "create", "job", "failed"],
)
def test_an_answer_without_a_report_is_reported(answers, listed, created, job, words):
    answers.get(f"{LP}/dataExport/list", json=listed)
    ordered = answers.post(f"{LP}/dataExport/create", json=created)
    answers.get(f"{LP}/dataExport/jobs/7", json=job)
    with pytest.raises(Exception, match=words) as caught:
        list(advanced_data_set("final grades", None, HOST, BearerAuth(token="t")))
    assert isinstance(caught.value.__cause__, ProtocolError)
    assert ordered.call_count == (listed is LISTED)


@pytest.mark.parametrize("route", ["list", "create", "jobs/7", "download/7"])
def test_a_refusal_names_the_scope(answers, route):
    refused = {
        "list": "reporting:dataset:list",
        "create": "reporting:job:create",
        "jobs/7": "reporting:job:fetch",
        "download/7": "reporting:job:download",
    }
    answers.get(f"{LP}/dataExport/list", json=LISTED)
    answers.post(f"{LP}/dataExport/create", json={"ExportJobId": "7"})
    answers.get(f"{LP}/dataExport/jobs/7", json={"Status": 2})
    answers.upsert(
        "POST" if route == "create" else "GET",
        f"{LP}/dataExport/{route}",
        status=403,
        json={"detail": "insufficient scope"},
    )
    with pytest.raises(Exception, match=f"lacks the OAuth scope {refused[route]}"):
        list(advanced_data_set("final grades", None, HOST, BearerAuth(token="t")))
