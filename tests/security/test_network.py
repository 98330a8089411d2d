"""Where requests and credentials go: proxies, other apps of a host, names that look alike."""

from __future__ import annotations

import logging
import posixpath
import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from urllib3.util import parse_url

from d2l_brightspace import BearerAuth, ProtocolError
from d2l_brightspace.client.auth.credentials import IdKeyAuth
from d2l_brightspace.client.errors import BrightspaceError, ConfigurationError
from d2l_brightspace.client.http.messages import HttpRequest
from d2l_brightspace.client.http.origins import within_brightspace
from d2l_brightspace.client.http.transport import Transport, TransportFailure
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.routes import Route
from d2l_brightspace.connection import connect
from d2l_brightspace.settings import base_url
from tests.cases import case, each, together
from tests.hostile.arena import ID_KEY
from tests.wire_server import Answer, Server

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
HERE, SCHOOL = "127.0.0.1", "school.example.com"


@pytest.fixture(autouse=True)
def _no_proxy_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(lambda _: Answer(200, {"direct": True})) as one:
        yield one


@pytest.fixture
def proxy() -> Iterator[Server]:
    with Server(lambda _: Answer(200, {"direct": False})) as one:
        yield one


@pytest.fixture
def transport() -> Iterator[Transport]:
    one = Transport(Limits(connect_seconds=2, response_seconds=5))
    yield one
    one.close()


def set_proxy(monkeypatch: pytest.MonkeyPatch, proxy: Server, login: str = "") -> None:
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{login}{HERE}:{proxy.port}")


