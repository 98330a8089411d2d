"""Where the newest refresh token outlives a run.

A refresh token of Brightspace works once, and the answer that replaces it arrives once. So a store
is locked against other processes, proves that it can be written before anything is sent, and holds
the new refresh token before the new access token is used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn, Protocol, runtime_checkable

import dlt
import filelock

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.client.paths import checked_path
from d2l_brightspace.private_files import replace_file, why_others_may_change

from .tokens import LOG_IN_AGAIN, StoredTokens

_LOCK_SECONDS = 150.0
_EXAMPLE = 'token_store = "/var/lib/my-loader/brightspace-token.json"'


@runtime_checkable
class TokenStore(Protocol):
    """Keeps the newest refresh token between runs.

    The source calls `load` and `save` only inside `locked`. A store in a vault keeps
    `tokens.to_json()` as one secret and gives it back through `StoredTokens.from_json`.
    """

    def locked(self) -> AbstractContextManager[None]:
        """Keep every other process that shares the store out for a while."""

    def load(self) -> StoredTokens | None:
        """What was saved last; None if nothing was saved yet."""

    def save(self, tokens: StoredTokens) -> None:
        """Keep the tokens so that they survive a crash of the machine; whole or not at all."""


class FileTokenStore:
    """Keeps the tokens in one file that only its owner may read.

    A store that others could write to is refused: who gives a loader its tokens decides whose
    Brightspace it reads as whom.

    Args:
        path: The file, or a link to it, which stays one; a `.lock` file is put beside the file.
            Its folder is made if there is none.
        lock_seconds: How long to wait for another process.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, lock_seconds: float = _LOCK_SECONDS
    ) -> None:
        self._given = checked_path(path, "The token store", _EXAMPLE)
        self._lock_seconds = lock_seconds

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the store.

        Raises:
            ConfigurationError: If the folder cannot be used, others may write to it, or another
                process keeps the lock.
        """
        lock = filelock.FileLock(f"{self._path}.lock", self._lock_seconds, mode=0o600)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_owner()
            lock.acquire()
        except filelock.Timeout:
            raise ConfigurationError(
                f"Another process has kept the token store {self._path} locked for more than "
                f"{self._lock_seconds:g} s. Wait for it to end, or stop it, and run again."
            ) from None
        except OSError as error:
            self._unusable("locked", error)
        try:
            yield
        finally:
            lock.release()

    def __str__(self) -> str:
        return str(self._given)

    @property
    def _path(self) -> Path:
        """The file itself, where a link leads to it."""
        return Path(os.path.realpath(self._given))

    def _check_owner(self) -> None:
        folders = dict.fromkeys([Path(os.path.realpath(self._given.parent)), self._path.parent])
        for path in (*folders, self._given, self._path):
            if why := why_others_may_change(path):
                mode = "700" if path in folders else "600"
                raise ConfigurationError(
                    f"The token store {self._given} is not safe: {path} {why}, who could exchange "
                    f'the tokens. Make it your own (chown "$USER" {path}; chmod {mode} {path}), or '
                    "set `credentials.token_store` to a file in a folder that only this user may "
                    'write, such as token_store = "/var/lib/my-loader/brightspace-token.json".'
                )

    def load(self) -> StoredTokens | None:
        """Read the file.

        Raises:
            ConfigurationError: If it cannot be read or holds something else.
        """
        try:
            return StoredTokens.from_json(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._unusable("read", error)
        except ValueError:
            raise ConfigurationError(
                f"The token store {self._path} is damaged. Delete the file and run again: the "
                f"configured refresh token is then tried. If it is used up: {LOG_IN_AGAIN}"
            ) from None

    def save(self, tokens: StoredTokens) -> None:
        """Replace the file.

        Raises:
            ConfigurationError: If it cannot be written; the old file is then still there.
        """
        try:
            # one draft at a time, since the store is locked
            replace_file(self._path, tokens.to_json())
        except OSError as error:
            self._unusable("written", error)

    def _unusable(self, verb: str, error: OSError) -> NoReturn:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"The token store {self._path} cannot be {verb} ({reason}). Set `credentials.token_"
            'store` to a file that this user may write, such as token_store = "/var/lib/my-loader/'
            'brightspace-token.json".'
        ) from None


def default_store(token_url: str, client_id: str, refresh_token: str | None) -> FileTokenStore:
    """The file store in dlt's data folder, one file for each chain of refresh tokens.

    The configured token is part of the name, so that two people's consent to one app, or two
    tenants, do not overwrite each other. Where none is configured there is one store for an app:
    that which `d2l-brightspace login` fills. D2L registers an app for one tenant, so its client id
    tells the tenant, too.

    dlt's global folder does not follow `DLT_DATA_DIR`, which is the folder that outlives a
    container. A store that is in the global folder already is kept there: a copy of its token
    would be used up by whoever reads the other one.
    """
    chain = "\n".join(filter(None, (token_url, client_id, refresh_token)))
    name = fingerprint(chain)[:16]
    global_dir = dlt.current.run_context().global_dir
    folders = (os.environ.get("DLT_DATA_DIR") or global_dir, global_dir)
    files = [Path(one, "d2l_brightspace", "refresh_tokens", f"{name}.json") for one in folders]
    # os.path's does not raise where a folder may not be looked into
    return FileTokenStore(next((file for file in files if os.path.exists(file)), files[0]))  # noqa: PTH110


def fingerprint(text: str) -> str:
    """What tells two secrets apart without showing either."""
    return hashlib.sha256(text.encode()).hexdigest()
