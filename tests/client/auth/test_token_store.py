from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from d2l_brightspace.client.auth.token_store import FileTokenStore, default_store
from d2l_brightspace.client.auth.tokens import AccessToken, StoredTokens
from d2l_brightspace.client.errors import (
    ConfigurationError,
)

from .token_bench import (
    CANARY,
    NOW,
    URL,
    Bench,
    assert_clean,
)

# --- the file -----------------------------------------------------------------------------------


def test_permission_bits(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    before = os.umask(0)
    try:
        Bench(store=FileTokenStore(folder / "tokens.json")).bearer()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes.pop("tokens.json") == 0o600
    assert set(modes.values()) <= {0o600}


def test_the_draft_is_private_from_its_creation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        modes.append(stat.S_IMODE(self.stat().st_mode))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    FileTokenStore(tmp_path / "tokens.json").save(StoredTokens("r", "c"))
    assert modes == [0o600]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileTokenStore(tmp_path / "tokens.json")
    store.save(StoredTokens("old", "c"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ConfigurationError, match="No space left"):
            store.save(StoredTokens(CANARY, "c"))
    held = store.load()
    assert held is not None
    assert held.refresh_token == "old"
    store.save(StoredTokens("new", "c"))  # over the draft that was left behind
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokens.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xff",
        b"[]",
        b"{}",
        b'{"refresh_token": 1, "configured": "c"}',
        b'{"refresh_token": "canary-0451", "configured": "c", "access_token": "x"}',
        (
            b'{"refresh_token": "canary-0451", "configured": "c", "access_token": '
            b'{"value": "v", "sent_at": "now", "expires_at": null}}'
        ),
    ],
)
def test_a_damaged_store_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(content)
    bench = Bench(store=FileTokenStore(path))
    with pytest.raises(ConfigurationError, match="damaged") as caught:
        bench.bearer()
    assert str(path) in str(caught.value)
    assert "Delete the file" in str(caught.value)
    assert_clean(caught.value)
    assert bench.transport.requests == []
    assert path.read_bytes() == content


def test_a_store_that_cannot_be_used_says_which_file(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    bench = Bench(store=FileTokenStore(in_the_way / "tokens.json"))
    with pytest.raises(ConfigurationError, match="token_store") as caught:
        bench.bearer()
    assert str(in_the_way) in str(caught.value)


def test_a_lock_that_is_never_released_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    waiting = FileTokenStore(path, lock_seconds=0)
    with (
        FileTokenStore(path).locked(),
        pytest.raises(ConfigurationError, match="Another process"),
        waiting.locked(),
    ):
        pass
    with waiting.locked():
        pass


@pytest.mark.parametrize(
    "held",
    [
        None,
        AccessToken("a", NOW, None),
        AccessToken("a", NOW, NOW + 3600.5),
    ],
    ids=["no access token", "no expiry", "expiry"],
)
def test_stored_tokens_come_back_as_they_were(held: AccessToken | None) -> None:
    tokens = StoredTokens('quote " and ü', "c", held)
    assert StoredTokens.from_json(tokens.to_json()) == tokens


def test_default_store_is_in_dlts_global_folder_and_differs_by_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLT_DATA_DIR")
    import dlt

    context = dlt.current.run_context()
    monkeypatch.setattr(type(context), "global_dir", property(lambda _: str(tmp_path / "global")))
    logins = [(URL, "app", "one"), (URL, "app", "two"), (URL, "other", "one"), (URL, "app", "one")]
    for login in logins:
        store = default_store(*login)
        with store.locked():
            store.save(StoredTokens("r", "c"))
    folder = tmp_path / "global" / "d2l_brightspace" / "refresh_tokens"
    assert len(list(folder.glob("*.json"))) == 3
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["global"]