def names_lead_to(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every host name be this machine's."""
    real = socket.getaddrinfo

    def found(host: str, _port: Any, *rest: Any, **more: Any) -> Any:
        return real(HERE, server.port if host == SCHOOL else _port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", found)


# --- proxies ------------------------------------------------------------------------------------


@case("Network", "a proxy is set: this machine itself is asked without it", "safe")
def test_loopback_goes_past_the_proxy(
    server: Server, proxy: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_proxy(monkeypatch, proxy)
    for host in (HERE, "localhost"):
        answer = transport.exchange(HttpRequest.get(f"http://{host}:{server.port}/d2l/x"))
        assert answer.json() == {"direct": True}
    with transport.streamed(HttpRequest.get(f"{server.url}/d2l/y")) as (_, pieces):
        assert b"true" in b"".join(pieces)
    assert [one.target for one in server.requests] == ["/d2l/x", "/d2l/x", "/d2l/y"]
    for host in ("127.8.9.10", "[::1]"):  # nobody listens there
        with pytest.raises(TransportFailure):
            transport.exchange(HttpRequest.get(f"http://{host}:{server.port}/d2l/x"))
    assert proxy.requests == []


@together(
    "Network",
    "safe",
    "a proxy is set: other hosts are asked through it",
    "a proxy that wants a password: it is in no log",
)
def test_other_hosts_go_through_the_proxy(
    proxy: Server,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    set_proxy(monkeypatch, proxy, login="us:canary-password@")
    url = f"http://{SCHOOL}/d2l/api/x?a=1"
    assert transport.exchange(HttpRequest.get(url)).json() == {"direct": False}
    with transport.streamed(HttpRequest.get(url)) as (_, pieces):
        assert b"false" in b"".join(pieces)
    assert [one.target for one in proxy.requests] == [url, url]
    assert "proxy-authorization" in proxy.requests[0].headers
    proxy.fault("", Answer(502))
    secret = HttpRequest.get(f"https://{SCHOOL}/d2l/api/x?x_c=canary")
    secret.headers["Authorization"] = "Bearer canary"
    with pytest.raises(TransportFailure) as caught:
        transport.exchange(secret)
    tunnel = proxy.requests[-1]
    assert (tunnel.method, tunnel.target) == ("CONNECT", f"{SCHOOL}:443")
    assert b"canary" not in tunnel.head
    assert "canary" not in f"{caught.value} {caplog.text}"


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@case("Network", "NO_PROXY, in capitals and small letters: honoured", "safe")
def test_no_proxy(
    server: Server,
    proxy: Server,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    names_lead_to(server, monkeypatch)
    set_proxy(monkeypatch, proxy)
    monkeypatch.setenv(name, "other.example.com, .example.com")
    answer = transport.exchange(HttpRequest.get(f"http://{SCHOOL}/d2l/x"))
    assert answer.json() == {"direct": True}
    answer = transport.exchange(HttpRequest.get("http://school.example.org/d2l/x"))
    assert answer.json() == {"direct": False}


# --- other apps of the same host ----------------------------------------------------------------

AWAY = (
    "/other/app",
    "/d2l/../other/app",
    "/d2l/%2e%2e/other/app",
    "/d2l/%252e%252e/other/app",
    "/d2l/..%2fother/app",
    "/d2l/x\\..\\..\\other",
    "/D2L/api/x",
    "//other/d2l/x",
)


def leads_away(request: Any) -> Answer:
    """Answers each request by a redirect or a `Next` to the place its query names."""
    if request.path.startswith("/other") or "arrived" in request.target:
        return Answer(200, b"{}")
    place = AWAY[int(request.params["to"])]
    if "list" in request.path:
        return Answer(200, {"Next": place, "Objects": []})
    return Answer(302, headers={"Location": place})


@pytest.mark.parametrize("auth", [BearerAuth("canary-bearer"), IdKeyAuth(**ID_KEY)], ids=["b", "i"])
@together(
    "Network",
    "clear error",
    "redirect to another app of the same host: nothing arrives there",
    "Next to another app of the same host: nothing arrives there",
    "the same by dots, percent escapes, backslashes and capitals",
)
def test_no_request_leaves_d2l(auth: Any) -> None:
    with Server(leads_away) as server:
        session = connect(server.url, auth)
        for number in range(len(AWAY)):
            with pytest.raises(ProtocolError, match=r"another host or scheme, or out of /d2l/"):
                session.get_json(f"lp/1.49/redirect?to={number}")
            with pytest.raises(ProtocolError, match=r"another host or scheme, or out of /d2l/"):
                session.read_objects(f"lp/1.49/list?to={number}", "lp/(version)/list", "a:b:c")
        session.close()
    assert [one for one in server.requests if not one.path.startswith("/d2l/api/lp/1.49/")] == []
    assert len(server.requests) == 2 * len(AWAY)


@case("Network", "download from another app of the same host: without a credential", "safe")
def test_downloads_out_of_d2l_carry_no_credential(tmp_path: Path) -> None:
    def storage(request: Any) -> Answer:
        if request.path.startswith("/storage"):
            return Answer(200, b"file", content_type="application/zip")
        return Answer(302, headers={"Location": "/storage/file?sig=x"})

    for auth in (BearerAuth("canary-bearer"), IdKeyAuth(**ID_KEY)):
        with Server(storage) as server:
            session = connect(server.url, auth)
            session.download("lp/1.49/file", tmp_path / "a", "file")
            session.download(f"{server.url}/storage/%2e%2e/d2l", tmp_path / "b", "file")
            session.close()
        ours, *others = server.requests
        assert "authorization" in ours.headers or "x_c" in ours.params
        assert len(others) == 2
        for one in others:
            assert "authorization" not in one.headers
            assert "x_c" not in one.target


@case("Network", "redirect to another app, in plain rest_api: the token stays", "safe")
def test_requests_authentication_stays_at_home() -> None:
    with Server(leads_away) as server:
        answer = requests.get(
            f"{server.url}/d2l/api/x?to=0", auth=BearerAuth("canary-bearer"), timeout=5
        )
    assert answer.status_code == 200
    first, second = server.requests
    assert first.headers["authorization"] == "Bearer canary-bearer"
    assert second.path == "/other/app"
    assert "authorization" not in second.headers


PIECES = [
    *("/d2l/", "/d2l", "d2l", "/", "//", "\\", "..", ".", "...", "/../", "/..", "../", "..;x/"),
    *("%2e", "%2E%2e", "%252e", "%25252e", "%2f", "%5C", "%252f", "%c0%ae", "%00", "%ef%bc%8e"),
    *("\u2025", "\uff0e\uff0e", "\uff0f", ".. ", " ", "\t", "\n", "?", "#", "@", ":443", ":", ";"),
    *("api", "x", "other", "D2L", SCHOOL, "school.example.com.evil.org", "evil.org", "école"),
    *("https:", "http:", "https://", f"https://{SCHOOL}", f"//{SCHOOL}/d2l/", "javascript:"),
]


def trusted(url: str, host: str) -> bool:
    """Whether the strictest reading of a URL is a path below `/d2l/` of the host."""
    sent = parse_url(requests.Request("GET", url).prepare().url or "")
    path = sent.path or ""
    for _ in range(9):
        path = unquote(path, errors="ignore")
    steps = re.split(r"[/\\]+", path.replace("\uff0e", ".").replace("\uff0f", "/"))
    plain = "/" + "/".join(step.partition(";")[0].strip() for step in steps if step)
    same = (sent.scheme, sent.host, sent.port in (None, 443), sent.auth)
    return same == ("https", host, True, None) and f"{posixpath.normpath(plain)}/".startswith(
        "/d2l/"
    )


@case("Network", "8 000 odd links: none that leads out of /d2l/ gets a credential", "safe")
def test_odd_links() -> None:
    dice, taken = random.Random(20), 0
    base = f"https://{SCHOOL}/d2l/api/"
    session = connect(SCHOOL, BearerAuth("canary-bearer"))
    for _ in range(4_000):
        link = "".join(dice.choices(PIECES, k=dice.randint(1, 6)))
        url = within_brightspace(link, base + "lp/1.49/list?a=b")
        if url is not None:
            taken += 1
            assert trusted(url, SCHOOL), link
        try:
            session._sender.ready(HttpRequest("GET", base + link, {}), base + link, Route("x"))
        except BrightspaceError:
            continue
        assert trusted(base + link, SCHOOL), link
    session.close()
    assert taken > 100


@pytest.mark.parametrize(
    ("host", "name"), [(SCHOOL, SCHOOL.upper()), ("xn--cole-9oa.fr", "École.fr")]
)
@together(
    "Network",
    "safe",
    "links below /d2l/ of the same host, however written: followed",
    "a host with other letters, set in its ASCII form: its links are followed",
)
def test_links_that_are_followed(host: str, name: str) -> None:
    base = f"https://{host}/d2l/api/le/1.98/1/list?pageSize=2"
    for link in (
        "/d2l/api/le/1.98/1/list?bookmark=a/../b%2e%2e",
        f"https://{name}/d2l/api/x?a=b c",
        f"HTTPS://{host}:443/d2l/api/x",
        f"//{host}/d2l/api/x",
        "?bookmark=é",
        "../2/list",
        "imports/a%2Fb..c",
        "imports/a%20b.json",
    ):
        url = within_brightspace(link, base)
        assert url is not None, link
        assert trusted(url, host), link
    assert within_brightspace("https://xn--cole-9oa.evil.org/d2l/", base) is None


# --- names that look alike ----------------------------------------------------------------------


@each(
    "Network",
    ("host with a Cyrillic letter: refused", "clear error", "schооl.com", "xn--schl-75da.com"),
    ("host with an umlaut: its ASCII form is named", "clear error", "École.fr", "xn--cole-9oa.fr"),
    ("host with a letter that becomes ASCII", "clear error", "https://s\u212aool.com", "skool.com"),
)
def test_hosts_in_other_alphabets(host: str, ascii_form: str) -> None:
    with pytest.raises(ConfigurationError, match="letters outside ASCII") as caught:
        base_url(host)
    assert f'host = "{ascii_form}"' in str(caught.value)
    assert base_url(ascii_form) == f"https://{ascii_form}/d2l/api/"
    for odd in ("school\u3002com", "\u0660.com:x", "\ud800.com", "-\u00e9-.com", "\u200d.com"):
        with pytest.raises(ConfigurationError, match="`host`"):
            base_url(odd)
