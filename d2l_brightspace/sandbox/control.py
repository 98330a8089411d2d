"""The sandbox's own routes, for people at a shell: look inside and change things while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .credentials import credentials
from .jobs import Job
from .state import State
from .truth import count, count_tables
from .world import World

Change = Callable[[World, dict[str, Any]], object]

_CHANGES: dict[str, Change] = {
    "unenroll": lambda world, ask: world.unenroll(ask["orgUnitId"], ask["userId"]),
    "enroll": lambda world, ask: world.enroll(ask["orgUnitId"], ask["userId"]),
    "empty-course": lambda world, ask: world.empty_course(ask["orgUnitId"]),
    "forbid": lambda world, ask: world.forbid(ask["orgUnitId"]),
    "allow": lambda world, ask: world.allow(ask["orgUnitId"]),
    "end-job": lambda world, ask: world.end_job(ask["token"], ask["status"]),
    "log-messages": lambda world, ask: world.add_log_messages(ask["count"]),
}


def control_routes(state: State) -> list[Route]:
    """Return the routes below /sandbox."""

    async def truth(request: Request) -> Response:
        tables = [name for name in request.query_params.get("tables", "").split(",") if name]
        try:
            found = count_tables(state.lists, tables) if tables else count(state.world)
        except KeyError as error:
            return JSONResponse({"error": f"not there: {error.args[0]}"}, 404)
        return JSONResponse(found)

    async def requests(_request: Request) -> Response:
        return JSONResponse(state.journal[:])

    async def show_credentials(request: Request) -> Response:
        return JSONResponse(credentials(state, str(request.base_url.replace(path=""))))

    async def jobs(_request: Request) -> Response:
        with state.world.lock:
            return JSONResponse([_job(state.world, job) for job in state.world.jobs])

    routes = [
        Route("/truth", truth),
        Route("/requests", requests),
        Route("/jobs", jobs),
        Route("/credentials", show_credentials),
    ]
    changes = [
        Route(f"/{name}", _changing(state, change), methods=["POST"])
        for name, change in _CHANGES.items()
    ]
    return routes + changes


def _job(world: World, job: Job) -> dict[str, object]:
    world.jobs.catch_up(job)
    return {
        "token": job.token,
        "kind": job.kind,
        "orgUnitId": job.org_unit_id,
        "fileName": job.file_name,
        "size": job.size,
        "status": job.status,
    }


def _changing(state: State, change: Change) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        try:
            change(state.world, json.loads(await request.body()))
        except KeyError as error:
            return JSONResponse({"error": f"not there: {error.args[0]}"}, 404)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(count(state.world))

    return answer
