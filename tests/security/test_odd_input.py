"""What nobody would write on purpose is an error of one line, never a traceback."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from d2l_brightspace import (
    ConfigurationError,
    RefreshTokenAuth,
    brightspace_data_sets_source,
    d2l_brightspace_source,
    import_jobs_source,
)
from d2l_brightspace.cli.main import main
from d2l_brightspace.client.auth.token_store import FileTokenStore
from d2l_brightspace.client.errors import PermissionDenied, RequestContext
from d2l_brightspace.client.http.messages import HttpRequest, HttpResponse
from d2l_brightspace.client.sending.rate_limiter import RateLimiter
from d2l_brightspace.client.sending.response_policy import Fail, classify
from d2l_brightspace.course_packages import check_package, read_manifest
from tests.cases import case, together

NOBODY = "~nobody-has-this-name/file"
IMPOSSIBLE = {NOBODY: "write the whole path", "/tmp/a\0b": "no path can hold", "/\ud800": "no path"}
TOO_LONG = "9" * 5000
HOST = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    section = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
    monkeypatch.setenv(f"{section}HOST", HOST)
    monkeypatch.setenv(f"{section}CREDENTIALS__TOKEN", "bearer")
    monkeypatch.chdir(tmp_path)


@together(
    "Files and folders",
    "clear error",
    "a path in the home of a user that nobody knows",
    "a path with a NUL character, or half a character",
)
@pytest.mark.parametrize("path", IMPOSSIBLE, ids=ascii)
def test_impossible_paths(path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(call: Any, *arguments: Any, **more: Any) -> None:
        with pytest.raises(ConfigurationError, match=IMPOSSIBLE[path]) as caught:
            call(*arguments, **more)
        assert "Example: " in str(caught.value)

    refused(lambda: RefreshTokenAuth("id", "secret", "token", token_store=path))
    refused(FileTokenStore, path)
    refused(lambda: import_jobs_source(ledger=path))
    if "\ud800" not in path:  # which no file of UTF-8 holds
        (tmp_path / "list.csv").write_text(f'"{path}",6619\n', encoding="utf-8")
        refused(read_manifest, tmp_path / "list.csv")
    for option in ("--manifest", "--course-package", "--ledger"):
        result = command("import-course", option, path)
        assert result.exit_code == 2, result.output
        assert IMPOSSIBLE[path] in " ".join(result.output.split())
    if "\0" not in path and "\ud800" not in path:  # nor an environment
        monkeypatch.setenv("SOURCES__D2L_BRIGHTSPACE_DATA_SETS__FILES__TEMP_FOLDER", path)
        refused(lambda: brightspace_data_sets_source(data_sets=["users"]))


def command(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


@case("Files and folders", "a course id of 5 000 digits", "clear error")
def test_long_ids(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"a.zip,{TOO_LONG}\n")
    package = ("import-course", "--course-package", "a.zip", "--course-offering-id")
    for arguments in (
        (*package, TOO_LONG),
        (*package, TOO_LONG[:30]),
        ("import-course", "--manifest", "list.csv"),
        ("copy-course", "--course-offering-id", TOO_LONG, "--job-token", "t"),
        ("copy-course", "--course-offering-id", TOO_LONG[:30], "--job-token", "t"),
        ("check", "--org-unit-id", TOO_LONG[:30]),
    ):
        result = command(*arguments)
        assert result.exit_code == 2, arguments[0]
        assert "Traceback" not in result.output
    for number in (TOO_LONG, 10**30):
        with pytest.raises(ConfigurationError, match="Example: org_unit_ids"):
            d2l_brightspace_source(org_unit_ids=[number])  # type: ignore[list-item]


@together(
    "Files and folders",
    "clear error",
    "a list of packages with a cell of 200 000 characters",
    "a list of packages with a quotation mark that nothing closes",
)
def test_odd_lists(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    for content in (f"a.zip,{'x' * 200_000}\n", '"' + "a.zip,6619\n" * 20_000):
        file.write_text(content)
        with pytest.raises(ConfigurationError, match=r"Line \d+ of .* cannot be read: .* Example:"):
            read_manifest(file)


@together(
    "Files and folders",
    "clear error",
    "a package whose list of files is nonsense",
    "a package whose path is longer than the system allows",
)
def test_odd_packages(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("é.txt", "")
    file.write_bytes(file.read_bytes().replace("é.txt".encode(), b"\xff\xff.txt"))
    with pytest.raises(ConfigurationError, match="damaged"):
        check_package(file)
    with pytest.raises(ConfigurationError, match="cannot be read: File name too long"):
        check_package(tmp_path / ("x" * 5000))


@case("Files and folders", "a temporary folder that is not there", "clear error")
def test_no_temporary_folder(tmp_path: Path) -> None:
    from d2l_brightspace.data_sets.download import Scratch

    with pytest.raises(ConfigurationError, match=r"No such file .* temp_folder = "):
        Scratch(str(tmp_path / "none"), 1e9).path(".zip")


@together(
    "Bounds",
    "clear error",
    "a server time of 400 digits",
    "a limit of rates that is no finite number",
)
def test_numbers_that_are_none() -> None:
    body = b"Timestamp out of range " + b"9" * 400
    outcome = classify(answer(403, body), RequestContext("route"))
    assert isinstance(outcome, Fail)
    assert isinstance(outcome.error, PermissionDenied)

    def sleep(seconds: float) -> None:
        pytest.fail(f"a delay of {seconds} s")

    limiter = RateLimiter(10, clock=lambda: 0.0, sleep=sleep)
    for odd in ("nan", "inf", "-inf", "9" * 400):
        for name in ("Remaining", "Reset"):
            rates = {"X-Rate-Limit-Remaining": "100", "X-Request-Cost": "10"}
            with limiter.turn() as learn:
                learn(answer(200, b"{}", {**rates, f"X-Rate-Limit-{name}": odd}))


def answer(status: int, body: bytes, headers: dict[str, str] | None = None) -> HttpResponse:
    from d2l_brightspace.client.http.messages import Headers

    request = HttpRequest.of(requests.Request("GET", HOST).prepare())
    return HttpResponse(status, Headers((headers or {}).items()), body, HOST, request)


def test_versions_of_any_length() -> None:
    from d2l_brightspace.client.versions import Versions

    class Tenant:
        def get_json(self, path: str, *, anonymous: bool = False) -> Any:
            supported = [TOO_LONG, f"1.{TOO_LONG}", "1.49"]
            return [{"ProductCode": "lp", "SupportedVersions": supported}]

        def post_json(self, path: str, body: Any, *, anonymous: bool = False) -> Any: ...

    assert Versions(Tenant()).spoken("lp") == "1.49"
