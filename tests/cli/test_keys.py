"""The life of a service user's keys: made, published, changed, taken away."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from d2l_brightspace import ServiceUserAuth
from d2l_brightspace.cli.main import main
from d2l_brightspace.connection import connect
from d2l_brightspace.sandbox import Sandbox

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def published(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "brightspace-jwks.json").read_text())["keys"]
    return found


def user_by(sandbox: Sandbox, jwk: dict[str, Any], private_key: str) -> object:
    """Who the sandbox says it is, after it was told the published key only."""
    public = jwt.PyJWK(jwk).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    sandbox.register_key(jwk["kid"], public)
    known = sandbox.credentials["service_user"]
    fields = {**known, "private_key": private_key, "key_id": jwk["kid"]}
    session = connect(sandbox.url, ServiceUserAuth(**fields))
    return session.get_json("lp/(version)/users/whoami")["Identifier"]


@pytest.mark.parametrize(
    ("key_type", "algorithm"), [("ec", "ES256"), ("rsa", "RS256")], ids=["EC", "RSA"]
)
def test_a_new_pair_logs_in(sandbox: Sandbox, project: Path, key_type: str, algorithm: str) -> None:
    result = keys("new", "--type", key_type, "--write")
    assert result.exit_code == 0, result.output
    private = project / "brightspace-private-key.pem"
    pem = private.read_text()
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert pem.splitlines()[1] not in result.output
    (jwk,) = published(project)
    assert (jwk["use"], jwk["alg"]) == ("sig", algorithm)
    assert not {"d", "p", "q"} & jwk.keys()
    assert f"Key id:      {jwk['kid']}\n" in result.output
    assert user_by(sandbox, jwk, pem)
    secrets = project / ".dlt" / "secrets.toml"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    written = tomllib.loads(secrets.read_text())["sources"]["d2l_brightspace_source"]
    assert written["credentials"] == {"key_id": jwk["kid"], "private_key": pem}


def test_thumbprint_of_the_rfc() -> None:
    from d2l_brightspace.client.auth.key_pairs import _thumbprint

    # RFC 7638, 3.1
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK"
        "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic"
        "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
        "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    public = {"kty": "RSA", "n": modulus, "e": "AQAB"}
    assert _thumbprint(public) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rotation_keeps_both_until_it_is_finished(
    sandbox: Sandbox, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys("rotate").exit_code == 2  # nothing to add to
    assert keys("new").exit_code == 0
    (old,) = published(project)
    assert "nothing to take away" in keys("rotate", "--finish").output
    result = keys("rotate")
    assert result.exit_code == 0, result.output
    assert published(project)[0] == old
    new = published(project)[1]
    (private,) = project.glob("brightspace-private-key-*.pem")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert str(private.name) in result.output
    assert user_by(sandbox, new, private.read_text())

    setting = "SOURCES__D2L_BRIGHTSPACE_SOURCE__CREDENTIALS__KEY_ID"
    monkeypatch.setenv(setting, old["kid"])
    refused = keys("rotate", "--finish")
    assert refused.exit_code == 2
    assert f"The settings use the key {old['kid']}" in refused.output
    assert len(published(project)) == 2
    monkeypatch.setenv(setting, new["kid"])
    assert keys("rotate", "--finish").exit_code == 0
    assert published(project) == [new]
    assert stat.S_IMODE((project / "brightspace-jwks.json").stat().st_mode) == 0o644


def test_nothing_is_overwritten(project: Path) -> None:
    private = project / "brightspace-private-key.pem"
    private.symlink_to(project / "nowhere.pem")
    result = keys("new")
    assert result.exit_code == 2
    assert "is there already, and is not overwritten" in result.output
    assert not (project / "brightspace-jwks.json").exists()
    private.unlink()
    assert keys("new").exit_code == 0
    pem = private.read_text()
    again = keys("new", "--private-key", "other.pem")
    assert "keys rotate" in again.output
    assert private.read_text() == pem
    assert not (project / "other.pem").exists()
    assert (
        "cannot be written"
        in keys("new", "--jwks", "no/such/folder.json", "--private-key", "third.pem").output
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is no key set"),
        ('{"keys": []}', "is no key set"),
        ('{"keys": [{"kty": "EC"}]}', "is no key set"),
        ('{"keys": [{"kid": "a", "kty": "EC", "d": "CANARY"}]}', "holds a private key"),
    ],
    ids=["a list", "empty", "no kid", "private"],
)
def test_key_sets_that_are_not_published(project: Path, text: str, words: str) -> None:
    (project / "brightspace-jwks.json").write_text(text)
    result = keys("rotate")
    assert result.exit_code == 2
    assert words in result.output
    assert "CANARY" not in result.output
    assert not list(project.glob("*.pem"))


def test_without_the_extra(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    result = keys("new")
    assert result.exit_code == 2
    assert 'pip install "d2l-brightspace[service-user]"' in result.output
