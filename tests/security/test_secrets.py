"""Secrets are canaries: none may be found anywhere after a run at the loudest log level."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.memory import megabytes
from d2l_brightspace import PermissionDenied
from d2l_brightspace.client.errors import RequestContext
from d2l_brightspace.client.sending.response_policy import Fail, classify
from tests import needs_proc
from tests.cases import case, together
from tests.hostile.arena import ID_KEY, Arena
from tests.hostile.tenant import CLIENT, page
from tests.wire_server import Answer, Raw

FAULTS = {
    "no fault": None,
    "403": Answer(403, {"title": "Not Authorized"}),
    "503 for ever": Answer(503),
    "reset": Raw([], "reset"),
    "redirect loop": Answer(302, headers={"Location": "?bookmark=10"}),
    "HTML": Answer(200, b"<html>"),
}
TITLES = [
    f"{scheme}, DEBUG at root, {fault}: no secret in files, console or tables"
    for scheme in ("ID-Key", "refresh token")
    for fault in FAULTS
]


@together("Secrets and persons", "exact", *TITLES)
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["id_key", "rotating"])
def test_no_secret_anywhere(arena: Arena, scheme: str) -> None:
    if scheme == "rotating":
        arena.tenant.refresh_token = "canary-refresh-0"
        arena.tenant.tokens = set()

    def one_fault_each_run(_request: Any, normal: Any) -> Any:
        runs = sum("bookmark" not in one.params for one in arena.server.asked("/users/$"))
        return list(FAULTS.values())[runs - 1] or normal()

    arena.fault("/users/$", one_fault_each_run, when=page(2))
    child = arena.child("users", debug=True, id_key=scheme == "id_key", runs=len(FAULTS))
    out, err = child.communicate(timeout=110)
    assert err.count("Error: ") + err.count("Denied: ") + err.count("Unavailable: ") >= 5
    assert out.count("Loaded into dataset") == 1
    assert "urllib3.connectionpool:http" in err  # it was as loud as can be
    console = out + err
    secrets = secrets_of(arena)
    assert len(secrets) > 4
    for place, text in [("console", console), *places(arena)]:
        assert not [secret for secret in secrets if secret in text], place
    arena.observed = "exact"


def secrets_of(arena: Arena) -> set[str]:
    secrets = {CLIENT[1], ID_KEY["app_key"], ID_KEY["user_key"], "canary-refresh", "canary-access"}
    for request in arena.server.requests:
        # every signature as it went over the wire
        secrets |= {request.params[name] for name in ("x_c", "x_d") if name in request.params}
        secrets.add(request.headers.get("authorization", "Basic ?" * 9).split()[-1])
    return secrets - {"?"}


def places(arena: Arena) -> Iterator[tuple[str, str]]:
    """Every file and table, as text."""
    for path in arena.folder.rglob("*"):
        if path.is_file() and path.parent.name != "tokens":
            data = path.read_bytes()
            if data[:2] == b"\x1f\x8b":
                data = gzip.decompress(data)
            yield str(path), data.decode("latin-1")
    with arena.connection() as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
        ).fetchall()
        for schema, table in tables:
            yield table, str(connection.execute(f'FROM {schema}."{table}"').fetchall())


@case("Secrets and persons", "pooled connections: no query in urllib3's own log lines", "exact")
def test_no_query_in_the_log_of_urllib3(arena: Arena, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        arena.exact("users")
    lines = [one.getMessage() for one in caplog.records if one.name == "urllib3.connectionpool"]
    assert any("GET /d2l/api/" in line for line in lines)
    assert not [line for line in lines if "?" in line]


@together(
    "Secrets and persons",
    "clear error",
    "Brightspace's words name a person, a token or an address: only codes are passed on",
    "an error body that is a user record: not quoted",
)
def test_what_error_texts_quote(arena: Arena) -> None:
    words = {
        "title": "Not Authorized",
        "detail": "canary-bearer of Canary Person, student 20261234, +44 20 7946 0018, 192.0.2.17 "
        "[ orgUnitId: 6606, securityVariableName: Users.View ]",
        "Users": [arena.tenant.users[0]],
    }
    arena.fault("/users/$", Answer(403, words))
    error = arena.fails(PermissionDenied, r"lacks the permission Users\.View", "users")
    codes = "Not Authorized, orgUnitId: 6606, securityVariableName: Users.View"
    assert str(error).endswith(f"status 403, Brightspace says: {codes}]")
    with arena.connection() as connection:
        skips = connection.execute("SELECT detail FROM skipped_requests").fetchall()
    assert [one for (one,) in skips if one.endswith(f"Brightspace says: {codes}")] == [
        one for (one,) in skips
    ]
    arena.server._faults.clear()
    for body in (arena.tenant.users, arena.tenant.users[0], json.dumps(arena.tenant.users)[:99]):
        arena.fault("/users/$", Answer(403, body), times=1)
        arena.fails(PermissionDenied, r"status 403\]", "users")


@case(
    "Secrets and persons", "a row that cannot be converted: named by its field, not quoted", "exact"
)
def test_no_value_in_a_message() -> None:
    from d2l_brightspace.extract.arrow import UnexpectedValue, to_array

    with pytest.raises(UnexpectedValue) as caught:
        to_array("LastAccessedDate", ["canary"], "timestamp")
    chain: BaseException | None = caught.value
    while chain is not None and not chain.__suppress_context__:
        assert "canary" not in str(chain)
        chain = chain.__context__


@case("Secrets and persons", "an error pickled into dlt's trace carries no secret", "exact")
def test_pickled_error() -> None:
    import pickle

    import requests

    response = requests.Response()
    response.status_code, response._content = 400, b"x_d=canary&Bearer canary"
    response.request = requests.Request(
        "GET", "https://h/?x_c=canary", headers={"Authorization": "Bearer canary"}
    ).prepare()
    outcome: Any = classify(response, RequestContext("route"))
    assert isinstance(outcome, Fail)
    assert b"canary" not in pickle.dumps(outcome.error)


MEGABYTES = 400


@together(
    "Memory",
    "exact",
    "200 000 small rows in pages of 100 stay under 400 MB",
    "memory does not grow with the number of pages",
)
@needs_proc
@pytest.mark.slow
def test_memory(arena: Arena) -> None:
    rows, size = 200_000, 100
    seen: dict[int, int] = {}
    victim: list[Any] = []

    def quick(request: Any, _normal: Any) -> Answer:
        start = int(request.params.get("bookmark", 0))
        if start in (rows // 2, rows - size):
            seen[start] = megabytes("VmRSS", victim[0].pid)
        items = ",".join(
            f'{{"UserId":{number},"FirstName":"Name {number}"}}'
            for number in range(start + 1, start + size + 1)
        )
        more = "true" if start + size < rows else "false"
        paging = f'"PagingInfo":{{"Bookmark":"{start + size}","HasMoreItems":{more}}}'
        return Answer(body=f'{{{paging},"Items":[{items}]}}'.encode())

    arena.fault("/users/$", quick)
    victim.append(arena.child("users"))
    out, err = victim[0].communicate(timeout=110)
    assert victim[0].returncode == 0, err
    peak = int(out.split()[-2])
    assert peak < MEGABYTES
    assert seen[rows - size] - seen[rows // 2] < 30
    counted = arena.query("SELECT COUNT(*), COUNT(DISTINCT user_id), MAX(user_id) FROM users")
    assert counted == [(rows, rows, rows)]
    arena.observed = "exact"
