from __future__ import annotations

from typing import Any

import pytest

from .conftest import Project, end_of

pytestmark = pytest.mark.browser

APP = ("client_id", "client_secret", "token_url", "auth_url")
CLOSE = "You can close this window"


def test_consent(page: Any, project: Project) -> None:
    project.configure("refresh_token", *APP)
    command, address = project.log_in()
    page.goto(address)
    scopes = page.locator("#scopes li").all_inner_texts()
    assert "users:own_profile:read" in scopes
    page.get_by_role("button", name="Allow").click()
    page.get_by_text(CLOSE).wait_for()
    assert page.url.startswith(address)  # without the code
    code, output = end_of(command)
    assert code == 0, output
    assert "as user" in output
    assert "Granted: " in output
    check = end_of(project.start("check"))
    assert check[0] == 0, check[1]


def test_denied(page: Any, project: Project) -> None:
    project.configure("refresh_token", *APP)
    command, address = project.log_in()
    page.goto(address)
    page.get_by_role("button", name="Deny").click()
    page.get_by_text(CLOSE).wait_for()
    code, output = end_of(command)
    assert code == 1
    assert "Access was not allowed in the browser" in output
    assert not list(project.folder.rglob("refresh_tokens/*.json"))


def test_a_page_of_somebody_else_cannot_end_the_log_in(page: Any, project: Project) -> None:
    project.configure("refresh_token", *APP)
    command, address = project.log_in()
    callback = address.rpartition("/")[0] + "/callback"
    page.goto("about:blank")
    page.set_content(f"<img src='{callback}?code=evil&state=guess'>")
    assert page.goto(f"{callback}?code=evil&state=guess").status == 400
    assert command.poll() is None
    page.goto(address)
    page.get_by_role("button", name="Allow").click()
    page.get_by_text(CLOSE).wait_for()
    assert end_of(command)[0] == 0


def test_id_key(page: Any, project: Project) -> None:
    project.configure("id_key", "app_id", "app_key")
    command, address = project.log_in("--id-key", "--yes")
    page.goto(address)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text(CLOSE).wait_for()
    assert page.url.startswith(address)  # without the user key
    code, output = end_of(command)
    assert code == 0, output
    known = project.sandbox.credentials["id_key"]
    assert known["user_key"] not in output
    assert known["user_key"] in project.secrets.read_text()
    check = end_of(project.start("check"))
    assert check[0] == 0, check[1]
