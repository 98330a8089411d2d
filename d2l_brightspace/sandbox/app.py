"""The web application: every request passes latency, journal, route, caller, credits and scope."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

from python_multipart.exceptions import FormParserError
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .control import control_routes
from .log_in_pages import log_in_routes
from .loopback import LoopbackOnly
from .oauth import OAuthError
from .problems import RefusedError, invalid_parameters, plain, unauthorized
from .query import Query
from .routes import all_routes
from .routing import ANONYMOUS, Call, Route, Router
from .state import State
from .storage import Storage

logger = logging.getLogger("d2l_brightspace.sandbox")


def build_app(state: State) -> Starlette:
    """Wire the routes of Brightspace, of its token endpoint and of the sandbox's own controls."""
    token = TokenEndpoint(state)
    app = Starlette(
        routes=[
            StarletteRoute("/core/connect/token", token.answer, methods=["POST"]),
            *log_in_routes(state),
            StarletteRoute("/storage/{name}", Storage(state).answer),
            Mount("/sandbox", routes=control_routes(state)),
            Mount("/", app=Api(state, Router(all_routes()))),
        ],
        middleware=[
            Middleware(LoopbackOnly),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=1),
            Middleware(Observed, state=state),
        ],
        # The body of a 500 is empty (D2L's calling conventions); the traceback goes to the log.
        exception_handlers={Exception: lambda _request, _error: Response(status_code=500)},
    )
    app.router.redirect_slashes = False  # a missing slash is 404, not a redirect
    return app


class Api:
    """Answers below /d2l/api."""

    def __init__(self, state: State, router: Router) -> None:
        """Serve the routes of the router from the state."""
        self._state, self._router = state, router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            route, parts = self._router.find(request.method, request.scope["path"])
            headers = self._admit(request, route)
            query = Query(request.query_params.multi_items())
            fault = self._state.faults.strike(request.scope["path"], query)
            answer = fault or await self._handle(route, request, query, parts)
        except RefusedError as refused:
            answer = refused.response
        response = answer if isinstance(answer, Response) else JSONResponse(answer)
        response.headers.update(headers)
        return response

    async def _handle(
        self, route: Route, request: Request, query: Query, parts: dict[str, str]
    ) -> object:
        state = self._state
        world, settings = state.world, state.settings
        if not route.takes_form:
            call = Call(request, await request.body(), world, settings, query, parts, state)
            with world.lock:
                return route.handler(call)
        async with multipart(request) as form:  # on the disk: 490 MB are allowed
            call = Call(request, b"", world, settings, query, parts, state, form.multi_items())
            with world.lock:
                return route.handler(call)

    def _admit(self, request: Request, route: Route) -> dict[str, str]:
        """Check caller, credits and scope; return the headers of the rate limiter."""
        caller = self._state.gate.identify(request)
        if caller is None:
            if route.scope == ANONYMOUS:
                return {}
            raise unauthorized()
        headers = self._state.credits.spend(caller.application)
        if route.scope != ANONYMOUS:
            try:
                caller.must_hold(route.scope, request.scope["path"])
            except RefusedError as refused:
                refused.response.headers.update(headers)
                raise
        return headers


class TokenEndpoint:
    """Serves POST /core/connect/token."""

    def __init__(self, state: State) -> None:
        """Answer with the tokens of the state's issuer."""
        self._state = state

    async def answer(self, request: Request) -> Response:
        """Answer one request; nothing of it may be cached (RFC 6749 5.1)."""
        headers = {"Cache-Control": "no-store"}
        authorization = request.headers.get("authorization", "")
        token_url = str(request.url.replace(query=""))
        try:
            form = await _form(request)
            with self._state.world.lock:
                answer = self._state.issuer.answer(form, authorization, token_url)
        except OAuthError as error:
            if error.status == 401:
                headers["WWW-Authenticate"] = "Basic"
            return JSONResponse(error.body, error.status, headers)
        return JSONResponse(answer, headers=headers)


@asynccontextmanager
async def multipart(request: Request) -> AsyncIterator[FormData]:
    """Parse a multipart body while it arrives."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise plain(415)
    parser = MultiPartParser(request.headers, request.stream())
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, KeyError):  # older starlettes pass it through
        raise invalid_parameters("The body is no multipart/form-data") from None
    try:
        yield form
    finally:
        await form.close()


async def _form(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "send application/x-www-form-urlencoded")
    return await request.body()


class Observed:
    """Adds latency and date and writes the journal; the sandbox's own controls get neither."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        """Wrap an application."""
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on (ASGI)."""
        if scope["type"] != "http" or scope["path"].startswith("/sandbox/"):
            await self._app(scope, receive, send)
            return
        request, journal = Request(scope), self._state.journal

        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Written before the client can see the answer, so that a test finds it.
                arrival = journal.write(request, message["status"])
                logger.info("%(method)s %(path)a %(query)s -> %(status)s (%(scheme)s)", arrival)
                date = formatdate(self._state.clock(), usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        with journal.in_flight():
            await asyncio.sleep(self._state.settings.latency_ms / 1000)
            await self._app(scope, receive, watched_send)
