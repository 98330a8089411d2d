"""What a log-in takes from the settings, what it asks for, and what it leaves there."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration, CredentialsConfiguration
from dlt.common.typing import TSecretStrValue

from d2l_brightspace.client.auth.authorization_code import AUTHORIZATION_URL
from d2l_brightspace.client.auth.token_endpoint import TOKEN_URL
from d2l_brightspace.client.errors import ConfigurationError
from d2l_brightspace.settings import SECTION, base_url

from .settings_file import Change, lines, settings_folder, write_settings

_SOURCE = ("sources", SECTION)
_CREDENTIALS = (*_SOURCE, "credentials")
_SECRETS = ("client_secret", "app_key")
_QUESTIONS = {
    "host": "Host of the Brightspace, such as school.brightspace.com",
    "client_id": "Client id of the OAuth2 app",
    "client_secret": "Client secret of the OAuth2 app (not shown)",
    "app_id": "Application id",
    "app_key": "Application key (not shown)",
}


@configspec
class _Source(BaseConfiguration):
    """What is asked of the source's own section."""

    host: str | None = None
    tables: Any | None = None


@configspec
class _Credentials(CredentialsConfiguration):
    """Everything that may be set of the schemes; nothing of it has to be."""

    client_id: str | None = None
    client_secret: TSecretStrValue | None = None
    refresh_token: TSecretStrValue | None = None
    token_url: str = TOKEN_URL
    auth_url: str = AUTHORIZATION_URL
    scope: str | None = None
    token_store: Any | None = None
    app_id: str | None = None
    app_key: TSecretStrValue | None = None
    token: TSecretStrValue | None = None
    private_key: TSecretStrValue | None = None
    key_id: str | None = None


class CredentialSettings:
    """The settings as they are, with what the command line says in their place.

    Args:
        given: Options of the command line by the name of the setting; None for those not given.
        yes: Whether to write settings without asking.
    """

    def __init__(self, given: Mapping[str, str | None], *, yes: bool) -> None:
        source = resolve_configuration(_Source(), sections=_SOURCE)
        credentials = resolve_configuration(_Credentials(), sections=_SOURCE)
        self.tables = source.tables
        self._values: dict[str, Any] = {**dict(credentials), "host": source.host}
        self._values |= {name: value for name, value in given.items() if value is not None}
        self._new = {name for name in _QUESTIONS if given.get(name) is not None}
        self._yes = yes

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def complete(self, *names: str) -> None:
        """Ask for what is missing.

        Raises:
            ConfigurationError: If nobody is there to be asked, or a host cannot be one.
        """
        missing = [name for name in names if not self._values.get(name)]
        if missing and not is_terminal():
            raise ConfigurationError(
                f"Missing settings: {', '.join(missing)}. Set them in [{'.'.join(_CREDENTIALS)}] "
                f"(`host` in [{'.'.join(_SOURCE)}]), or run this on a terminal, which asks."
            )
        for name in missing:
            secret = name in _SECRETS
            answer = click.prompt(_QUESTIONS[name], hide_input=secret, type=str)
            self.put(**{name: str(answer).strip()})
        if "host" in names:
            base_url(self["host"])

    def put(self, **values: str) -> None:
        """Take a value in, to be written at the end."""
        self._values.update(values)
        self._new.update(values)

    def must_not_hold(self, *names: str) -> None:
        """Refuse to log in for nothing: a load would use another scheme.

        Raises:
            ConfigurationError: If one of the settings is there.
        """
        if found := [name for name in names if self._values.get(name)]:
            raise ConfigurationError(
                f"The settings hold {', '.join(f'`{name}`' for name in found)}, which belongs to "
                "another way to log in. Which of the two is meant? Remove it from "
                f"[{'.'.join(_CREDENTIALS)}] or the environment, and run this again."
            )

    def write(self) -> None:
        """Put what was asked for into the settings' files, unless the user says no."""
        values = {name: self[name] for name in sorted(self._new) if name != "host"}
        folder = settings_folder()
        self._write(folder / "secrets.toml", {_CREDENTIALS: values})
        if "host" in self._new:
            self._write(folder / "config.toml", {_SOURCE: {"host": self["host"]}})

    def _write(self, file: Path, settings: Mapping[tuple[str, ...], Mapping[str, Any]]) -> None:
        if not write_settings(file, settings, self._confirm):
            click.echo(f"Nothing was written. A load needs these settings, in {file} or elsewhere.")

    def _confirm(self, file: Path, changes: Sequence[Change]) -> bool:
        click.echo(f"\nInto {file}:")
        for line in lines(changes):
            click.echo(f"  {line}")
        if self._yes:
            return True
        if not is_terminal():
            return not any(one.replaces for one in changes)
        return click.confirm("Write this?", default=True)


def is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin is not None and sys.stdin.isatty()
