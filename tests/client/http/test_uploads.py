"""Sending what must arrive once, over a socket that misbehaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from d2l_brightspace import (
    ConfigurationError,
    OutcomeUnknown,
    PermissionDenied,
    ServiceUnavailable,
)
from d2l_brightspace.client.auth.credentials import _BearerAuthenticator
from d2l_brightspace.client.http.transport import Transport
from d2l_brightspace.client.http.uploads import FileUpload
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.session import BrightspaceSession

CONTENT = bytes(range(256)) * 2000  # some chunks
PATH = "le/1.82/import/(orgUnitId)/imports/"


@dataclass
class Server:
    """Answers uploads as asked: a status, or "hang up" before or after it has read the body."""

    answers: list[int | str]
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running = []

    def start(*answers: int | str) -> Server:
        made = Server(list(answers))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                answer = made.answers.pop(0)
                made.headers.append(self.headers)
                self.close_connection = True
                if answer == "hang up early":
                    self.rfile.read(100_000)
                    return
                made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                if answer == "hang up late":
                    return
                body = b'{"JobToken": "t"}' if answer != 204 else b""
                self.send_response(int(answer))
                if answer == 429:
                    self.send_header("Retry-After", "7")
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        made.url = f"http://127.0.0.1:{server.server_address[1]}/d2l/api/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        running.append((server, thread))
        return made

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


class Renewing(_BearerAuthenticator):
    """Logs in again after a 401."""

    def renew(self, refused: object) -> bool:
        self._token = "second"
        return True


@pytest.fixture
def rests() -> list[float]:
    return []


@pytest.fixture
def connect(rests: list[float]) -> Iterator[Callable[[Server], BrightspaceSession]]:
    sessions = []

    def make(server: Server) -> BrightspaceSession:
        limits = Limits(max_attempts=3)
        now = [0.0]

        def sleep(seconds: float) -> None:
            rests.append(seconds)
            now[0] += seconds

        session = BrightspaceSession(
            server.url, Renewing("first"), Transport(limits), limits, sleep=sleep
        )
        session._sender.rate_limiter._clock = lambda: now[0]
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'Übung "1".zip'
    path.write_bytes(CONTENT)
    return path


def part_of(server: Server, number: int = -1) -> Message:
    """The only part of a body, as the standard library parses it."""
    head = f"Content-Type: {server.headers[number]['Content-Type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + server.bodies[number]).get_payload()
    return part


def send(session: BrightspaceSession, upload: FileUpload) -> object:
    parts, params = {"orgUnitId": 6619}, {"callbackUrl": "https://me.example/x?y=1&z=2"}
    return session.post_once(PATH, upload, parts=parts, params=params)


def test_one_file_part_of_a_known_length(
    serve: Callable[..., Server], connect: Callable[..., BrightspaceSession], file: Path
) -> None:
    server = serve(200)
    order: list[str] = []
    upload = FileUpload(
        file,
        "application/zip",
        progress=lambda sent: order.append(f"{sent}"),
        before_end=lambda: order.append("end"),
    )
    assert send(connect(server), upload) == {"JobToken": "t"}
    assert int(server.headers[0]["Content-Length"]) == len(upload) == len(server.bodies[0])
    part = part_of(server)
    assert part.get_content_type() == "application/zip"
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_payload(decode=True) == CONTENT
    assert order[-2:] == [str(len(CONTENT)), "end"]


@pytest.mark.parametrize("refusal", [401, 429], ids=str)
def test_a_refused_upload_is_streamed_again(
    serve: Callable[..., Server],
    connect: Callable[..., BrightspaceSession],
    rests: list[float],
    file: Path,
    refusal: int,
) -> None:
    server = serve(refusal, 200)
    assert send(connect(server), FileUpload(file, "application/zip")) == {"JobToken": "t"}
    assert [part_of(server, n).get_payload(decode=True) == CONTENT for n in (0, 1)] == [True, True]
    tokens = [headers["Authorization"] for headers in server.headers]
    assert tokens == ["Bearer first", "Bearer second" if refusal == 401 else "Bearer first"]
    assert rests == ([] if refusal == 401 else pytest.approx([7.0]))


@pytest.mark.parametrize("answer", ["hang up late", 500, 503, 504, 204], ids=str)
def test_an_upload_whose_answer_is_lost_is_not_repeated(
    serve: Callable[..., Server],
    connect: Callable[..., BrightspaceSession],
    file: Path,
    answer: int | str,
) -> None:
    server = serve(answer)
    with pytest.raises(OutcomeUnknown, match=r"not known.*org unit 6619") as caught:
        send(connect(server), FileUpload(file, "application/zip"))
    assert len(server.bodies) == 1
    assert "callbackUrl" not in str(caught.value)


def test_an_upload_that_broke_in_the_middle_is_sent_again(
    serve: Callable[..., Server], connect: Callable[..., BrightspaceSession], tmp_path: Path
) -> None:
    file = tmp_path / "long.zip"
    with file.open("wb") as stream:
        stream.truncate(40_000_000)  # more than the buffers of the sockets
    server = serve("hang up early", 200)
    assert send(connect(server), FileUpload(file, "application/zip")) == {"JobToken": "t"}
    assert len(server.bodies) == 1


def test_what_never_arrives_is_no_doubt(
    connect: Callable[..., BrightspaceSession], rests: list[float], file: Path
) -> None:
    nobody = Server([], url="http://127.0.0.1:9/d2l/api/")
    with pytest.raises(ServiceUnavailable):
        send(connect(nobody), FileUpload(file, "application/zip"))
    assert len(rests) == 1  # nobody was ever reached there


def test_a_refusal_is_no_doubt(
    serve: Callable[..., Server], connect: Callable[..., BrightspaceSession], file: Path
) -> None:
    server = serve(403)
    with pytest.raises(PermissionDenied):
        send(connect(server), FileUpload(file, "application/zip"))


def test_a_block_is_sent_once_too(
    serve: Callable[..., Server], connect: Callable[..., BrightspaceSession]
) -> None:
    server = serve("hang up late")
    with pytest.raises(OutcomeUnknown):
        connect(server).post_once("le/1.82/x/", {"a": 1})
    assert server.bodies == [b'{"a": 1}']


@pytest.mark.parametrize("change", [b"", CONTENT * 2], ids=["shorter", "longer"])
def test_a_file_that_changes_is_not_sent(
    serve: Callable[..., Server],
    connect: Callable[..., BrightspaceSession],
    file: Path,
    change: bytes,
) -> None:
    server = serve("hang up late")  # it waits for all that was announced
    upload = FileUpload(file, "application/zip")
    file.write_bytes(change)
    with pytest.raises(ConfigurationError, match="changed while it was being sent"):
        send(connect(server), upload)
    assert not upload.sent_whole


def test_a_value_cannot_lead_to_another_route(
    serve: Callable[..., Server], connect: Callable[..., BrightspaceSession]
) -> None:
    session = connect(serve())
    url = session._url("le/1.82/imports/(jobToken)/logs/", {"jobToken": "../../x?y#z"})
    assert url.endswith("/le/1.82/imports/..%2F..%2Fx%3Fy%23z/logs/")
