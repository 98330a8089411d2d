"""D2L's token endpoint: asking it, again where that is safe, and what its refusals mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    RateLimited,
    RequestContext,
)
from d2l_brightspace.client.http.messages import HttpRequest, HttpResponse
from d2l_brightspace.client.http.transport import OversizedBody, SendsOne, TransportFailure
from d2l_brightspace.client.limits import Limits
from d2l_brightspace.client.sending.first_contact import FirstContact, HostSetting
from d2l_brightspace.client.sending.retry_budget import RetryBudget

from .tokens import (
    LOG_IN_AGAIN,
    AccessToken,
    is_sendable,
    is_text,
    json_object,
    positive_seconds,
)

TOKEN_URL = "https://auth.brightspace.com/core/connect/token"  # noqa: S105
"""D2L's token endpoint, the same for every Brightspace site."""

_SETTING = HostSetting("credentials.token_url", f'token_url = "{TOKEN_URL}"')
_RETRIES = Limits(max_attempts=4, backoff_seconds=1.0, max_wait_seconds=60.0)


@dataclass(frozen=True, repr=False)
class TokenAnswer:
    """A JSON object from the token endpoint, and when it was asked for."""

    fields: Mapping[str, Any]
    sent_at: float

    def access_token(self) -> AccessToken | None:
        """The access token; None if there is none that could be sent in a header."""
        value = self.fields.get("access_token")
        if not is_sendable(value):
            return None
        lifetime = positive_seconds(self.fields.get("expires_in"))
        return AccessToken(value, self.sent_at, self.sent_at + lifetime if lifetime else None)

    def refresh_token(self) -> str | None:
        """The next refresh token; None if the one that was sent goes on working."""
        value = self.fields.get("refresh_token")
        return value if is_text(value) else None

    def first_tokens(self) -> tuple[str, AccessToken]:
        """Refresh token and access token of a new log-in.

        Raises:
            AuthenticationError: If one of them is missing.
        """
        refresh, access = self.refresh_token(), self.access_token()
        if access is None:
            raise AuthenticationError(
                "The token endpoint's answer holds no `access_token`. Check "
                "`credentials.token_url`.",
                error_context(200),
            )
        if refresh is None:
            raise AuthenticationError(
                "The token endpoint gave no refresh token, so the log-in would end with the first "
                "access token. In Manage Extensibility switch on 'Enable refresh tokens' for the "
                "app, and log in again.",
                error_context(200),
            )
        return refresh, access


