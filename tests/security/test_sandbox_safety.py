"""The sandbox answers programs of this machine, and calls nobody else."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable, Iterator

import pytest
import requests

from d2l_brightspace.sandbox import Sandbox, SandboxSettings, callbacks
from tests.cases import case, together
from tests.wire_server import Answer, Request, Server


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(courses=2, users=2, class_size=1, log_messages=0)) as sandbox:
        yield sandbox


def status(sandbox: Sandbox, method: str, path: str, **headers: str) -> int:
    """Ask with headers as they are, where PORT stands for the right port."""
    port = int(sandbox.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"Host": "127.0.0.1:PORT", **headers}.items():
            connection.putheader(name, value.replace("PORT", str(port)))
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


PATHS = ("/sandbox/credentials", "/sandbox/truth", "/d2l/api/versions/", "/storage/x")


HOSTS = {
    "a name that was made to lead to it (DNS rebinding)": ("evil.example:PORT", 421),
    "a foreign name that begins as its own": ("127.0.0.1.evil.example:PORT", 421),
    "its address with another port": ("127.0.0.1:1", 421),
    "a Host that is none": ("[::1", 421),
    "its own addresses go on working": ("127.0.0.1:PORT", 200),
    "localhost": ("localhost:PORT", 200),
    "the address in IPv6": ("[::1]:PORT", 200),
}


@together("Sandbox", "safe", *list(HOSTS)[:5])
def test_who_is_meant(sandbox: Sandbox) -> None:
    for title, (host, expected) in HOSTS.items():
        answers = [status(sandbox, "GET", path, Host=host) for path in PATHS]
        let_in = [200, 200, 200, 403]  # the storage wants a signature
        assert answers == (let_in if expected == 200 else [421] * 4), title


ORIGINS = {
    "a page of another site posts to it": "https://evil.example",
    "a page of another local port posts to it": "http://127.0.0.1:1",
    "a page that hides its origin posts to it": "null",
}


@together("Sandbox", "safe", *ORIGINS)
def test_web_pages(sandbox: Sandbox) -> None:
    course = sandbox.world.course_ids[0]
    for title, origin in ORIGINS.items():
        for method, path in (("POST", "/sandbox/forbid"), ("POST", "/core/connect/token")):
            assert status(sandbox, method, path, Origin=origin) == 403, title
        change = f"{sandbox.url}/sandbox/forbid"
        answer = requests.post(
            change, json={"orgUnitId": course}, headers={"Origin": origin}, timeout=5
        )
        assert answer.status_code == 403
    assert not sandbox.world.forbidden
    # 400: there is no body
    assert status(sandbox, "POST", "/sandbox/forbid", Origin="http://127.0.0.1:PORT") == 400


@case("Sandbox", "control characters in a path: escaped in its own log", "safe")
def test_its_log(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert status(sandbox, "GET", "/d2l/api/x%1b%5b2J%0aforged?%1b=%9b%0d") == 404
    [line] = [one.getMessage() for one in caplog.records if one.name == "d2l_brightspace.sandbox"]
    assert "forged" in line
    assert line.isprintable()


@case("Sandbox", "a callbackUrl that leads to another machine", "safe")
def test_where_it_calls(sandbox: Sandbox) -> None:
    for url in (
        "http://evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "file:///etc/passwd",
        "//127.0.0.1/",
    ):
        answers = start_jobs(sandbox, url)
        assert [one.status_code for one in answers] == [400, 400], url
        assert "loopback" in answers[0].json()["detail"]
    assert list(sandbox.world.jobs) == []
    for good in ("http://127.0.0.1:1/x", "http://localhost:1/", "http://[::1]:1/", None):
        assert [one.status_code for one in start_jobs(sandbox, good)] == [200, 200], good


def start_jobs(sandbox: Sandbox, url: str | None) -> list[requests.Response]:
    """Start an import and a copy."""
    first, second = sandbox.world.course_ids[:2]
    root = f"{sandbox.url}/d2l/api/le/1.82/import/{first}"
    headers = {"Authorization": f"Bearer {sandbox.credentials['bearer']['token']}"}
    file = {"file": ("a.zip", b"PK", "application/zip")}
    copy = {"SourceOrgUnitId": second, "Components": None, "CallbackUrl": url}
    return [
        requests.post(
            f"{root}/imports/", params={"callbackUrl": url}, files=file, headers=headers, timeout=5
        ),
        requests.post(f"{root}/copy/", json=copy, headers=headers, timeout=5),
    ]


@case("Sandbox", "an address that it calls answers with a redirect, or a proxy is set", "safe")
def test_it_calls_that_address_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(lambda _request: Answer(200)) as other, Server(elsewhere(other)) as called:
        monkeypatch.setenv("HTTP_PROXY", other.url)
        callbacks._post(f"{called.url}/done")
        assert [one.method for one in called.requests] == ["POST"]
        assert other.requests == []


def elsewhere(other: Server) -> Callable[[Request], Answer]:
    return lambda _request: Answer(302, headers={"Location": f"{other.url}/"})
