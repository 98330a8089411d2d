"""The storage behind Data Hub: another origin, where a signature in the link is all it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from .access import scheme_of
from .state import State


class Storage:
    """Serves GET /storage/…, whole or in part."""

    def __init__(self, state: State) -> None:
        """Serve the files of the state's hub."""
        self._state = state

    async def answer(self, request: Request) -> Response:
        """Answer one request; one with credentials is refused, as storage of clouds does it."""
        if scheme_of(request) != "anonymous":
            return PlainTextResponse("only one way to authenticate may be used", 400)
        hub = self._state.hub
        path = hub.file_of(request.path_params["name"], request.query_params.get("sig", ""))
        if path is None:
            return PlainTextResponse("the signature does not match", 403)
        if hub.cut_after:
            return _cut(path, hub.cut_after.pop(0))
        return FileResponse(path, media_type="application/zip")


def _cut(path: Path, after: int) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield path.read_bytes()[:after]

    headers = dict(FileResponse(path, stat_result=path.stat()).headers)
    return StreamingResponse(pieces(), media_type="application/zip", headers=headers)
