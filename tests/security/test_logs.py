"""Signatures, signed links and tokens in log lines, whichever way a request goes."""

from __future__ import annotations

import http.client
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from dlt.common import logger as dlt_logger
from dlt.sources.rest_api import rest_api_source

from d2l_brightspace import IdKeyAuth, RefreshTokenAuth
from d2l_brightspace.client.errors import AuthenticationError
from d2l_brightspace.client.http.messages import HttpRequest
from d2l_brightspace.client.http.private_logs import LOGGERS, LogPrivacy
from d2l_brightspace.client.http.transport import Transport
from d2l_brightspace.client.http.uploads import FileUpload
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.connection import connect
from tests import ROOT
from tests.cases import case, together
from tests.hostile.arena import ID_KEY
from tests.wire_server import Answer, Raw, Request, Server

BODY = b'{"FirstName": "canary-person"}'
BROKEN_HEAD = (
    b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nConnection: close\r\n%b"
    b"no header https://storage.example.com/file?sig=canary-storage\r\nX: y\r\n\r\n"
)
WAYS = ("whole", "file", "storage", "upload", "token")
SECRET = re.compile(r"canary|Basic \w|Bearer \w")


def broken(request: Request) -> Raw:
    """An answer whose headers cannot be parsed, of whatever kind is asked for."""
    if request.path.endswith("/leads-to-storage"):
        place = b"Location: /storage/file?sig=canary-storage\r\n"
        return Raw([BROKEN_HEAD % (b"302 Found", place)])
    return Raw([BROKEN_HEAD % (b"200 OK", b"Content-Length: %d\r\n" % len(BODY)), BODY])


class Lines(logging.Handler):
    """Keeps everything there is of each record, as the most curious handler would."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.__dict__}")


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What reaches the root logger, warnings included."""
    handler = Lines()
    logging.getLogger().addHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        try:
            yield handler
        finally:
            logging.captureWarnings(False)
            logging.getLogger().removeHandler(handler)


@pytest.fixture
def privacy(monkeypatch: pytest.MonkeyPatch) -> LogPrivacy:
    """One that nothing of another test keeps active."""
    one = LogPrivacy()
    for place in ("http.transport", "auth.credentials"):
        monkeypatch.setattr(f"d2l_brightspace.client.{place}.private_logs", one.active)
    return one


def send_every_way(url: str, folder: Path) -> None:
    package = folder / "package.zip"
    package.write_bytes(b"zip")
    session = connect(url, IdKeyAuth(**ID_KEY))
    assert session.get_json("lp/1.49/whole")
    session.download("lp/1.49/file?sig=canary-storage", folder / "a", "file")
    session.download("lp/1.49/leads-to-storage", folder / "b", "file")
    assert session.post_once("lp/1.49/upload", FileUpload(package, "application/zip"))
    session.close()
    transport = Transport(Limits())
    grants = RefreshTokenAuth(
        "id", "canary-client", "canary-refresh", f"{url}/token", token_store=str(folder / "t.json")
    ).authenticator(transport)
    with pytest.raises(AuthenticationError) as caught:
        grants.authenticate(HttpRequest.get(f"{url}/d2l/api/x"))
    transport.close()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("level", ["default", "DEBUG"])
@together(
    "Secrets and persons",
    "safe",
    "broken headers, at the default level of logging: no signed URL in urllib3's warning",
    "the same at DEBUG: whole answers, downloads, storage, uploads, the token endpoint",
    "debugging of http.client switched on: no header and no body is printed",
)
def test_every_way(
    level: str,
    lines: Lines,
    tmp_path: Path,
    privacy: LogPrivacy,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.WARNING if level == "default" else logging.DEBUG)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    try:
        with Server(broken) as server:
            send_every_way(server.url, tmp_path)
    finally:
        root.setLevel(before)
    assert len(server.requests) == len(WAYS) + 1
    assert sum("Failed to parse headers" in one for one in lines.lines) == len(WAYS)
    shown = capfd.readouterr()
    for text in [*lines.lines, shown.out, shown.err]:
        assert not SECRET.search(text), text
        assert "x_c" not in text
    assert all(privacy._filter not in logging.getLogger(name).filters for name in LOGGERS)


