"""`d2l-brightspace init`: what it asks, what it writes, and what it leaves as it was."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from d2l_brightspace.sandbox import Sandbox

from .conftest import Command, closed_port

SECTION = "[sources.d2l_brightspace_source]"


def answers(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def test_a_service_user_is_set_up_and_checked(
    command: Command, project: Path, sandbox: Sandbox
) -> None:
    known = sandbox.credentials["service_user"]
    key = project / "key.pem"
    key.write_text(known["private_key"])
    done = command(
        "init",
        *("--host", sandbox.url, "--scheme", "service-user", "--tables", "users,versions"),
        *("--private-key-file", str(key), "--no-data-sets", "--yes"),
        input=answers(known["client_id"], known["key_id"]),
    )
    assert done.exit_code == 0, done.output
    assert "\nusers:own_profile:read users:userdata:read\n" in done.output
    assert "All that was chosen can be loaded." in done.output
    assert "PRIVATE KEY" not in done.output
    secrets = project / ".dlt" / "secrets.toml"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert known["private_key"] in secrets.read_text()
    assert 'scope = "users:own_profile:read users:userdata:read"' in secrets.read_text()
    public = (project / ".dlt" / "config.toml").read_text()
    assert f'{SECTION}\nhost = "{sandbox.url}"\ntables = ["users", "versions"]\n' in public
    assert '[destination.warehouse]\ndestination_type = "duckdb"' in public
    assert (project / ".dlt" / ".gitignore").read_text() == "*secrets.toml\npipelines/\n"


def test_it_asks_again_where_an_answer_cannot_be_right(
    command: Command, project: Path, sandbox: Sandbox
) -> None:
    done = command(
        "init",
        input=answers(
            f"http://127.0.0.1:{closed_port()}",
            "school.example/d2l",
            sandbox.url,
            "5",
            "3",
            "grades",
            "versions",
            "n",
            sandbox.credentials["bearer"]["token"],
            "y",
            "y",
        ),
    )
    assert done.exit_code == 0, done.output
    assert "the connection was refused" in done.output
    assert "Setting `host` is no host name" in done.output
    assert "5 is not in the range" in done.output
    assert "'grades', which is no table" in done.output
    assert sandbox.credentials["bearer"]["token"] not in done.output


def test_what_is_there_stays_unless_it_is_answered_anew(
    command: Command, project: Path, sandbox: Sandbox
) -> None:
    folder = project / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text(
        f'# mine\n{SECTION}\nhost = "old.example"  # kept\nstart_date = "2026-09-01"\n\n'
        '[destination.warehouse]\ndestination_type = "postgres"\n'
    )
    (folder / "secrets.toml").write_text(
        "[sources.d2l_brightspace_source.credentials]\n"
        'client_id = "mine"\nclient_secret = "of before"\n'
    )
    options = ("--host", sandbox.url, "--scheme", "refresh-token", "--tables", "core")
    asked = answers("", "", "y", "n")
    done = command("init", *options, "--no-data-sets", input=asked)
    assert done.exit_code == 1, done.output
    assert f'host = "{sandbox.url}" (replaces another value)' in done.output
    assert "Nothing more is done." in done.output
    assert "of before" not in done.output
    public = (folder / "config.toml").read_text()
    assert public.startswith(f'# mine\n{SECTION}\nhost = "{sandbox.url}"  # kept\nstart_date')
    assert "token_url" not in (folder / "secrets.toml").read_text()
    assert not (folder / ".gitignore").exists()


def test_a_host_that_is_given_and_wrong_ends_it(command: Command, project: Path) -> None:
    done = command("init", "--host", f"http://127.0.0.1:{closed_port()}")
    assert done.exit_code == 2
    assert "the connection was refused" in done.stderr
    assert list(project.iterdir()) == []


@pytest.mark.parametrize(
    ("scheme", "option"),
    [("refresh-token", "d2l-brightspace login`"), ("id-key", "d2l-brightspace login --id-key`")],
)
def test_who_has_still_to_log_in_is_told_how(
    command: Command,
    project: Path,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    option: str,
) -> None:
    monkeypatch.delenv("DLT_DATA_DIR")
    options = ("--host", sandbox.url, "--scheme", scheme, "--tables", "core", "--data-sets")
    done = command("init", *options, "--yes", input=answers("an-id", "a-secret-of-mine"))
    assert done.exit_code == 0, done.output
    assert f"Next: `{option}, then `d2l-brightspace check`." in done.output
    written = (project / ".dlt" / "secrets.toml").read_text()
    assert "a-secret-of-mine" in written
    assert ("datasets:bds:read" in written) is (scheme == "refresh-token")
    assert "a-secret-of-mine" not in done.output
    # the pipelines of another folder are others
    public = (project / ".dlt" / "config.toml").read_text()
    assert public.startswith('pipelines_dir = ".dlt/pipelines"\n')


def test_a_key_that_cannot_be_read_is_named(
    command: Command, project: Path, sandbox: Sandbox
) -> None:
    options = ("--host", sandbox.url, "--scheme", "service-user", "--tables", "core", "--data-sets")
    done = command("init", *options, input=answers("an-id", "a-kid", "no/such.pem"))
    assert done.exit_code == 2
    assert "The private key no/such.pem cannot be read" in done.stderr
