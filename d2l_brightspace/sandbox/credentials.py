"""Ready-made credentials for each scheme, as data and as settings to paste."""

from __future__ import annotations

import json

from .state import State

_TABLE = "[sources.d2l_brightspace_source.credentials]"
_TITLES = {
    "bearer": "a token you already hold",
    "refresh_token": "OAuth2 with a refresh token, which is single-use and rotates",
    "service_user": "OAuth2 client credentials of a service user (private-key JWT)",
    "id_key": "legacy ID-Key signing",
}


def credentials(state: State, url: str) -> dict[str, dict[str, str]]:
    """Return what a client needs to know, for each scheme."""
    keyring, token_url = state.keyring, f"{url.rstrip('/')}/core/connect/token"
    return {
        "bearer": {"token": keyring.bearer},
        "refresh_token": {
            "client_id": keyring.web_client_id,
            "client_secret": keyring.client_secret,
            "refresh_token": state.issuer.refresh_token,
            "token_url": token_url,
            "auth_url": f"{url.rstrip('/')}/oauth2/auth",
        },
        "service_user": {
            "client_id": keyring.service_client_id,
            "private_key": keyring.private_key,
            "key_id": keyring.key_id,
            "scope": state.settings.scopes,
            "token_url": token_url,
        },
        "id_key": {
            "app_id": keyring.app_id,
            "app_key": keyring.app_key,
            "user_id": keyring.user_id,
            "user_key": keyring.user_key,
        },
    }


def as_toml(found: dict[str, dict[str, str]], url: str) -> str:
    """Write the credentials as blocks for `.dlt/secrets.toml`; one of them is to be pasted."""
    blocks = [f'[sources.d2l_brightspace_source]\nhost = "{url}"']
    for number, (scheme, values) in enumerate(found.items(), 1):
        lines = [f"# {number}. {scheme}: {_TITLES[scheme]}", _TABLE]
        lines += [f"{name} = {_toml_string(value)}" for name, value in values.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _toml_string(value: str) -> str:
    # A basic TOML string is escaped like a JSON string; a key is easier to read over several lines.
    return f"'''\n{value}'''" if "\n" in value else json.dumps(value)
