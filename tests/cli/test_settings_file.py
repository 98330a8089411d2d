"""Settings are written so that nothing is lost, nothing secret shown, and nobody else can read."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from d2l_brightspace.cli.settings_file import Change, lines, write_settings
from d2l_brightspace.client.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SOURCE = ("sources", "d2l_brightspace_source")
CREDENTIALS = (*SOURCE, "credentials")
PEM = "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n"


class Answer:
    """Says yes or no, and remembers what it was shown."""

    def __init__(self, *, yes: bool = True) -> None:
        self.yes = yes
        self.shown: list[str] = []

    def __call__(self, _file: Path, changes: Sequence[Change]) -> bool:
        self.shown = list(lines(changes))
        return self.yes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / ".dlt"
    folder.mkdir(mode=0o755)
    return folder / "secrets.toml"


def test_a_new_file_in_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".dlt" / "secrets.toml"
    settings = {SOURCE: {"host": "school.example"}, CREDENTIALS: {"private_key": PEM}}
    answer = Answer()
    assert write_settings(path, settings, answer)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = tomllib.loads(path.read_text())["sources"]["d2l_brightspace_source"]
    assert found == {"host": "school.example", "credentials": {"private_key": PEM}}
    assert 'host = "school.example"' in answer.shown
    assert "CANARY" not in "".join(answer.shown)


def test_what_was_there_stays(file: Path) -> None:
    file.write_text(
        "# top\n\n[sources.d2l_brightspace_source]\n# which one\nhost = 'old.example' # ours\n\n"
        "[destination.postgres.credentials]\npassword = 'p' # theirs\n"
    )
    file.chmod(0o644)
    real = file.rename(file.with_name("real.secrets.toml"))
    file.symlink_to(real.name)
    answer = Answer()
    assert write_settings(file, {CREDENTIALS: {"client_id": "a"}, SOURCE: {"host": "new"}}, answer)
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    text = real.read_text()
    assert text.startswith("# top\n\n[sources.d2l_brightspace_source]\n# which one\n")
    assert 'host = "new" # ours\n' in text
    assert "[destination.postgres.credentials]\npassword = 'p' # theirs\n" in text
    assert 'host = "new" (replaces another value)' in answer.shown
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o755
    assert sorted(one.name for one in file.parent.iterdir()) == ["real.secrets.toml", file.name]


def test_no_means_no_and_the_same_again_asks_nothing(file: Path) -> None:
    settings = {CREDENTIALS: {"client_secret": "CANARY"}}
    no, again = Answer(yes=False), Answer(yes=False)
    assert not write_settings(file, settings, no)
    assert no.shown == [
        "[sources.d2l_brightspace_source.credentials]",
        'client_secret = "…" (not shown)',
    ]
    assert not file.exists()
    write_settings(file, settings, Answer())
    assert write_settings(file, settings, again)
    assert again.shown == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.write_text('a = "CANARY\n'), "no TOML file .line 1"),
        (lambda file: file.write_bytes(b'a = "\xff CANARY"\n'), "not UTF-8"),
        (lambda file: file.write_text("sources = 'CANARY'\n"), "by the name of `sources`"),
        (lambda file: (file.touch(), file.chmod(0o666)), "can be written by other users"),
        (lambda file: file.parent.chmod(0o777), "can be written by other users"),
        (lambda file: file.mkdir(), "cannot be read"),
    ],
    ids=["no TOML", "no UTF-8", "no table", "others' file", "others' folder", "a folder"],
)
def test_files_that_are_not_touched(
    file: Path, spoil: Callable[[Path], object], words: str
) -> None:
    spoil(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(ConfigurationError, match=words) as caught:
        write_settings(file, {CREDENTIALS: {"client_id": "a"}}, Answer())
    assert "CANARY" not in str(caught.value)
    assert (file.read_bytes() if file.is_file() else None) == before
