"""The credentials as `requests` and dlt's own `rest_api` use them, against the sandbox."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from dlt.sources.rest_api import rest_api_source

from d2l_brightspace import BearerAuth, IdKeyAuth
from d2l_brightspace.client.http.private_logs import LOGGERS, LogPrivacy
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests.flows.conftest import SCHEMES, credentials_of

Start = Callable[..., Sandbox]
ANY_SCHEME = pytest.mark.parametrize("scheme", SCHEMES)
RENEWABLE = pytest.mark.parametrize("scheme", ["refresh_token", "service_user"])
WHO_AM_I = "d2l/api/lp/1.49/users/whoami"


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(
            Sandbox(SandboxSettings(courses=8, users=12, page_size=3, **settings))
        )


def my_enrollments(sandbox: Sandbox, auth: Any) -> Any:
    """A plain `rest_api` source of one paged list."""
    return rest_api_source(
        {
            "client": {
                "base_url": f"{sandbox.url}/d2l/api/",
                "auth": auth,
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "PagingInfo.Bookmark",
                    "cursor_param": "bookmark",
                    "has_more_path": "PagingInfo.HasMoreItems",
                },
            },
            "resources": [
                {
                    "name": "my_enrollments",
                    "endpoint": {
                        "path": "lp/1.49/enrollments/myenrollments/",
                        "data_selector": "Items",
                    },
                }
            ],
        }
    )


def who_am_i(sandbox: Sandbox, auth: Any) -> requests.Response:
    return requests.get(f"{sandbox.url}/{WHO_AM_I}?a=%2F", auth=auth, timeout=10)


@ANY_SCHEME
def test_vanilla_rest_api(start: Start, scheme: str, tmp_path: Path) -> None:
    sandbox = start()
    rows = list(my_enrollments(sandbox, credentials_of(sandbox, scheme, tmp_path)))
    assert len(rows) == len({row["OrgUnit"]["Id"] for row in rows}) > 8
    if scheme in ("refresh_token", "service_user"):
        assert len([one for one in sandbox.requests if one["path"].endswith("/token")]) == 1


@RENEWABLE
def test_a_refused_token_is_renewed_once(start: Start, scheme: str, tmp_path: Path) -> None:
    sandbox = start()
    auth = credentials_of(sandbox, scheme, tmp_path)
    assert who_am_i(sandbox, auth).status_code == 200
    sandbox.revoke_access_tokens()
    response = who_am_i(sandbox, auth)
    assert response.status_code == 200
    assert [one.status_code for one in response.history] == [401]


def test_a_token_that_cannot_be_renewed(start: Start) -> None:
    assert who_am_i(start(), BearerAuth("wrong")).status_code == 401


def test_a_clock_that_differs_is_learned(start: Start, tmp_path: Path) -> None:
    sandbox = start(clock_offset=4000)
    auth = credentials_of(sandbox, "id_key", tmp_path)
    assert who_am_i(sandbox, auth).status_code == 200
    assert len(sandbox.requests) == 2
    assert who_am_i(sandbox, auth).status_code == 200
    assert len(sandbox.requests) == 3


def test_id_key_signs_each_request_anew(start: Start, tmp_path: Path) -> None:
    sandbox = start()
    request = requests.Request(
        "GET", f"{sandbox.url}/{WHO_AM_I}?b=1", auth=credentials_of(sandbox, "id_key", tmp_path)
    ).prepare()
    names = list(parse_qs(urlsplit(request.path_url).query))
    assert names == ["b", "x_a", "x_c", "x_b", "x_d", "x_t"]
    assert request.url == f"{sandbox.url}/{WHO_AM_I}?b=1"


@RENEWABLE
def test_copies_and_threads_share_one_token(start: Start, scheme: str, tmp_path: Path) -> None:
    sandbox = start()
    auth = credentials_of(sandbox, scheme, tmp_path)
    copies = [copy.deepcopy(auth) for _ in range(6)]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: statuses.append(who_am_i(sandbox, one).status_code))
        for one in copies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert len([one for one in sandbox.requests if one["path"].endswith("/token")]) == 1


def test_nothing_secret_is_shown_or_kept(start: Start, tmp_path: Path) -> None:
    sandbox = start()
    auth = credentials_of(sandbox, "refresh_token", tmp_path)
    assert who_am_i(sandbox, auth).ok
    shown = f"{auth!r} {auth} {vars(auth)['_shared']!r}"
    for secret in (auth.client_secret, auth.refresh_token):
        assert secret not in shown
    assert "_shared" not in vars(pickle.loads(pickle.dumps(auth)))


@RENEWABLE
def test_no_log_filter_is_left_behind(
    start: Start, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    privacy, sandbox = LogPrivacy(), start()
    monkeypatch.setattr("d2l_brightspace.client.http.transport.private_logs", privacy.active)
    assert who_am_i(sandbox, credentials_of(sandbox, scheme, tmp_path)).ok
    assert all(privacy._filter not in logging.getLogger(name).filters for name in LOGGERS)


def test_a_setting_that_is_changed_counts(start: Start, tmp_path: Path) -> None:
    sandbox = start()
    auth = IdKeyAuth(**sandbox.credentials["id_key"])
    assert who_am_i(sandbox, auth).ok
    auth.user_key = "wrong"
    assert who_am_i(sandbox, auth).status_code == 403


def test_an_error_names_the_url_without_its_signature(start: Start, tmp_path: Path) -> None:
    sandbox = start()
    auth = credentials_of(sandbox, "id_key", tmp_path)
    response = requests.get(f"{sandbox.url}/d2l/api/lp/1.49/nothing?b=1", auth=auth, timeout=10)
    with pytest.raises(requests.HTTPError, match=r"/nothing\?b=1$"):
        response.raise_for_status()


def test_a_request_that_waited_long_is_signed_when_it_is_sent(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = start()
    auth = credentials_of(sandbox, "id_key", tmp_path)
    with monkeypatch.context() as earlier:
        earlier.setattr(auth._authenticator, "_clock", lambda: time.time() - 4000)
        request = requests.Request("GET", f"{sandbox.url}/{WHO_AM_I}", auth=auth).prepare()
    with requests.Session() as session:
        response = session.send(request, timeout=10)
    assert (response.status_code, response.history) == (200, [])
