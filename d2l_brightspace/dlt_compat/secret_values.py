"""The secrets that dlt's settings hold, for keeping them out of what is printed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigProviderException
from dlt.common.configuration.providers.doc import BaseDocProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

_SECRET_NAMES = ("CREDENTIALS", "KEY", "PASSWORD", "SECRET", "TOKEN")
_SHORTEST = 6
"""Shorter ones are words of messages as well, such as `true`."""


def secret_values() -> set[str]:
    """Every text in `secrets.toml` and like places, and in variables that are named like secrets.

    Files that dlt cannot read have given nobody a secret, so that they are passed over.

    Relies on a provider that keeps secrets in a document giving it by `to_toml`.
    """
    found = {
        value
        for name, value in os.environ.items()
        if any(word in name.upper() for word in _SECRET_NAMES)
    }
    for provider in _providers():
        if isinstance(provider, BaseDocProvider) and provider.supports_secrets:
            found.update(_texts(tomlkit.parse(provider.to_toml()).unwrap()))
    return {text for text in found if len(text) >= _SHORTEST}


def _providers() -> list[Any]:
    try:
        return list(Container()[PluggableRunContext].providers.providers)
    except ConfigProviderException:
        return []


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _texts(one)
    elif isinstance(node, str):
        yield node.strip()
