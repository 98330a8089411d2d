from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from d2l_brightspace.client.errors import (
    BrightspaceError,
    ConfigurationError,
    NotFound,
    ProtocolError,
    ServiceUnavailable,
)
from d2l_brightspace.client.versions import WRITTEN_FOR, Versions, number
from tests import FIXTURES

ANSWERS = json.loads((FIXTURES / "versions.json").read_text())


class Tenant:
    """A `GetsJson` that gives prepared answers and notes what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[Any, ...]] = []

    def get_json(self, path: str, *, anonymous: bool = False) -> Any:
        self.calls.append(("GET", path, anonymous))
        return self._next()

    def post_json(self, path: str, body: Any, *, anonymous: bool = False) -> Any:
        self.calls.append(("POST", path, body, anonymous))
        return self._next()

    def _next(self) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def supporting(**products: list[str]) -> Tenant:
    return Tenant(
        [
            {"ProductCode": code, "LatestVersion": versions[-1:], "SupportedVersions": versions}
            for code, versions in products.items()
        ]
    )


# --- the four actions ---------------------------------------------------------------------------


def test_all_products() -> None:
    tenant = Tenant(ANSWERS["all"])
    assert Versions(tenant).all_products() == ANSWERS["all"]
    assert tenant.calls == [("GET", "versions/", True)]


@pytest.mark.parametrize("product", ["lp", "eP"])
def test_product(product: str) -> None:
    tenant = Tenant(ANSWERS["product"])
    assert Versions(tenant).product(product) == ANSWERS["product"]
    assert tenant.calls == [("GET", f"{product}/versions/", True)]


def test_product_version() -> None:
    tenant = Tenant(ANSWERS["product_version"])
    assert Versions(tenant).product_version("lp", "1.49") == ANSWERS["product_version"]
    assert tenant.calls == [("GET", "lp/versions/1.49", True)]


def test_check() -> None:
    tenant = Tenant(ANSWERS["check"])
    assert Versions(tenant).check([("lp", "1.49"), ("le", "9.9")]) == ANSWERS["check"]
    body = [
        {"ProductCode": "lp", "Version": "1.49"},
        {"ProductCode": "le", "Version": "9.9"},
    ]
    assert tenant.calls == [("POST", "versions/check", body, True)]


# --- negotiation --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [("1.9", "1.10"), ("1.10", "1.49"), ("1.99", "2.0"), ("2.5", "10.1"), ("1", "1.0")],
)
def test_versions_are_compared_by_number(smaller: str, larger: str) -> None:
    assert number(smaller) < number(larger)


def test_newest_that_both_know() -> None:
    tenant = Tenant(ANSWERS["all"])
    versions = Versions(tenant)
    assert versions.spoken("lp") == "1.63"
    assert versions.spoken("le") == "1.97"
    assert not versions.notes


def test_a_version_that_is_newer_than_the_package_is_left() -> None:
    assert Versions(supporting(lp=["1.62", "1.64", "1.65", "2.0"])).spoken("lp") == "1.64"


@pytest.mark.parametrize(
    ("supported", "spoken"),
    [
        (["1.9", "1.10"], "1.10"),
        (["1.10", "1.9"], "1.10"),
        (["1.49"], "1.49"),
        ([WRITTEN_FOR["lp"]], WRITTEN_FOR["lp"]),
        (["1.49", "unstable"], "1.49"),
        (["1.49", None, 1.5, "", "1.", "1.x"], "1.49"),
    ],
)
def test_newest_of(supported: list[Any], spoken: str) -> None:
    assert Versions(supporting(lp=supported)).spoken("lp") == spoken


@pytest.mark.parametrize("code", ["lp", "LP", "Lp"])
def test_product_codes_in_mixed_case(code: str) -> None:
    assert Versions(supporting(**{code: ["1.49"]})).spoken("lp") == "1.49"


def test_a_tenant_that_left_all_of_ours_behind_is_spoken_to_in_its_oldest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    versions = Versions(supporting(lp=["2.10", "1.70", "2.9"], le=["1.82"]))
    assert [versions.spoken("lp") for _ in range(3)] == ["1.70"] * 3
    assert versions.spoken("le") == "1.82"
    (note,) = versions.notes
    assert (
        f"`lp` from version 1.70 on, and this package was written for {WRITTEN_FOR['lp']}" in note
    )
    assert [record.getMessage() for record in caplog.records] == [note]


@pytest.mark.parametrize(
    "products", [{"lp": []}, {"le": ["1.82"]}], ids=["no version", "product missing"]
)
def test_no_version_at_all(products: dict[str, list[str]]) -> None:
    with pytest.raises(NotFound, match="names no version of `lp`"):
        Versions(supporting(**products)).spoken("lp")


@pytest.mark.parametrize(
    "odd",
    [None, 7, {}, {"ProductCode": "xx"}, {"SupportedVersions": ["1.1"]}, {"ProductCode": "lp"}],
    ids=json.dumps,
)
def test_an_odd_product_costs_no_other(odd: Any) -> None:
    answer = [odd, *ANSWERS["all"], odd]
    assert Versions(Tenant(answer)).spoken("lp") == "1.63"
    with pytest.raises(NotFound, match="names no version of `bas`"):
        Versions(Tenant([odd, {"ProductCode": "lp", "SupportedVersions": ["1.63"]}])).spoken("bas")


@pytest.mark.parametrize("pinned", ["1.9", "1.49", "1.63"], ids=["old", "usual", "newer than us"])
def test_pinned(pinned: str) -> None:
    tenant = Tenant(ANSWERS["all"])
    versions = Versions(tenant, {"lp": pinned, "le": None})
    assert versions.spoken("lp") == pinned
    assert versions.spoken("le") == "1.97"


@pytest.mark.parametrize("none", [None, ""], ids=repr)
def test_nothing_pinned(none: str | None) -> None:
    assert Versions(Tenant(ANSWERS["all"]), {"lp": none}).spoken("lp") == "1.63"


def test_pinned_but_unsupported() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Versions(supporting(lp=["1.10", "1.9", "1.49"]), {"lp": "1.11"}).spoken("lp")
    text = str(caught.value)
    assert "`lp_version` is 1.11" in text
    assert "It supports: 1.9, 1.10, 1.49." in text


def test_pinned_where_the_product_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="It supports: none"):
        Versions(supporting(le=["1.82"]), {"lp": "1.49"}).spoken("lp")


# --- asked once ---------------------------------------------------------------------------------


class BusyTenant(Tenant):
    """Answers the first question when a second one has come, or has had the time to."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(*answers)
        self._asked_again = threading.Event()

    def get_json(self, path: str, *, anonymous: bool = False) -> Any:
        answer = super().get_json(path, anonymous=anonymous)
        if len(self.calls) > 1:
            self._asked_again.set()
        self._asked_again.wait(0.2)
        return answer


