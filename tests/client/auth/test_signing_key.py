from __future__ import annotations

import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from d2l_brightspace.client.auth.credentials import ServiceUserAuth
from d2l_brightspace.client.auth.grants import ServiceUserGrant
from d2l_brightspace.client.auth.token_endpoint import TokenEndpoint
from d2l_brightspace.client.errors import (
    ConfigurationError,
)
from d2l_brightspace.client.http.transport import Transport

from .token_bench import (
    CANARY,
    RSA_KEY,
    URL,
    ScriptedTransport,
    assert_clean,
    pem,
    service_user,
)


@pytest.mark.parametrize("missing", ["jwt", "cryptography.hazmat.primitives.serialization"])
def test_missing_extra(missing: str, monkeypatch: pytest.MonkeyPatch, transport: Transport) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    credentials = ServiceUserAuth("app", pem(RSA_KEY), "key-1", "a:b:c")
    with pytest.raises(ConfigurationError, match=r'"d2l-brightspace\[service-user\]"'):
        credentials.authenticator(transport)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        dsa.generate_private_key(key_size=2048),
    ],
    ids=["RSA 1024", "secp256k1", "Ed25519", "DSA"],
)
def test_keys_that_d2l_does_not_take(key: object) -> None:
    with pytest.raises(ConfigurationError, match="RSA key of at least 2048"):
        service_user(ScriptedTransport(), key)


def test_a_garbled_key_is_not_shown() -> None:
    garbled = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        ServiceUserGrant(TokenEndpoint(URL, ScriptedTransport()), "a", garbled, "k", "s")
    assert_clean(caught.value)
