"""Writes settings into a TOML file: what was there stays as it is, comments and order included.

Nothing is replaced without a word, no secret is shown, and the file is whole at any time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.printable import printable
from d2l_brightspace.private_files import PRIVATE, replace_file, why_others_may_change

from .git_rules import keep_out_of_git

Section = tuple[str, ...]
"""Parts of the name of a TOML table: `("sources", "d2l_brightspace_source", "credentials")`."""

_READABLE = 0o644
_SECRETS = "secrets.toml"
_SHOWN_CREDENTIALS = frozenset(
    {
        "app_id",
        "auth_url",
        "client_id",
        "database",
        "host",
        "key_id",
        "port",
        "scope",
        "token_store",
        "token_url",
        "user_id",
        "username",
    }
)
_SECRET_WORDS = ("key", "password", "secret", "token")
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True)
class Change:
    """One setting that is to be written."""

    section: Section
    key: str
    value: Any
    old: Any = None
    """What the file holds now; None if it does not name the setting."""

    @property
    def replaces(self) -> bool:
        """Whether another value is lost."""
        return self.old is not None and self.old != self.value

    def __str__(self) -> str:
        shown = printable(_shown(self.section, self.key, self.value), _SHOWN_CHARACTERS)
        return f"{self.key} = {shown}" + (" (replaces another value)" if self.replaces else "")


def write_settings(
    path: Path,
    settings: Mapping[Section, Mapping[str, Any]],
    confirm: Callable[[Path, Sequence[Change]], bool],
) -> bool:
    """Put settings into a TOML file.

    Args:
        path: The file, or a link to it, which stays one. It and its folder are made where they are
            missing. `secrets.toml` can be read by its owner only from then on.
        settings: Values by table and name.
        confirm: Asked with the file and what will be written in it, before anything is.

    Returns:
        Whether the file holds the settings now; False if `confirm` said no.

    Raises:
        ConfigurationError: If the file cannot be read or written, is no TOML, or others may write
            to it.
    """
    import tomlkit

    file = Path(os.path.realpath(path))
    _check_owner(path, file)
    document = _read(file)
    changes = [
        Change(section, key, value, _old(document, section, key))
        for section, values in settings.items()
        for key, value in values.items()
    ]
    news = [one for one in changes if one.old != one.value]
    for one in news:
        _table(document, one.section, path)[one.key] = _item(one.value)
    if news and not confirm(path, news):
        return False
    if news:
        _write(file, tomlkit.dumps(document))
    return True


def lines(changes: Sequence[Change]) -> Iterator[str]:
    """What will be written, as lines of TOML with every secret masked."""
    section: Section = ()
    for one in changes:
        if one.section and one.section != section:
            section = one.section
            yield f"[{'.'.join(section)}]"
        yield str(one)


def _shown(section: Section, key: str, value: Any) -> str:
    if "credentials" in section:
        secret = key not in _SHOWN_CREDENTIALS
    else:
        secret = any(word in key.lower() for word in _SECRET_WORDS)
    return '"…" (not shown)' if secret else str(_item(value).as_string())


def _item(value: Any) -> Any:
    import tomlkit

    if isinstance(value, str) and "\n" in value:
        return tomlkit.string(value, multiline=True)
    return tomlkit.item(value)


def _read(file: Path) -> Any:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        return tomlkit.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise _unusable(file, "read", error) from None
    except ParseError as error:
        # its message quotes the text, which may be a secret
        place = f"line {error.line}, column {error.col}"
    except UnicodeDecodeError:
        place = "it is not UTF-8"
    raise ConfigurationError(f"{file} is no TOML file ({place}). Correct it, and run again.")


def _old(document: Any, section: Section, key: str) -> Any:
    value = document
    for part in (*section, key):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value.unwrap() if hasattr(value, "unwrap") else value


def _table(document: Any, section: Section, path: Path) -> Any:
    import tomlkit

    table = document
    for number, part in enumerate(section, 1):
        if part not in table:
            # of the tables above the last one, the name need not be written
            table[part] = tomlkit.table(is_super_table=number < len(section))
        table = table[part]
        if not isinstance(table, Mapping):
            raise ConfigurationError(
                f"{path} holds a value by the name of `{'.'.join(section[:number])}`, where a "
                "table of settings has to be. Remove or rename it, and run again."
            )
    return table


def _check_owner(given: Path, file: Path) -> None:
    for path in dict.fromkeys((given.parent, file.parent, given, file)):
        if why := why_others_may_change(path):
            raise ConfigurationError(
                f"{given} is not safe to write to: {path} {why}, who could exchange the settings. "
                f'Make it your own (chown "$USER" {path}; chmod go-w {path}), and run again.'
            )


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.name.endswith(_SECRETS):
            keep_out_of_git(file)
        replace_file(file, text, _mode(file))
    except OSError as error:
        raise _unusable(file, "written", error) from None


def _mode(file: Path) -> int:
    if file.name.endswith(_SECRETS):
        return PRIVATE
    try:
        return stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        return _READABLE


def _unusable(file: Path, verb: str, error: OSError) -> ConfigurationError:
    reason = error.strerror or type(error).__name__
    return ConfigurationError(
        f"{file} cannot be {verb} ({reason}). Make it a file that this user may read and write, or "
        "set the values in the environment."
    )


def settings_folder() -> Path:
    """Where dlt reads the project's settings: `.dlt` in the working folder, or a workspace's."""
    import dlt

    return Path(dlt.current.run_context().settings_dir)