def in_threads(count: int, pinned: Mapping[str, str], tenant: Tenant) -> list[str]:
    versions = Versions(tenant, pinned)
    barrier = threading.Barrier(count)
    spoken: list[str] = []

    def ask() -> None:
        barrier.wait(timeout=10)
        spoken.append(versions.spoken("lp") + versions.spoken("le"))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return spoken


@pytest.mark.parametrize("pinned", [{}, {"lp": "1.62"}], ids=["negotiated", "pinned"])
def test_20_threads_ask_once(pinned: Mapping[str, str]) -> None:
    tenant = BusyTenant(ANSWERS["all"])
    assert in_threads(20, pinned, tenant) == [f"{pinned.get('lp', '1.63')}1.97"] * 20
    assert tenant.calls == [("GET", "versions/", True)]


def test_nothing_is_asked_before_it_is_needed() -> None:
    tenant = Tenant(ANSWERS["all"])
    Versions(tenant, {"lp": "1.49"})
    assert tenant.calls == []


def test_a_failed_question_is_asked_again() -> None:
    tenant = Tenant(ServiceUnavailable("later"), ANSWERS["all"])
    versions = Versions(tenant)
    with pytest.raises(ServiceUnavailable):
        versions.spoken("lp")
    assert versions.spoken("lp") == "1.63"
    assert len(tenant.calls) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"Errors": []},
        [None],
        ["lp"],
        [{"ProductCode": "lp"}],
        [{"ProductCode": "lp", "SupportedVersions": None}],
        [{"SupportedVersions": ["1.49"]}],
        7,
        [{"ProductCode": "lp", "SupportedVersions": ["1.²"]}],
        [{"ProductCode": "lp", "SupportedVersions": ["9" * 5_000]}],
    ],
    ids=json.dumps,
)
def test_an_answer_that_lists_no_versions_is_an_error_of_ours(answer: Any) -> None:
    with pytest.raises(BrightspaceError):
        Versions(Tenant(answer)).spoken("lp")


@pytest.mark.parametrize("answer", [None, 7, "lp"], ids=json.dumps)
def test_an_answer_of_another_kind_is_an_error_of_ours(answer: Any) -> None:
    versions = Versions(Tenant(answer))
    for ask in (
        versions.all_products,
        lambda: versions.product("lp"),
        lambda: versions.product_version("lp", "1.49"),
        lambda: versions.check([("lp", "1.49")]),
    ):
        with pytest.raises(ProtocolError, match="versions/"):
            ask()