class TokenEndpoint:
    """Asks the token endpoint, again where that is safe.

    Args:
        url: Address of the endpoint.
        transport: Sends the request.
        clock: Unix time in seconds, replaced in tests.
        sleep: Waits between attempts, replaced in tests.
    """

    def __init__(
        self,
        url: str,
        transport: SendsOne,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self._contact = FirstContact(_SETTING, AuthenticationError, AuthenticationError)

    def ask(
        self,
        form: Callable[[], dict[str, str]],
        *,
        basic: tuple[str, str] | None = None,
        single_use: bool = False,
    ) -> TokenAnswer:
        """Send a form and read the answer.

        Args:
            form: Makes the fields, anew for each attempt.
            basic: Client id and secret for HTTP Basic.
            single_use: The form holds something that the server may accept only once, so a form
                whose answer was lost is not sent again.

        Returns:
            The answer to a request that was granted.

        Raises:
            AuthenticationError: If there is no token, whatever the cause. Not `ServiceUnavailable`
                or `ProtocolError`: those may cost one org unit its rows, this ends the run.
            ConfigurationError: If only a setting cures it: there is no such host, say.
            RateLimited: If the endpoint is busy at every attempt, or asks for a long delay.
        """
        budget = RetryBudget(_RETRIES, error_context(None))
        while True:
            sent_at = self._clock()
            request = requests.Request(
                "POST", self.url, data=form(), auth=basic, headers={"Accept": "application/json"}
            )
            outcome = self._exchange(HttpRequest.of(request.prepare()), single_use=single_use)
            if isinstance(outcome, HttpResponse):
                return TokenAnswer(_fields(outcome, single_use=single_use), sent_at)
            self._sleep(budget.delay_before_retry(outcome.error, outcome.delay, outcome.attempts))

    def _exchange(self, request: HttpRequest, *, single_use: bool) -> HttpResponse | _Again:
        try:
            response = self._transport.exchange(request)
        except TransportFailure as failure:
            if single_use and failure.delivered:
                raise _lost_answer(failure) from None
            broken = self._contact.no_answer(failure, error_context(None))
            return _Again(broken.error, attempts=broken.attempts)
        except OversizedBody:
            raise _unreadable_answer("far more than a token", None) from None
        self._contact.is_made = True
        return _again(response) or response


@dataclass(frozen=True)
class _Again:
    """Why one attempt failed, and how long the endpoint wants to be left alone."""

    error: BrightspaceError
    delay: float = 0.0
    attempts: int | None = None
    """At most so many; None for as many as there are."""


def _again(response: HttpResponse) -> _Again | None:
    context = error_context(response.status_code)
    # `Retry-After` as a date is left to the back-off
    delay = positive_seconds(response.headers.get("Retry-After")) or 0.0
    if response.status_code == requests.codes.too_many_requests:
        return _Again(RateLimited("The token endpoint is busy. Run again later.", context), delay)
    if response.status_code >= requests.codes.server_error:
        error = AuthenticationError("The token endpoint fails. Run again later.", context)
        return _Again(error, delay)
    return None


def _fields(response: HttpResponse, *, single_use: bool) -> Mapping[str, Any]:
    document = json_object(response.content)
    if response.status_code >= requests.codes.bad_request:
        raise _refusal(response.status_code, (document or {}).get("error"), single_use=single_use)
    if response.status_code == requests.codes.ok and document is not None:
        return document
    kind = "a redirect" if response.is_redirect else "something that is not a JSON object"
    raise _unreadable_answer(kind, response.status_code)


def _unreadable_answer(kind: str, status: int | None) -> AuthenticationError:
    return AuthenticationError(
        f"The token endpoint answered with {kind}. Check `credentials.token_url`: D2L's is "
        f"{TOKEN_URL}.",
        error_context(status),
    )


# RFC 6749, 5.2
_ERROR_CODES = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_ADVICE = {
    "invalid_grant": (
        "The token endpoint does not accept the refresh token any more: it was used already, has "
        f"expired, or was revoked. {LOG_IN_AGAIN}"
    ),
    "invalid_client": (
        "The token endpoint does not know the client. Compare `client_id` and `client_secret` "
        "with the app in Manage Extensibility; for a service user compare `client_id` and "
        "`key_id` with the app's JWKS URL, and check this machine's clock."
    ),
    "unauthorized_client": (
        "The app may not use this grant. In Manage Extensibility switch on 'Enable refresh "
        "tokens', or the grant type 'Client Credentials' for a service user."
    ),
    "invalid_scope": (
        "The app is not registered for a scope in `credentials.scope`. Ask for less, or add the "
        "scope to the app in Manage Extensibility; blanks go between scopes, none around commas."
    ),
}


def _refusal(status: int, code: object, *, single_use: bool) -> AuthenticationError:
    # an error code is one of a few words; anything else in that place may be an echo
    known = code if isinstance(code, str) and code in _ERROR_CODES else None
    # a service user has no refresh token: its grant is the assertion by which the client is known
    advice = "invalid_client" if known == "invalid_grant" and not single_use else known
    return AuthenticationError(
        _ADVICE.get(advice or "", "The token endpoint refuses to hand out a token."),
        error_context(status, known),
    )


def _lost_answer(failure: TransportFailure) -> AuthenticationError:
    return AuthenticationError(
        f"The answer of the token endpoint {failure.host} was lost ({failure.reason}). The "
        "request was not sent again: the token or code in it works once, and may be used up. Run "
        f"again once; if it is refused then: {LOG_IN_AGAIN}",
        error_context(None),
    )


def error_context(status: int | None, detail: str | None = None) -> RequestContext:
    """Where an error of the endpoint happened."""
    return RequestContext("token endpoint", status=status, detail=detail)
