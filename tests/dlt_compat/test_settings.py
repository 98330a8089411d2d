"""Canaries: what `dlt_compat.settings` relies on in dlt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Union

import dlt
import pytest
from dlt.common.configuration import configspec, with_config
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.configuration.specs import CredentialsConfiguration

from d2l_brightspace.dlt_compat import settings

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.settings relies on: "


@configspec
class Key(CredentialsConfiguration):
    app: str = None
    secret: str = None


@configspec
class Token(CredentialsConfiguration):
    token: str = None


@with_config(sections=("sources", "canary"))
def logged_in(credentials: Union[Key, Token] = dlt.secrets.value) -> object:  # noqa: UP007
    return credentials


def test_the_schemes_that_were_tried_and_what_they_lack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__CANARY__CREDENTIALS__APP", "canary")
    with pytest.raises(ConfigFieldMissingException) as raised:
        logged_in()

    (traces,) = raised.value.traces.values()
    key, token = settings.blocks_tried(traces)
    assert (key.spec_name, token.spec_name) == ("Key", "Token"), RELIED_ON + "one trace each"
    assert settings.fields_given(key) == {"app"}, RELIED_ON + "which fields have a value"
    assert settings.fields_given(token) == set()
    field, looked_for = settings.first_missing(key)
    assert field == "secret"
    assert "SOURCES__CANARY__CREDENTIALS__SECRET" in {one.key for one in looked_for}, (
        RELIED_ON + "a trace has the key that was looked for"
    )


def test_the_files_that_were_read_and_those_that_are_not_there(tmp_path: Path) -> None:
    folder = tmp_path / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text("[canary]\nx = 1\n")
    # dlt looks for its files where a process has begun
    asked = "from d2l_brightspace.dlt_compat import settings; print(*settings.files(), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    read, missing = done.stdout.splitlines()
    assert str(folder / "config.toml") in read, RELIED_ON + "present_locations"
    assert str(folder / "secrets.toml") in missing, RELIED_ON + "locations"


def test_settings_that_are_written_in_a_process_can_be_read_by_it(tmp_path: Path) -> None:
    program = (
        "import dlt; from pathlib import Path; from d2l_brightspace.dlt_compat import settings\n"
        "assert dlt.config.get('made_up.name') is None\n"
        "Path('.dlt').mkdir()\n"
        "Path('.dlt/config.toml').write_text('[made_up]\\nname = 7')\n"
        "settings.reload_settings()\n"
        "assert dlt.config.get('made_up.name') == 7\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert done.returncode == 0, RELIED_ON + "files are read when the providers are made"
