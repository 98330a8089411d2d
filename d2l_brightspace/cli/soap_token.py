"""`login --soap-token`: a token for the SOAP services that some sites still have, into a file."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

import click

from .git_rules import warn_of_commit

_ROUTE = "lp/(version)/auth/soaptoken"


def keep_soap_token(purpose: str, output: Path) -> None:
    """Ask for a token and keep Brightspace's answer, a block `TokenInfo`, as it is.

    The route is in D2L's reference of 2020 (`res/apiprop`, "Authentication"), with one parameter,
    the kind of token, and not in that of 2026. Which fields the block has is not published.

    Raises:
        ConfigurationError: If the file is there, or cannot be written.
        BrightspaceError: If there is no token.
    """
    from d2l_brightspace.client.errors import ConfigurationError, NotFound, PermissionDenied
    from d2l_brightspace.connection import configured_session
    from d2l_brightspace.private_files import create_file

    if output.exists() or output.is_symlink():
        raise ConfigurationError(
            f"{output} is there already, and is not overwritten. Name another file by --output."
        )
    session = configured_session()
    try:
        block = session.get_json(f"{_ROUTE}?{urlencode({'purpose': purpose})}", scope="core:*:*")
    except (NotFound, PermissionDenied) as error:
        raise type(error)(
            "A SOAP token for this purpose is not offered here: the route is gone from newer "
            "versions, and the administrator has to have switched on the service it is for.",
            error.context,
        ) from None
    try:
        create_file(output, json.dumps(block, indent=2) + "\n")
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written ({error.strerror}). Name a file in a folder that is there "
            "and that this user may write to, by --output."
        ) from None
    click.echo(f"Brightspace's answer with the token is in {output}, which only you can read.")
    warn_of_commit(output)
