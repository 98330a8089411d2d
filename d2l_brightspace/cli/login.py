"""`d2l-brightspace login`: a person logs in once, and loads go on from there."""

from __future__ import annotations

import textwrap
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from d2l_brightspace.printable import printable

from .errors import reports_errors
from .parameter_types import FILE

if TYPE_CHECKING:
    from d2l_brightspace.client.auth.authorization_code import AuthorizationRequest
    from d2l_brightspace.client.auth.credentials import BrightspaceCredentials
    from d2l_brightspace.client.auth.token_endpoint import TokenAnswer

    from .credential_settings import CredentialSettings
    from .login_browser import BrowserOptions

_EXAMPLES = """\b
Examples:
  d2l-brightspace login                       opens the browser; the app's redirect address is
                                              http://127.0.0.1:8717/callback
  d2l-brightspace login --paste               shows the address to open, elsewhere too, and takes
                                              the one where the browser ends
  d2l-brightspace login --redirect-uri https://localhost/d2l
                                              for an app that is registered with this address
  d2l-brightspace login --id-key              the legacy log-in: gets user id and user key
"""
_PORT = 8717
_OAUTH = (
    "client_id",
    "client_secret",
    "refresh_token",
    "token_url",
    "auth_url",
    "scope",
    "token_store",
)


@click.command(epilog=_EXAMPLES)
@click.option("--id-key", is_flag=True, help="Log in for legacy ID-Key signing.")
@click.option(
    "--soap-token",
    metavar="PURPOSE",
    help="Get a token for SOAP services, as whom the settings say, into a file.",
)
@click.option(
    "--output",
    type=FILE,
    default="brightspace-soap-token.json",
    show_default=True,
    help="File for the SOAP token; never overwritten.",
)
@click.option("--client-id", help="Client id of the OAuth2 app; default: as configured.")
@click.option("--scope", help="Scopes to ask for; default: what the configured tables need.")
@click.option("--auth-url", help="Authorization endpoint; default: as configured, D2L's.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=_PORT,
    show_default=True,
    help="Port of the registered redirect address http://127.0.0.1:PORT/callback.",
)
@click.option("--redirect-uri", help="Another redirect address that the app is registered with.")
@click.option("--paste", is_flag=True, help="Type in where the browser ends, in place of a port.")
@click.option("--no-browser", is_flag=True, help="Only show the address to open.")
@click.option("--yes", is_flag=True, help="Write settings that were asked for without asking.")
@reports_errors
def login(  # noqa: PLR0913  # one parameter for each option
    *,
    id_key: bool,
    soap_token: str | None,
    output: Path,
    client_id: str | None,
    scope: str | None,
    auth_url: str | None,
    port: int,
    redirect_uri: str | None,
    paste: bool,
    no_browser: bool,
    yes: bool,
) -> None:
    """Log in to Brightspace in a browser, once, as the person whose data is loaded.

    Takes host, client id and secret from the settings, asks for what is missing, and keeps the
    tokens where later commands find them: they win over a configured refresh token. Secrets are
    never taken from the command line, which a shell remembers.
    """
    from .credential_settings import CredentialSettings
    from .login_browser import BrowserOptions
    from .soap_token import keep_soap_token

    if soap_token is not None:
        keep_soap_token(soap_token, output)
        return
    given = {"client_id": client_id, "scope": scope, "auth_url": auth_url}
    settings = CredentialSettings(given, yes=yes)
    browser = BrowserOptions(port, redirect_uri, paste, not no_browser)
    if id_key:
        log_in_by_id_key(settings, browser)
    else:
        log_in(settings, browser)
    click.echo("\nNext: d2l-brightspace check")


