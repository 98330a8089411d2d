"""The token endpoint: codes, rotating refresh tokens, client credentials by signed assertion."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt

from .authorization_codes import AuthorizationCodes
from .clock import Clock
from .keyring import Keyring
from .scopes import intersect
from .settings import SandboxSettings

REAL_AUDIENCE = "https://auth.brightspace.com/core/connect/token"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
_LONGEST_ASSERTION = 300  # D2L's upper limit, 5 minutes


@dataclass(frozen=True)
class Grant:
    """What an access token allows, to which application, and until when."""

    application: str
    scope: str
    expires: float


class OAuthError(Exception):
    """An error answer of the token endpoint (RFC 6749 5.2)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        """Remember the code and the words."""
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


class TokenIssuer:
    """Hands out access tokens and knows which are good."""

    def __init__(
        self, settings: SandboxSettings, keyring: Keyring, codes: AuthorizationCodes, clock: Clock
    ) -> None:
        """Know the applications of the keyring; the ready-made bearer token lives from now on."""
        self._settings, self._keyring, self._codes = settings, keyring, codes
        self._clock = clock
        self._grants: dict[str, Grant] = {}
        self._used_assertions: set[str] = set()
        self.refresh_token = keyring.refresh_token
        """The good one of the chain that begins with the ready-made one."""
        self._scope_of: dict[str, str | None] = {self.refresh_token: None}  # of each good one
        expires = clock() + settings.bearer_lifetime
        self._grants[keyring.bearer] = Grant("sandbox-bearer", settings.scopes, expires)

    def grant_of(self, access_token: str) -> Grant | None:
        """Return what the token allows, or nothing when it is unknown or expired."""
        grant = self._grants.get(access_token)
        return grant if grant and self._clock() < grant.expires else None

    def revoke_access_tokens(self) -> None:
        """Make every access token invalid, as a change of the password would."""
        self._grants.clear()

    def answer(self, form: bytes, authorization: str, token_url: str) -> dict[str, object]:
        """Answer one request to the token endpoint."""
        fields = _fields(form)
        grant_type = fields.get("grant_type", "")
        if grant_type == "refresh_token":
            return self._refresh(fields, authorization)
        if grant_type == "authorization_code":
            return self._redeem(fields, authorization)
        if grant_type == "client_credentials":
            return self._client_credentials(fields, token_url)
        if not grant_type:
            raise OAuthError("invalid_request", "grant_type is missing")
        raise OAuthError("unsupported_grant_type", "this grant is not offered here")

    # -- code and refresh token ------------------------------------------------------------------

    def _redeem(self, fields: Mapping[str, str], authorization: str) -> dict[str, object]:
        self._check_secret(fields, authorization)
        scope = self._codes.redeem(fields)
        if scope is None:
            raise OAuthError("invalid_grant", "the code is not good, or not any more")
        return self._issue(self._keyring.web_client_id, scope) | self._next_refresh_token(scope)

    def _refresh(self, fields: Mapping[str, str], authorization: str) -> dict[str, object]:
        self._check_secret(fields, authorization)
        offered = fields.get("refresh_token", "")
        if offered not in self._scope_of:
            raise OAuthError("invalid_grant", "the refresh token is unknown or was used before")
        consented = self._scope_of[offered]
        answer = self._issue(self._keyring.web_client_id, fields.get("scope"), consented)
        # KB 1196: the used refresh token is dead from here on.
        del self._scope_of[offered]
        following = self._next_refresh_token(consented)
        if offered == self.refresh_token:
            self.refresh_token = following["refresh_token"]
        return answer | following

    def _next_refresh_token(self, scope: str | None) -> dict[str, str]:
        token = f"rt-{secrets.token_urlsafe(24)}"
        self._scope_of[token] = scope
        return {"refresh_token": token}

    def _check_secret(self, fields: Mapping[str, str], authorization: str) -> None:
        client_id, secret = _client(fields, authorization)
        # RFC 6749 5.2: 401 when the client tried the Authorization header, else 400.
        status = 401 if authorization else 400
        known = client_id == self._keyring.web_client_id
        right = hmac.compare_digest(secret.encode(), self._keyring.client_secret.encode())
        if not (known and right):
            raise OAuthError("invalid_client", "unknown client or wrong secret", status)

    # -- client credentials ----------------------------------------------------------------------

    def _client_credentials(self, fields: Mapping[str, str], token_url: str) -> dict[str, object]:
        if fields.get("client_assertion_type") != _ASSERTION_TYPE:
            raise OAuthError("invalid_client", "client_assertion_type must be jwt-bearer")
        client_id = self._keyring.service_client_id
        # The client_id field is optional in practice, but must not contradict.
        if fields.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_client", "unknown client")
        claims = self._verified(fields.get("client_assertion", ""), token_url)
        self._check_times(claims)
        self._use_once(claims)
        return self._issue(client_id, fields.get("scope"))

    def _verified(self, assertion: str, token_url: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(assertion).get("kid", "")
            claims: dict[str, Any] = jwt.decode(
                assertion,
                self._keyring.public_keys[key_id],
                algorithms=_ALGORITHMS,
                audience=[token_url, REAL_AUDIENCE],
                issuer=self._keyring.service_client_id,
                # The times are checked against this server's own clock, which may be moved.
                options={
                    "require": ["iss", "sub", "aud", "exp", "jti"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except KeyError:
            raise OAuthError("invalid_client", "unknown key id (kid)") from None
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise OAuthError("invalid_client", f"bad assertion: {error}") from None
        if claims["sub"] != self._keyring.service_client_id:
            raise OAuthError("invalid_client", "bad assertion: sub is not the client id")
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        expires = claims["exp"]
        if not isinstance(expires, (int, float)):
            raise OAuthError("invalid_client", "bad assertion: exp is not a number")
        left = expires - self._clock()
        if left <= 0:
            raise OAuthError("invalid_client", "bad assertion: expired")
        if left > _LONGEST_ASSERTION:
            raise OAuthError("invalid_client", "bad assertion: exp is more than 5 minutes ahead")

    def _use_once(self, claims: Mapping[str, Any]) -> None:
        if claims["jti"] in self._used_assertions:
            raise OAuthError("invalid_client", "bad assertion: jti was used before")
        self._used_assertions.add(claims["jti"])

    # -- all of them -----------------------------------------------------------------------------

    def _issue(
        self, application: str, requested: str | None, consented: str | None = None
    ) -> dict[str, object]:
        registered = consented or self._settings.scopes
        scope = intersect(requested, registered) if requested else registered
        if not scope:
            raise OAuthError("invalid_scope", "none of the scopes is registered for this client")
        token, lifetime = f"at-{secrets.token_urlsafe(24)}", self._settings.token_lifetime
        self._grants[token] = Grant(application, scope, self._clock() + lifetime)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(lifetime),
            "scope": scope,
        }


def _fields(form: bytes) -> dict[str, str]:
    pairs = parse_qsl(form.decode("utf-8", "replace"), keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise OAuthError("invalid_request", "a parameter was sent twice")  # RFC 6749 3.2
    return dict(pairs)


def _client(fields: Mapping[str, str], authorization: str) -> tuple[str, str]:
    if not authorization:
        return fields.get("client_id", ""), fields.get("client_secret", "")
    if "client_secret" in fields:
        raise OAuthError("invalid_request", "one way of client authentication only")
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    client_id, _, secret = text.partition(":")
    return (
        (unquote_plus(client_id), unquote_plus(secret)) if scheme.lower() == "basic" else ("", "")
    )
