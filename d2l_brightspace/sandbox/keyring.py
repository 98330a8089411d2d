"""The applications registered with the sandbox, their secrets and their keys."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from .settings import SandboxSettings


class Keyring:
    """Secrets that follow from the seed, so that pasted settings survive a restart."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Derive every secret; only an "rsa" signing key is a new one each time."""
        self._seed = settings.seed
        self.bearer = self._secret("bearer")
        self.web_client_id = f"sandbox-web-{self._secret('web client')[:8]}"
        self.client_secret = self._secret("client secret")
        self.refresh_token = self._secret("refresh token")
        self.service_client_id = f"sandbox-service-{self._secret('service client')[:8]}"
        self.app_id, self.app_key = self._secret("app id")[:22], self._secret("app key")[:22]
        self.user_id, self.user_key = self._secret("user id")[:22], self._secret("user key")[:22]
        self.key_id = f"sandbox-key-{self._secret('key id')[:8]}"
        key = self._ec_key() if settings.signing_key == "ec" else _rsa_key()
        self.private_key = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()
        self.public_keys: dict[str, bytes] = {}
        self.register_key(
            self.key_id,
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        )

    def register_key(self, key_id: str, public_key: bytes) -> None:
        """Add a public key (PEM) to the service application's key set."""
        self.public_keys[key_id] = public_key

    def _secret(self, label: str) -> str:
        return self._digest(label)[:40]

    def _digest(self, label: str) -> str:
        return hashlib.sha256(f"sandbox {self._seed} {label}".encode()).hexdigest()

    def _ec_key(self) -> ec.EllipticCurvePrivateKey:
        # Two digits less than 256 bits, so that the number is always below the curve's order.
        return ec.derive_private_key(int(self._digest("signing key")[2:], 16), ec.SECP256R1())  # noqa: FURB166


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
