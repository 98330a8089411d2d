"""The private key of a service user, and the algorithm it signs with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2l_brightspace.client.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SMALLEST_RSA_BITS = 2048
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


def signing_key(pem: str) -> tuple[RSAPrivateKey | EllipticCurvePrivateKey, str]:
    """Read a key.

    Raises:
        ConfigurationError: If it cannot be used, or the extra `service-user` is missing.
    """
    try:
        import jwt  # noqa: F401
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise missing_extra() from None
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except Exception:  # noqa: BLE001  # whatever cryptography says of the key, it must not be shown
        key = None
    if isinstance(key, RSAPrivateKey) and key.key_size >= _SMALLEST_RSA_BITS:
        return key, "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key, _CURVES[key.curve.name]
    raise ConfigurationError(
        "Setting `credentials.private_key` cannot be read, or is neither an RSA key of at least "
        f"{_SMALLEST_RSA_BITS} bits nor an EC key on P-256, P-384 or P-521. A key that works: "
        "`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`."
    )


def missing_extra() -> ConfigurationError:
    """What to say where the extra `service-user` is not installed."""
    return ConfigurationError(
        'A service user needs PyJWT and cryptography: pip install "d2l-brightspace[service-user]"'
    )
