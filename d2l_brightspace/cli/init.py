"""The guided start: asks what a load needs, and writes the two files of settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from d2l_brightspace.printable import printable

from .errors import reports_errors
from .parameter_types import FILE, NAMES

if TYPE_CHECKING:
    from .settings_file import Change, Section

_SECTION = ("sources", "d2l_brightspace_source")
_FOLDER = Path(".dlt")


@dataclass(frozen=True)
class Scheme:
    """One way to log in, as it is offered."""

    title: str
    for_whom: str
    asked: Mapping[str, str]
    """What is asked for, by the name of the setting."""
    foreign: tuple[str, ...]
    """Settings of other schemes, one of which would make two."""
    has_private_key: bool = False
    names_scopes: bool = False
    """Whether the settings have to name the scopes."""
    login: tuple[str, ...] | None = None
    """Options of `login` by which it is completed; None if nothing is to be done."""


_SECRETS = ("client_secret", "token", "app_key")
SCHEMES = {
    "service-user": Scheme(
        "Service user",
        "scheduled loads; no person, no token to keep",
        {"client_id": "Client id of the app", "key_id": "Key id (kid) in its JWKS"},
        ("client_secret", "token", "app_key"),
        has_private_key=True,
        names_scopes=True,
    ),
    "refresh-token": Scheme(
        "Refresh token",
        "a person gives consent once, in the browser",
        {"client_id": "Client id of the app", "client_secret": "Client secret"},
        ("private_key", "token", "app_key"),
        login=(),
    ),
    "bearer": Scheme(
        "Bearer",
        "trying out, with a token that you already hold",
        {"token": "Access token"},
        ("client_secret", "private_key", "app_key"),
    ),
    "id-key": Scheme(
        "ID-Key",
        "old apps without OAuth2 only (deprecated by D2L)",
        {"app_id": "Application id", "app_key": "Application key"},
        ("client_secret", "private_key", "token"),
        login=("--id-key",),
    ),
}


@click.command()
@click.option("--host", help="Host, e.g. school.brightspace.com.  [default: asked for]")
@click.option(
    "--scheme", type=click.Choice([*SCHEMES]), help="How to log in.  [default: asked for]"
)
@click.option(
    "--tables", type=NAMES, metavar="TABLES", help="What to load.  [default: asked for; core]"
)
@click.option(
    "--data-sets/--no-data-sets",
    default=None,
    help="Whether to register the scope of Brightspace Data Sets, too.  [default: asked for]",
)
@click.option(
    "--private-key-file", type=FILE, help="PEM file of a service user's key.  [default: asked for]"
)
@click.option("--yes", is_flag=True, help="Write and go on without asking.")
@click.pass_context
@reports_errors
def init(
    context: click.Context,
    host: str | None,
    scheme: str | None,
    tables: list[str] | None,
    private_key_file: Path | None,
    *,
    data_sets: bool | None,
    yes: bool,
) -> None:
    """Set up a load, step by step.

    Asks for the host, which is asked at once whether it is a Brightspace; for the way to log in;
    and for the tables to load, which say what scopes to register. Shows what it will write into
    .dlt/config.toml and .dlt/secrets.toml in the working folder, and ends with `check`. Secrets
    are asked for, and are no options, so that none is in the history of the shell. Run it again to
    change something: what you leave empty stays as it is.
    """
    from d2l_brightspace.dlt_compat.settings import reload_settings
    from d2l_brightspace.scopes import needed_scopes

    from .credential_settings import CredentialSettings
    from .git_rules import add_rules
    from .settings_file import write_settings

    address = _host(host)
    chosen = SCHEMES[scheme or _ask_scheme()]
    CredentialSettings({}, yes=yes).must_not_hold(*chosen.foreign)
    names = tables or _ask_tables()
    jobs = _ask_jobs(data_sets)
    scopes = " ".join(needed_scopes([*names, *jobs]))
    click.echo(
        f"\nRegister the app (Manage Extensibility, OAuth 2.0) with these scopes:\n\n{scopes}\n"
    )
    credentials = _ask_credentials(chosen, private_key_file) | _endpoints(address, chosen)
    if chosen.names_scopes or (chosen.login == () and jobs):
        credentials["scope"] = scopes  # `login` knows what the tables need, and no other jobs
    files: dict[Path, Mapping[Section, Mapping[str, Any]]] = {
        _FOLDER / "config.toml": _public(address, names),
        _FOLDER / "secrets.toml": {(*_SECTION, "credentials"): credentials},
    }
    if not _FOLDER.exists():
        _FOLDER.mkdir(mode=0o700)
        add_rules(_FOLDER)
    written = [
        write_settings(path, settings, lambda file, news: _confirm(file, news, yes=yes))
        for path, settings in files.items()
    ]
    if not all(written):
        click.echo("Nothing more is done. Run `d2l-brightspace init` again when you are ready.")
        context.exit(1)
    reload_settings()
    _finish(context, chosen, yes=yes)


def _host(given: str | None) -> str:
    """The host, once it has answered as a Brightspace does."""
    from d2l_brightspace.client.errors import BrightspaceError

    from .errors import print_error

    while True:
        host = given or click.prompt("Host of your Brightspace, e.g. school.brightspace.com")
        try:
            click.echo(_greeting(host))
        except BrightspaceError as error:
            if given:
                raise
            print_error(error)
        else:
            return str(host).strip()


def _greeting(host: str) -> str:
    """What a host says that is a Brightspace.

    Raises:
        ConfigurationError: If it does not answer, or is none.
    """
    from d2l_brightspace.checks.host import check_host
    from d2l_brightspace.client.errors import ConfigurationError
    from d2l_brightspace.settings import base_url

    found = check_host(base_url(host), {})
    problems = [one.detail for one in found.findings if not one.ok]
    if problems or not found.is_brightspace:
        raise ConfigurationError(printable(". ".join(problems) or "This is no Brightspace", 600))
    said = (
        f"{one.name}: {one.detail}" if one.name != host else one.detail for one in found.findings
    )
    return "\n".join(printable(line) for line in said)


def _ask_scheme() -> str:
    click.echo("\nHow do you log in?")
    for number, scheme in enumerate(SCHEMES.values(), 1):
        click.echo(f"  {number}  {scheme.title:<14} {scheme.for_whom}")
    number = click.prompt("Number", type=click.IntRange(1, len(SCHEMES)), default=1)
    return [*SCHEMES][number - 1]


def _ask_tables() -> list[str]:
    from d2l_brightspace.client.errors import ConfigurationError
    from d2l_brightspace.tables import GROUPS, chosen_tables

    from .errors import print_error

    click.echo(f"\nTables are named alone or by group: {', '.join(GROUPS)}, or * for all.")
    while True:
        names: list[str] = click.prompt("Tables to load", type=NAMES, default="core")
        try:
            chosen_tables(names)
        except ConfigurationError as error:
            print_error(error)
        else:
            return names


def _ask_jobs(data_sets: bool | None) -> list[str]:  # as the option gives it
    if data_sets is None:
        question = "Brightspace Data Sets, too (all grades, attempts, log-ins in bulk)?"
        data_sets = click.confirm(question, default=True)
    return ["data-sets"] if data_sets else []


def _ask_credentials(scheme: Scheme, private_key_file: Path | None) -> dict[str, str]:
    """The settings of a scheme; those that were left empty are not among them."""
    click.echo("What you do not have yet, leave empty (Enter), and run `init` again later.")
    given = {name: _ask(question, name) for name, question in scheme.asked.items()}
    if scheme.has_private_key:
        given["private_key"] = _private_key(private_key_file)
    return {name: value for name, value in given.items() if value}


def _ask(question: str, name: str) -> str:
    hidden = name in _SECRETS
    hint = " (not shown)" if hidden else ""
    answer = click.prompt(f"{question}{hint}", default="", hide_input=hidden, show_default=False)
    return str(answer).strip()


def _private_key(file: Path | None) -> str:
    from d2l_brightspace.client.errors import ConfigurationError

    if file is None:
        answer = _ask("File with its private key (PEM; `d2l-brightspace keys new` makes one)", "")
        if not answer:
            return ""
        file = Path(answer).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(
            f"The private key {file} cannot be read ({reason}). Give the path of a PEM file, such "
            "as --private-key-file keys/private.pem."
        ) from None
    if "PRIVATE KEY-----" not in text:
        raise ConfigurationError(
            f"{file} holds no private key. Give the path of a PEM file that has a line "
            "'-----BEGIN PRIVATE KEY-----', such as --private-key-file keys/private.pem."
        )
    return text


def _endpoints(host: str, scheme: Scheme) -> dict[str, str]:
    """Where a Brightspace on this machine, which is a sandbox, hands out its tokens itself."""
    from d2l_brightspace.settings import base_url

    root = base_url(host).removesuffix("/d2l/api/")
    if not root.startswith("http://") or "client_id" not in scheme.asked:
        return {}
    found = {"token_url": f"{root}/core/connect/token"}
    return found | ({"auth_url": f"{root}/oauth2/auth"} if scheme.login is not None else {})


def _public(host: str, names: Sequence[str]) -> dict[Section, dict[str, Any]]:
    import dlt

    settings: dict[Section, dict[str, Any]] = {}
    if not (_has_working_folders() or dlt.config.get("pipelines_dir")):
        # dlt's own is the user's: the pipelines of all folders would be one
        settings[()] = {"pipelines_dir": f"{_FOLDER}/pipelines"}
    settings[_SECTION] = {"host": host, "tables": list(names)}
    if not dlt.config.get("destination.warehouse.destination_type"):
        settings[("destination", "warehouse")] = {"destination_type": "duckdb"}
    return settings


def _has_working_folders() -> bool:
    """Whether pipelines of this folder have working folders of their own already."""
    return bool(os.environ.get("DLT_DATA_DIR")) or (_FOLDER / ".workspace").exists()


def _confirm(file: Path, news: Sequence[Change], *, yes: bool) -> bool:
    from .settings_file import lines

    click.echo(f"\n{file}:")
    for line in lines(news):
        click.echo(f"  {line}")
    return yes or click.confirm("Write this?", default=True)


def _finish(context: click.Context, scheme: Scheme, *, yes: bool) -> None:
    from .check import check
    from .login import login

    if scheme.login is not None:
        options = " ".join(("d2l-brightspace login", *scheme.login))
        if not yes and click.confirm(f"\nLog in now (`{options}`)?", default=True):
            login.main(args=[*scheme.login], standalone_mode=False)
        else:
            click.echo(f"\nNext: `{options}`, then `d2l-brightspace check`.")
            return
    click.echo("")
    context.invoke(check)