@case("Secrets and persons", "broken headers from a proxy: no signed URL in a log", "safe")
def test_through_a_proxy(
    lines: Lines, privacy: LogPrivacy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(broken) as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://us:canary-proxy@127.0.0.1:{proxy.port}")
        transport = Transport(Limits())
        request = HttpRequest.get("http://school.example.com/d2l/api/x?x_c=canary")
        assert transport.exchange(request).status_code == 200
        with transport.streamed(request) as (answer, pieces):
            assert (answer.status_code, b"".join(pieces)) == (200, BODY)
        transport.close()
    assert [one for one in lines.lines if "Failed to parse headers" in one]
    assert not [one for one in lines.lines if "canary" in one]


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO, logging.DEBUG])
@together(
    "Secrets and persons",
    "safe",
    "plain rest_api with an ID-Key log-in: dlt logs no signature, at any level",
    "plain rest_api with an ID-Key log-in, broken headers: urllib3 logs no signature",
)
def test_plain_rest_api(level: int, lines: Lines, privacy: LogPrivacy) -> None:
    with Server(lambda _: Answer(200, BODY)) as server:
        read_plainly(server.url)  # dlt makes its logger when it is used first
    log = dlt_logger.LOGGER
    before, root_before = log.level, logging.getLogger().level
    log.setLevel(level)
    logging.getLogger().setLevel(level)
    log.addHandler(lines)
    try:
        with Server(broken) as server:
            names = read_plainly(server.url)
    finally:
        log.setLevel(before)
        logging.getLogger().setLevel(root_before)
        log.removeHandler(lines)
    assert names == ["canary-person"]
    assert {"x_a", "x_b", "x_c", "x_d", "x_t", "search"} == set(server.requests[0].params)
    assert any("Failed to parse headers" in one for one in lines.lines)
    assert level == logging.WARNING or any("Making GET request to" in one for one in lines.lines)
    for text in lines.lines:
        assert not [one for one in ("x_c", "x_d", *ID_KEY.values()) if one in text], text
    assert all(privacy._filter not in logging.getLogger(name).filters for name in LOGGERS)


def read_plainly(url: str) -> list[str]:
    source = rest_api_source(
        {
            "client": {"base_url": f"{url}/d2l/api/", "auth": IdKeyAuth(**ID_KEY)},
            "resources": [
                {
                    "name": "who",
                    "endpoint": {
                        "path": "lp/1.49/whoami",
                        "params": {"search": "a"},
                        "paginator": "single_page",
                        "data_selector": "$",
                    },
                }
            ],
        }
    )
    return [row["FirstName"] for row in source]


@case("Secrets and persons", "a log-in used by many threads of plain rest_api: signed each", "safe")
def test_signed_in_every_thread(privacy: LogPrivacy) -> None:
    with Server(lambda _: Answer(200, BODY)) as server:
        threads = [threading.Thread(target=read_plainly, args=(server.url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ["x_c" in one.params for one in server.requests] == [True] * 4


def test_urllib3_writes_to_no_other_logger() -> None:
    folder = Path(urllib3.__file__).parent
    modules = {
        ".".join(["urllib3", *path.relative_to(folder).with_suffix("").parts])
        for path in folder.rglob("*.py")
        if re.search(r"^\s*log\.\w+\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    # for browsers, and for HTTP/2, which has to be switched on for the whole process
    unused = {"urllib3.contrib.emscripten.response", "urllib3.http2.connection"}
    assert modules - unused - {"urllib3.contrib.pyopenssl"} <= set(LOGGERS)


def test_all_requests_go_through_the_transport() -> None:
    """What sends by other means has no filter on its log."""
    own = re.compile(r"requests\.(get|post|put|request|Session)\(|urlopen\(|HTTPS?Connection\(")
    package = ROOT / "d2l_brightspace"
    allowed = {"client/http/transport.py", "client/http/connections.py"}
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        if not name.startswith("sandbox/") and name not in allowed:
            assert not own.search(path.read_text(encoding="utf-8")), name
    assert own.search((package / "client/http/transport.py").read_text(encoding="utf-8"))