def log_in(settings: CredentialSettings, browser: BrowserOptions) -> None:
    """OAuth2: get tokens by an authorization code, keep them, and say whose they are.

    Raises:
        BrightspaceError: If it does not come to that.
    """
    from d2l_brightspace.client.auth.authorization_code import AuthorizationRequest
    from d2l_brightspace.client.auth.credentials import RefreshTokenAuth
    from d2l_brightspace.client.auth.token_endpoint import TokenEndpoint
    from d2l_brightspace.client.errors import BrightspaceError
    from d2l_brightspace.client.http.transport import Transport
    from d2l_brightspace.client.limits import Limits
    from d2l_brightspace.scopes import needed_scopes
    from d2l_brightspace.settings import resolve

    settings.must_not_hold("token", "private_key", "app_key")
    settings.complete("host", "client_id", "client_secret")
    auth = RefreshTokenAuth(**{name: settings[name] for name in _OAUTH})
    request = AuthorizationRequest(
        auth.auth_url,
        auth.client_id,
        browser.registered,
        auth.scope or " ".join(needed_scopes(settings.tables)),
    )
    with closing(Transport(resolve(Limits()))) as transport:
        grant = auth.grant(transport)
        grant.check_store()
        code = request.code_in(browser.log_in(request))
        endpoint = TokenEndpoint(auth.token_url, transport)
        answer = request.exchange(code, auth.client_secret, endpoint)
        refresh_token, access_token = answer.first_tokens()
        store = grant.adopt(refresh_token, access_token)
    settings.write()
    try:
        _say_who(settings["host"], _who(settings["host"], auth))
    except BrightspaceError as error:
        # the log-in is done and kept in any case
        click.secho(f"\nLogged in, but not known as whom: {error}", fg="yellow", err=True)
    _say_scopes(request, answer)
    _say_until(access_token.expires_at)
    click.echo(f"The tokens are kept in {store}, which only you can read.")


def log_in_by_id_key(settings: CredentialSettings, browser: BrowserOptions) -> None:
    """ID-Key: get a user's id and key, and write them into the settings.

    Raises:
        BrightspaceError: If it does not come to that.
    """
    from d2l_brightspace.client.auth.credentials import IdKeyAuth
    from d2l_brightspace.client.auth.id_key_login import IdKeyLogin
    from d2l_brightspace.settings import base_url

    settings.must_not_hold("token", "private_key", "client_secret")
    settings.complete("host", "app_id", "app_key")
    request = IdKeyLogin(
        base_url(settings["host"]).removesuffix("/d2l/api/"),
        settings["app_id"],
        settings["app_key"],
        browser.registered,
    )
    keys = request.keys_in(browser.log_in(request))
    auth = IdKeyAuth(settings["app_id"], settings["app_key"], **keys)
    # tried before they are kept: anybody on this machine could have sent them
    user = _who(settings["host"], auth)
    _say_who(settings["host"], user)
    settings.put(**keys)
    settings.write()


def _who(host: str, credentials: BrightspaceCredentials) -> object:
    """User id of whoever logged in.

    Raises:
        BrightspaceError: If Brightspace does not say.
    """
    from d2l_brightspace.connection import connect

    session = connect(host, credentials)
    route = "lp/(version)/users/whoami"
    return session.get_json(route, scope="users:own_profile:read").get("Identifier")


def _say_who(host: str, user: object) -> None:
    click.secho(f"\nLogged in to {host} as user {printable(user)}.", fg="green")


def _say_scopes(request: AuthorizationRequest, answer: TokenAnswer) -> None:
    from d2l_brightspace.client.auth.authorization_code import granted_scopes
    from d2l_brightspace.scopes import is_covered

    granted = granted_scopes(answer)
    if granted is None:
        click.echo(f"Asked for, while Brightspace does not say what it granted: {request.scope}")
        return
    held = granted.split()
    _list("Granted", sorted(held))
    if missing := [one for one in request.scope.split() if not is_covered(one, held)]:
        _list("Asked for and NOT granted", missing)
        click.echo("Add these to the app in Manage Extensibility, and log in again.")


def _list(title: str, words: list[str]) -> None:
    text = printable(" ".join(words), 4000)
    click.echo(textwrap.fill(text, 96, initial_indent=f"{title}: ", subsequent_indent="  "))


def _say_until(expires_at: float | None) -> None:
    if expires_at is None:
        return
    when = datetime.fromtimestamp(expires_at, timezone.utc)
    click.echo(f"The access token works until {when:%Y-%m-%d %H:%M} UTC, and is renewed by itself.")
