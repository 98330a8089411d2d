"""Key pairs of a service user, and the key set that is published of them (RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from d2l_brightspace.client.errors import ConfigurationError

from .signing_key import missing_extra, signing_key
from .tokens import is_text, json_object

KeyType = Literal["ec", "rsa"]

_RSA_BITS = 3072
# RFC 7638, 3.2: what a thumbprint is made of
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
# RFC 7518, 6.2.2, 6.3.2 and 6.4: what is private or a secret
_PRIVATE_MEMBERS = frozenset({"d", "dp", "dq", "k", "oth", "p", "q", "qi"})

Jwk = dict[str, Any]


@dataclass(frozen=True, repr=False)
class KeyPair:
    """A private key and what is published of it."""

    private_key: str
    """PEM text."""
    jwk: Jwk
    """The public key; its `kid` is its thumbprint (RFC 7638)."""

    @property
    def key_id(self) -> str:
        """What the setting `key_id` has to be."""
        return str(self.jwk["kid"])


def new_key_pair(key_type: KeyType) -> KeyPair:
    """Make a key pair: P-256 for ES256, or 3072 bits for RS256.

    Raises:
        ConfigurationError: If the extra `service-user` is missing.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )
    except ImportError:
        raise missing_extra() from None
    made = (
        ec.generate_private_key(ec.SECP256R1())
        if key_type == "ec"
        else rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    )
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return KeyPair(pem, _jwk(pem))


def _jwk(pem: str) -> Jwk:
    key, algorithm = signing_key(pem)
    import jwt

    made: Any = jwt.get_algorithm_by_name(algorithm)
    document = made.to_jwk(key.public_key(), as_dict=True)
    public = {name: document[name] for name in _MEMBERS[document["kty"]]}
    return {**public, "kid": _thumbprint(public), "use": "sig", "alg": algorithm}


def _thumbprint(public: Jwk) -> str:
    text = json.dumps(public, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class KeySet:
    """The public keys of an app, the newest last."""

    keys: tuple[Jwk, ...]

    @classmethod
    def from_json(cls, text: str, name: str) -> KeySet:
        """Read a key set.

        Args:
            text: What `to_json` wrote, or another program.
            name: What error texts call it.

        Raises:
            ConfigurationError: If it is none, or holds what must not be published.
        """
        keys = (json_object(text) or {}).get("keys")
        if not (isinstance(keys, list) and keys and all(map(_is_key, keys))):
            raise ConfigurationError(
                f"{name} is no key set: a JSON object with a list `keys`, each with a `kid`. "
                "`d2l-brightspace keys new` makes one."
            )
        if any(_PRIVATE_MEMBERS & key.keys() for key in keys):
            raise ConfigurationError(
                f"{name} holds a private key. If it was published, whoever read it can act as the "
                "service user: make a new pair by `d2l-brightspace keys new`, and publish that."
            )
        return cls(tuple(keys))

    def to_json(self) -> str:
        """What is to be published."""
        return json.dumps({"keys": self.keys}, indent=2) + "\n"

    @property
    def newest(self) -> str:
        """Key id of the newest."""
        return str(self.keys[-1]["kid"])


def _is_key(value: object) -> bool:
    return isinstance(value, dict) and is_text(value.get("kid"))
