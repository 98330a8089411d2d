"""What `data-sets drift` finds, by lists alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from d2l_brightspace.client.errors import ProtocolError
from d2l_brightspace.data_sets.catalogue import Catalogue, Offer
from d2l_brightspace.data_sets.dictionary import DataSet, dictionary
from d2l_brightspace.data_sets.drift import Drift, drift
from d2l_brightspace.data_sets.planning import Extract

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Tenant(Catalogue):
    """A catalogue that sends nothing."""

    def __init__(self, extracts: dict[str, list[Extract]], *, broken: str = "") -> None:
        self._extracts = extracts
        self._broken = broken
        known = dictionary()
        self._all = {
            table: Offer(
                table.title(),
                f"id-{table}",
                data_set=known.get(table, DataSet(table)),
                documented=table in known,
            )
            for table in extracts
        }

    @property
    def offers(self):
        return self._all

    def extracts(self, offer):
        if offer.table == self._broken:
            raise ProtocolError("broken")
        return self._extracts[offer.table]


def made(*days: int, kind: str = "differential", version: str = "9.8") -> list[Extract]:
    return [Extract(kind, START + timedelta(days=day), "link", 1, version) for day in days]


def state(**tables: dict) -> dict:
    return {"resources": {**tables}}


def loaded(**more: object) -> dict:
    return {"until": "2026-01-01T00:00:00+00:00", "version": "9.8", "name": "Users", **more}


@pytest.mark.parametrize(
    ("extracts", "before", "found"),
    [
        (made(1, 2), loaded(), []),
        (made(1, 2, version="10.1"), loaded(), [("version", "9.8 -> 10.1")]),
        (made(1), loaded(name="Persons"), [("renamed", "Persons -> Users")]),
        (
            made(1),
            loaded(looks={"new_column": ["Nickname"], "missing_column": ["UserName"]}),
            [("new_column", "Nickname"), ("missing_column", "UserName")],
        ),
        ([], loaded(), [("unchanged", "there is no extract of it")]),
    ],
    ids=["nothing", "version", "renamed", "columns", "no-extract"],
)
def test_what_is_found_of_one_data_set(extracts, before, found):
    tenant = Tenant({"users": extracts})
    assert list(drift(tenant, state(users=before))) == [Drift("users", *one) for one in found]


def test_what_is_made_no_more_is_compared_with_the_others():
    tenant = Tenant(
        {
            "users": made(1, 2, 3, 4, 20),
            "roles": made(1, 2, 3, 4),
            "weekly": made(0, 7, 14, kind="full"),
            "monthly_by_now": made(0, 14, kind="full"),
            "gone_weekly": made(0, kind="full"),
        }
    )
    assert [(one.table, one.change) for one in drift(tenant, {})] == [
        ("gone_weekly", "unchanged"),
        ("roles", "unchanged"),
    ]


def test_one_that_cannot_be_read_hides_no_other():
    tenant = Tenant({"users": made(1, version="9.9"), "roles": made(1)}, broken="roles")
    found = list(drift(tenant, state(users=loaded())))
    assert [(one.table, one.change) for one in found] == [
        ("roles", "unreadable"),
        ("users", "version"),
    ]
