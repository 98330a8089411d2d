"""What a command needs beside the package: parts of it that pip installs on request only."""

from __future__ import annotations

from importlib.util import find_spec

from d2l_brightspace.client.errors import ConfigurationError

_MODULES = {
    "sandbox": ("starlette", "python_multipart", "uvicorn", "jwt", "cryptography"),
    "service-user": ("jwt", "cryptography"),
}


def check_installed(extra: str) -> None:
    """Say what to install where an extra is not.

    Args:
        extra: Its name in `pyproject.toml`.

    Raises:
        ConfigurationError: If a package of it is missing.
    """
    missing = [module for module in _MODULES[extra] if find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f'This needs the extra `{extra}`: pip install "d2l-brightspace[{extra}]" '
            f"(not installed: {', '.join(missing)})"
        )
