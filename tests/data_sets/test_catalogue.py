"""What a tenant offers, where its answers are not what the documentation says.

Blocks as in `api-reference 7.1` (D2L-dataExport, gsu-api); the session is the real one.
"""

from __future__ import annotations

from typing import Any

import pytest

from d2l_brightspace import BearerAuth, ProtocolError
from d2l_brightspace.connection import connect
from d2l_brightspace.data_sets.catalogue import Catalogue

from .conftest import HOST, LP


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(connect(HOST, BearerAuth(token="t")))


def offer(schema: str, name: object) -> dict[str, Any]:
    return {"SchemaId": schema, "Full": {"PluginId": schema, "Name": name}, "Differential": None}


def objects(*rows: object) -> dict[str, Any]:
    return {"Next": None, "Objects": list(rows)}


def extract(**changes: object) -> dict[str, Any]:
    return {
        "BdsType": "Full",
        "CreatedDate": "2026-01-02T03:04:05.000Z",
        "DownloadLink": f"{LP}/datasets/bds/a/plugins/a/extracts/1",
        "DownloadSize": 10,
        "Version": "9.8",
        **changes,
    }


def test_two_data_sets_for_one_table_are_kept_apart(answers: Any, catalogue: Catalogue) -> None:
    lists = objects(offer("b2", "Users Full"), offer("a1", "Users"), offer("c", "Roles"))
    answers.get(f"{LP}/datasets/bds", json=lists)
    answers.get(f"{LP}/datasets/bds/a1/extracts", json=objects(extract()))
    offers = catalogue.offers
    assert {table: one.schema_id for table, one in offers.items()} == {
        "users": "a1",
        "roles": "c",
        "users_b2": "b2",
    }
    assert [one.version for one in catalogue.extracts(offers["users"])] == ["9.8"]


@pytest.mark.parametrize(
    "row",
    [
        {"SchemaId": "a", "Full": "Users", "Differential": None},
        {"SchemaId": "a", "Full": None, "Differential": None},
        offer("", "Users"),
        offer("a", ""),
    ],
    ids=["full-is-text", "neither-full-nor-differential", "no-schema-id", "no-name"],
)
def test_a_broken_entry_costs_itself_only(
    answers: Any, catalogue: Catalogue, row: dict[str, Any]
) -> None:
    answers.get(f"{LP}/datasets/bds", json=objects(row, offer("c", "Roles")))
    answers.get(f"{LP}/datasets/bds/c/extracts", json=objects(extract()))
    [broken] = [one for one in catalogue.offers.values() if one.name != "Roles"]
    with pytest.raises(ProtocolError, match="without a name or a SchemaId"):
        catalogue.extracts(broken)
    assert len(catalogue.extracts(catalogue.offers["roles"])) == 1


def test_a_broken_list_is_reported(answers: Any, catalogue: Catalogue) -> None:
    answers.get(f"{LP}/datasets/bds", json=objects("Users"))
    with pytest.raises(ProtocolError, match="no blocks"):
        _ = catalogue.offers


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CreatedDate": None}, "no CreatedDate"),
        ({"CreatedDate": "yesterday"}, "no CreatedDate"),
        ({"DownloadSize": "big"}, "no number"),
        ({"DownloadSize": [1]}, "no number"),
        ({"BdsType": "Weekly"}, "neither full nor differential"),
    ],
    ids=str,
)
def test_a_broken_extract_is_reported(
    answers: Any, catalogue: Catalogue, changes: dict[str, object], words: str
) -> None:
    answers.get(f"{LP}/datasets/bds", json=objects(offer("a", "Users")))
    answers.get(f"{LP}/datasets/bds/a/extracts", json=objects(extract(**changes)))
    with pytest.raises(ProtocolError, match=words):
        catalogue.extracts(catalogue.offers["users"])


@pytest.mark.parametrize(
    "body", [[], {"BrightspaceDataSets": None}, {"BrightspaceDataSets": ["Users"]}], ids=str
)
def test_a_broken_list_of_the_older_route_is_reported(
    answers: Any, catalogue: Catalogue, body: object
) -> None:
    answers.get(f"{LP}/datasets/bds", status=404)
    answers.get(f"{LP}/dataExport/bds?page=1", json=body)
    with pytest.raises(ProtocolError, match="no list of data sets"):
        _ = catalogue.offers
