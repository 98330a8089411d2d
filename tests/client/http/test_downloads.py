"""Downloads from a storage that misbehaves, over real sockets: whole, or a clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from d2l_brightspace import BearerAuth, IdKeyAuth, ProtocolError, ServiceUnavailable
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.connection import connect
from tests.hostile.arena import ID_KEY
from tests.hostile.server import Answer, Raw, Request, Server, head
from tests.hostile.tenant import VERSIONS, slowly

CONTENT = bytes(range(256)) * 40
PLUGIN = "dataExport/bds/download/(pluginId)"
LINK = "/d2l/api/lp/1.49/dataExport/bds/download/7"
ZIP = {"Content-Type": "application/zip", "ETag": '"one"'}


def brightspace(request: Request) -> Answer:
    """Knows its versions and one file, of which it serves any range (RFC 9110, 14)."""
    if request.path == "/d2l/api/versions/":
        return Answer(body=VERSIONS)
    start = int(request.headers.get("range", "bytes=0-")[6:-1])
    headers = ZIP | {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    return Answer(206 if start else 200, CONTENT[start:], headers)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(brightspace) as one:
        yield one


Download = Callable[..., bytes]


@pytest.fixture
def download(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Download]:
    prefix = "SOURCES__D2L_BRIGHTSPACE_SOURCE__LIMITS__"
    monkeypatch.setenv(prefix + "RESPONSE_SECONDS", "0.4")
    monkeypatch.setenv(prefix + "MAX_ATTEMPTS", "3")
    sessions: list[BrightspaceSession] = []

    def get(link: str = LINK, credentials: Any = None, size: int = 0) -> bytes:
        bearer = BearerAuth(token="canary-token")
        session = connect(server.url, credentials or bearer, sleep=lambda _: None)
        sessions.append(session)
        session.download(link, tmp_path / "file.zip", PLUGIN, size=size)
        return (tmp_path / "file.zip").read_bytes()

    yield get
    for session in sessions:
        session.close()


def ranges(server: Server) -> list[str | None]:
    return [request.headers.get("range") for request in server.asked("download")]


def first(length: int, **headers: str) -> bytes:
    """An answer that announces the whole file and brings the first bytes of it."""
    return head(200, ZIP | {"Content-Length": str(len(CONTENT))} | headers) + CONTENT[:length]


def test_whole_at_once(server: Server, download: Download) -> None:
    assert download(size=len(CONTENT)) == CONTENT
    assert ranges(server) == [None]
    (request,) = server.asked("download")
    assert request.headers["authorization"] == "Bearer canary-token"
    assert request.headers["accept-encoding"] == "identity"


def test_a_slow_file_may_take_longer_than_a_page(server: Server, download: Download) -> None:
    step = len(CONTENT) // 5
    pieces = [first(0), *(CONTENT[at : at + step] for at in range(0, len(CONTENT), step))]
    server.fault("download", lambda *_: Raw(slowly(pieces, 0.15)))
    assert download() == CONTENT
    assert len(ranges(server)) == 1


def test_silence_in_mid_file_is_ended_and_the_rest_asked_for(
    server: Server, download: Download
) -> None:
    server.fault("download", lambda *_: Raw(slowly([first(1000), b"late"], 1.0)), times=1)
    assert download() == CONTENT
    assert ranges(server) == [None, "bytes=1000-"]
    assert server.asked("download")[1].headers["if-range"] == '"one"'


def test_trickling_headers_have_one_deadline(server: Server, download: Download) -> None:
    text = first(0)
    drops = [text[at : at + 1] for at in range(len(text))]
    server.fault("download", lambda *_: Raw(slowly(drops, 0.1)))
    with pytest.raises(ServiceUnavailable, match=r"longer than 0\.4 s"):
        download()
    assert len(ranges(server)) == 3


def test_progress_renews_the_retry_budget(server: Server, download: Download) -> None:
    for at in range(0, 5000, 1000):

        def cut(request: Request, normal: Any, start: int = at) -> Raw:
            size = {"Content-Length": str(len(CONTENT) - start)}
            headers = normal().headers | size
            return Raw([head(206 if start else 200, headers) + CONTENT[start : start + 1000]])

        server.fault("download", cut, times=1)
    assert download() == CONTENT
    assert len(ranges(server)) == 6


def test_no_progress_is_an_error(server: Server, download: Download) -> None:
    server.fault("download", Raw([first(0)]))
    with pytest.raises(ServiceUnavailable, match="No whole file"):
        download()
    assert len(ranges(server)) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(206, CONTENT[500:], {"Content-Range": f"bytes 500-{len(CONTENT) - 1}/*"}),
        Answer(206, CONTENT[1000:]),
        Answer(206, CONTENT[1000:], {"Content-Range": "nonsense"}),
        Answer(416),
    ],
    ids=["another range", "no range", "nonsense", "416"],
)
def test_another_part_than_was_asked_for(
    server: Server, download: Download, answer: Answer
) -> None:
    server.fault("download", Raw([first(1000)]), times=1)
    server.fault("download", answer, times=1)
    assert download() == CONTENT
    assert ranges(server) == [None, "bytes=1000-", None]


def test_a_file_that_changed_meanwhile_is_taken_whole(server: Server, download: Download) -> None:
    newer = b"newer" * 100
    server.fault("download", Raw([first(1000)]), times=1)
    server.fault("download", Answer(200, newer, ZIP | {"ETag": '"two"'}))
    assert download() == newer


def test_a_server_without_ranges(server: Server, download: Download) -> None:
    server.fault("download", Raw([first(1000)]), times=1)
    server.fault("download", Answer(200, CONTENT))
    assert download() == CONTENT


@pytest.mark.parametrize("announced", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_another_size_than_announced(server: Server, download: Download, announced: int) -> None:
    server.fault("download", Raw([head(200, ZIP) + CONTENT]))  # no length of its own
    with pytest.raises(ServiceUnavailable, match=f"of {announced} bytes"):
        download(size=announced)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (Answer(200, b"<html>Log in</html>", content_type="text/html"), "HTML page"),
        (Answer(302, headers={"Location": LINK}), "redirects"),
        (Answer(302, headers={"Location": "http://[::1"}), "no URL"),
        (Answer(302, headers={"Location": "ftp://storage.example.com/x"}), "plain HTTP"),
        (Answer(302), "status 302"),
    ],
    ids=["HTML", "loop", "nonsense", "another scheme", "nowhere"],
)
def test_what_is_no_file(server: Server, download: Download, answer: Answer, match: str) -> None:
    server.fault("download", answer)
    with pytest.raises(ProtocolError, match=match):
        download()
    assert len(ranges(server)) <= 6


@pytest.mark.parametrize(
    "credentials", [BearerAuth(token="canary-token"), IdKeyAuth(**ID_KEY)], ids=["bearer", "id-key"]
)
def test_another_host_gets_the_request_without_credentials(
    server: Server, download: Download, credentials: Any
) -> None:
    with Server(lambda _: Answer(200, CONTENT)) as storage:
        signed = f"{storage.url}/file.zip?signature=theirs"
        server.fault("download", Answer(302, headers={"Location": signed}))
        assert download(credentials=credentials) == CONTENT
        (request,) = storage.requests
    assert request.target == "/file.zip?signature=theirs"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


def test_a_way_back_from_another_host_carries_credentials_again(
    server: Server, download: Download
) -> None:
    def sends_back(_: Request) -> Answer:
        return Answer(302, headers={"Location": f"{server.url}{LINK}?again=1"})

    with Server(sends_back) as storage:
        server.fault("download", Answer(302, headers={"Location": storage.url}), times=1)
        assert download() == CONTENT
        assert "authorization" not in storage.requests[0].headers
    last = server.asked("download")[-1]
    assert last.headers["authorization"] == "Bearer canary-token"


def test_words_of_an_error_hold_no_link(server: Server, download: Download) -> None:
    with Server(lambda _: Answer(500)) as storage:
        signed = f"{storage.url}/file.zip?signature=canary"
        server.fault("download", Answer(302, headers={"Location": signed}))
        with pytest.raises(ServiceUnavailable) as caught:
            download()
    assert "canary" not in str(caught.value)
    assert PLUGIN in str(caught.value)
