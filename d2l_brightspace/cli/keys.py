"""`d2l-brightspace keys`: the key pair of a service user, and its change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .errors import reports_errors
from .git_rules import warn_of_commit
from .parameter_types import FILE
from .whole_sentences import WholeSentences

if TYPE_CHECKING:
    from d2l_brightspace.client.auth.key_pairs import KeyPair, KeySet

_PRIVATE_KEY = "brightspace-private-key.pem"
_JWKS = "brightspace-jwks.json"
_PUBLIC_MODE = 0o644

_jwks = click.option(
    "--jwks",
    type=FILE,
    default=_JWKS,
    show_default=True,
    help="File of the public keys, which is published.",
)
_key_type = click.option(
    "--type",
    "key_type",
    type=click.Choice(["ec", "rsa"]),
    default="ec",
    show_default=True,
    help="EC on P-256, or RSA of 3072 bits.",
)
_write = click.option(
    "--write", is_flag=True, help="Put key and key id into .dlt/secrets.toml; asks before."
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(cls=WholeSentences)
def keys() -> None:
    """Make and change the key pair of a service user (OAuth2 client credentials)."""


@keys.command()
@click.option(
    "--private-key",
    type=FILE,
    default=_PRIVATE_KEY,
    show_default=True,
    help="File for the private key; never overwritten.",
)
@_jwks
@_key_type
@_write
@_yes
@reports_errors
def new(
    *, private_key: Path, jwks: Path, key_type: Literal["ec", "rsa"], write: bool, yes: bool
) -> None:
    """Make a key pair: a private key to keep, and a key set (JWKS) to publish."""
    from d2l_brightspace.client.auth.key_pairs import KeySet, new_key_pair
    from d2l_brightspace.private_files import create_file

    _must_be_free(jwks, "To add a key to it: d2l-brightspace keys rotate.")
    _must_be_free(private_key, "Name another file by --private-key.")
    pair = new_key_pair(key_type)
    with _Writing(private_key):
        create_file(private_key, pair.private_key)
    with _Writing(jwks), _taken_back(private_key):
        create_file(jwks, KeySet((pair.jwk,)).to_json(), _PUBLIC_MODE)
    _say_made(pair, private_key)
    click.echo(
        f"\nNext:\n"
        f"1. Publish {jwks} at an https address that everybody can read.\n"
        "2. In Manage Extensibility register an OAuth2 app with grant type 'Client Credentials' "
        "and\n   that address as its JWKS URL, and link a service user to it.\n"
        "3. Set client_id, key_id, private_key (the text of the file) and scope in\n"
        "   [sources.d2l_brightspace_source.credentials] of .dlt/secrets.toml"
    )
    if write:
        _write_settings(pair, yes=yes)


@keys.command()
@click.option("--private-key", type=FILE, help="File for the new private key; default: a new name.")
@_jwks
@_key_type
@_write
@_yes
@click.option("--finish", is_flag=True, help="Take away all public keys but the newest.")
@reports_errors
def rotate(
    *,
    private_key: Path | None,
    jwks: Path,
    key_type: Literal["ec", "rsa"],
    write: bool,
    yes: bool,
    finish: bool,
) -> None:
    """Add a new key to the key set, beside the old one; --finish takes the old one away.

    Both are good in the time between: publish the key set, change the settings to the new key, see
    a load work, finish, publish again.
    """
    known = _read(jwks)
    if finish:
        _finish(known, jwks)
        return
    pair = _rotate(known, jwks, private_key, key_type)
    if write:
        _write_settings(pair, yes=yes)


def _rotate(
    known: KeySet, jwks: Path, private_key: Path | None, key_type: Literal["ec", "rsa"]
) -> KeyPair:
    from d2l_brightspace.client.auth.key_pairs import KeySet, new_key_pair
    from d2l_brightspace.private_files import create_file

    pair = new_key_pair(key_type)
    file = private_key or jwks.with_name(f"brightspace-private-key-{pair.key_id[:8]}.pem")
    _must_be_free(file, "Name another file by --private-key.")
    with _Writing(file):
        create_file(file, pair.private_key)
    with _taken_back(file):
        _replace(jwks, KeySet((*known.keys, pair.jwk)))
    _say_made(pair, file)
    click.echo(
        f"\nNext:\n"
        f"1. Publish {jwks} again, which now holds {len(known.keys) + 1} keys. A load that uses "
        "the new key\n   before Brightspace has read it is refused.\n"
        "2. Set key_id and private_key (the text of the file) to the new ones.\n"
        "3. When a load has worked with it: d2l-brightspace keys rotate --finish"
    )
    return pair


def _finish(known: KeySet, jwks: Path) -> None:
    from d2l_brightspace.client.auth.key_pairs import KeySet
    from d2l_brightspace.client.errors import ConfigurationError

    from .credential_settings import CredentialSettings

    if len(known.keys) == 1:
        click.echo(f"{jwks} holds one key only: there is nothing to take away.")
        return
    used = CredentialSettings({}, yes=False)["key_id"]
    if used and used != known.newest:
        raise ConfigurationError(
            f"The settings use the key {used}, which would be taken away. Set key_id and "
            f"private_key to those of {known.newest}, see that a load works, and finish then."
        )
    _replace(jwks, KeySet(known.keys[-1:]))
    click.echo(
        f"{jwks} holds {known.newest} only. Publish it again; then delete the files of the older "
        "private keys."
    )


def _say_made(pair: KeyPair, file: Path) -> None:
    click.secho(f"Private key: {file}, which only you can read. Give it to nobody.", fg="green")
    warn_of_commit(file)
    click.echo(f"Key id:      {pair.key_id}")


def _write_settings(pair: KeyPair, *, yes: bool) -> None:
    from .credential_settings import CredentialSettings

    settings = CredentialSettings({}, yes=yes)
    settings.put(key_id=pair.key_id, private_key=pair.private_key)
    settings.write()


def _read(jwks: Path) -> KeySet:
    from d2l_brightspace.client.auth.key_pairs import KeySet
    from d2l_brightspace.client.errors import ConfigurationError

    try:
        text = jwks.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{jwks} is not there. Name the published key set by --jwks, or make a first key by "
            "`d2l-brightspace keys new`."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"{jwks} cannot be read ({reason}).") from None
    return KeySet.from_json(text, str(jwks))


def _replace(jwks: Path, keys: KeySet) -> None:
    from d2l_brightspace.private_files import replace_file

    with _Writing(jwks):
        replace_file(jwks.resolve(), keys.to_json(), _PUBLIC_MODE)


def _must_be_free(file: Path, advice: str) -> None:
    from d2l_brightspace.client.errors import ConfigurationError

    if file.exists() or file.is_symlink():
        raise ConfigurationError(f"{file} is there already, and is not overwritten. {advice}")


@contextmanager
def _taken_back(file: Path) -> Iterator[None]:
    """A private key whose public key cannot be written is of no use, and in the way."""
    try:
        yield
    except Exception:
        file.unlink()
        raise


class _Writing:
    """Says in our words why a file cannot be written."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> None:
        """Begin to write."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from d2l_brightspace.client.errors import ConfigurationError

        if isinstance(error, OSError):
            reason = error.strerror or type(error).__name__
            raise ConfigurationError(
                f"{self._file} cannot be written ({reason}). Name a file in a folder that is there "
                "and that this user may write to."
            ) from None
