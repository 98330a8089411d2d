"""Import and copy jobs of the sandbox (docs/brightspace-api.md, "Course packages")."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from .caller import Api, Serve

LE = "le/1.82"


def package(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        for name in names or ("imsmanifest.xml",):
            zipped.writestr(name, "<manifest/>")
    return content.getvalue()


def post(api: Api, path: str, token: str | None = None, **more: Any) -> requests.Response:
    token = token or api.sandbox.credentials["bearer"]["token"]
    return requests.post(
        api.url(path), headers={"Authorization": f"Bearer {token}"}, timeout=5, **more
    )


def upload(api: Api, name: str = "good.zip", content: bytes | None = None, **more: Any) -> str:
    """Upload as D2L's walk-through does, and return the job's path."""
    path = f"{LE}/import/{api.sandbox.world.course_ids[0]}/imports/"
    files = {"file": (name, content or package(), "application/zip")}
    answer = post(api, path, files=files, **more)
    assert answer.status_code == 200, answer.text
    return f"{path}{answer.json()['JobToken']}"


def statuses(api: Api, path: str) -> list[str]:
    """Ask until the answer stays the same."""
    found = [api.json(path)["Status"]]
    while len(found) < 2 or found[-1] != found[-2]:
        found.append(api.json(path)["Status"])
    return found[:-1]


CONVERTED = ["UPLOADING", "PROCESSING", "PROCESSED", "IMPORTING"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("good.zip", [*CONVERTED, "COMPLETED"]),
        ("fail.zip", [*CONVERTED, "IMPORTFAILED"]),
        ("timeout.zip", [*CONVERTED, "Timeout"]),
        ("native.zip", ["UPLOADING", "READYTOIMPORTNATIVELY", "IMPORTING", "COMPLETED"]),
        ("strange.zip", ["UPLOADING", "UNKNOWN", "PROCESSED", "IMPORTING", "COMPLETED"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_stages_of_an_import(serve: Serve, name: str, expected: list[str]) -> None:
    api = serve()
    assert statuses(api, upload(api, name)) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"hello", "not a zip archive"), (package("index.html"), "no imsmanifest.xml")],
    ids=["no zip", "no manifest"],
)
def test_what_is_no_package_fails_with_a_log(serve: Serve, content: bytes, words: str) -> None:
    api = serve(page_size=2)
    path = upload(api, content=content)
    assert statuses(api, path)[-1] == "IMPORTFAILED"
    lines = api.items(f"{path}/logs/")
    assert any(words in line["Message"] for line in lines)
    assert set(lines[0]) == {
        "LogId",
        "ConversionImportJobId",
        "OperationTypeId",
        "LogDateTime",
        "Message",
        "TypeId",
    }


def test_slow_jobs_and_a_job_by_the_clock(serve: Serve) -> None:
    api = serve()
    path = upload(api, "slow.zip")
    assert [api.json(path)["Status"] for _ in range(6)] == ["UPLOADING"] * 5 + ["PROCESSING"]
    timed = serve(job_seconds=100)
    path = upload(timed)
    assert {timed.json(path)["Status"] for _ in range(9)} == {"UPLOADING"}
    timed.sandbox.clock.advance(301)
    assert timed.json(path)["Status"] == "IMPORTING"
    timed.sandbox.clock.advance(1000)
    assert timed.json(path)["Status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": b"PK", "headers": {}}, 415),
        ({"files": {"package": ("a.zip", b"PK", "application/zip")}}, 400),
        ({"files": {"file": ("a.zip", b"PK", "text/plain")}}, 400),
        ({"files": {"file": (None, b"PK")}}, 400),
        ({"files": [("file", ("a.zip", b"", "application/zip"))] * 2}, 400),
    ],
    ids=["not multipart", "other name", "other type", "no file name", "two files"],
)
def test_other_bodies_are_refused(serve: Serve, body: dict[str, Any], status: int) -> None:
    api = serve()
    path = f"{LE}/import/{api.sandbox.world.course_ids[0]}/imports/"
    token = api.sandbox.credentials["bearer"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(api.url(path), timeout=5, **{**body, "headers": headers})
    assert answer.status_code == status
    assert list(api.sandbox.world.jobs) == []


def test_a_broken_multipart_is_refused(serve: Serve) -> None:
    api = serve()
    path = f"{LE}/import/{api.sandbox.world.course_ids[0]}/imports/"
    token = api.sandbox.credentials["bearer"]["token"]
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    answer = requests.post(api.url(path), data=b"no boundary", headers=headers, timeout=5)
    assert answer.status_code == 400


def test_imports_ask_for_their_own_scopes_and_a_course(serve: Serve) -> None:
    api = serve(scopes="core:*:* import:job:fetch", forbidden_courses=1)
    world = api.sandbox.world
    path = f"{LE}/import/{world.course_ids[0]}/imports/"
    service = dict(api.sandbox.credentials["bearer"])
    files = {"file": ("a.zip", package(), "application/zip")}
    assert post(api, path, service["token"], files=files).status_code == 403
    free = serve(forbidden_courses=1)
    (forbidden,) = free.sandbox.world.forbidden
    assert post(free, f"{LE}/import/{forbidden}/imports/", files=files).status_code == 403
    assert post(free, f"{LE}/import/1/imports/", files=files).status_code == 404
    assert free.get(f"{LE}/import/{free.sandbox.world.course_ids[0]}/imports/x").status_code == 404


def copy(api: Api, **changes: Any) -> requests.Response:
    first, second = api.sandbox.world.course_ids[:2]
    body = {"SourceOrgUnitId": first, "Components": None, "CallbackUrl": None, **changes}
    return post(api, f"{LE}/import/{second}/copy/", json=body)


def test_stages_of_a_copy(serve: Serve) -> None:
    api = serve()
    path = f"{LE}/import/{api.sandbox.world.course_ids[1]}/copy/"
    token = copy(api).json()["JobToken"]
    assert statuses(api, path + token) == ["PENDING", "PROCESSING", "COMPLETE"]
    api.sandbox.world.forbid(api.sandbox.world.course_ids[0])
    token = copy(api, Components=["Content"]).json()["JobToken"]
    assert statuses(api, path + token) == ["PENDING", "PROCESSING", "FAILED"]
    token = copy(api).json()["JobToken"]
    ask = {"token": token, "status": "CANCELLED"}
    assert requests.post(f"{api.sandbox.url}/sandbox/end-job", json=ask, timeout=5).ok
    assert api.json(path + token)["Status"] == "CANCELLED"


def test_a_wrong_copy_is_refused(serve: Serve) -> None:
    api = serve()
    assert copy(api, SourceOrgUnitId=1).status_code == 404
    assert copy(api, SourceOrgUnitId="x").status_code == 400
    assert copy(api, Components="Content").status_code == 400
    assert post(api, f"{LE}/import/{api.sandbox.world.course_ids[0]}/copy/").status_code == 400


@pytest.fixture
def calls() -> Iterator[tuple[str, Callable[[], tuple[str, bytes]]]]:
    """An address to call, and what waits for the call."""
    heard: list[tuple[str, bytes]] = []
    there = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"] or 0))))
            self.send_response(204)
            self.end_headers()
            there.set()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()

    def wait() -> tuple[str, bytes]:
        assert there.wait(5)
        return heard[0]

    yield f"http://127.0.0.1:{server.server_address[1]}/done?x=1", wait
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("settings", [{}, {"job_seconds": 0.01}], ids=["by looks", "by the clock"])
def test_the_end_of_a_job_is_called_out(
    serve: Serve, calls: Any, settings: dict[str, float]
) -> None:
    url, wait = calls
    api = serve(**settings)
    path = upload(api, params={"callbackUrl": url})
    if not settings:
        statuses(api, path)
    assert wait() == ("/done?x=1", b"")


def test_jobs_can_be_looked_at(serve: Serve) -> None:
    api = serve()
    token = upload(api, "a.zip").rpartition("/")[2]
    (job,) = requests.get(f"{api.sandbox.url}/sandbox/jobs", timeout=5).json()
    assert (job["token"], job["fileName"], job["size"]) == (token, "a.zip", len(package()))
    wrong = {"token": token, "status": "IMPORTING"}
    answer = requests.post(f"{api.sandbox.url}/sandbox/end-job", json=wrong, timeout=5)
    assert answer.status_code == 400
