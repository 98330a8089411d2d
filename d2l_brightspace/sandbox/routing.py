"""What a route is, and how a request finds its route."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from starlette.datastructures import UploadFile
from starlette.requests import Request

from .data_hub import DataHub
from .paths import expression
from .problems import not_authorized, not_found, plain
from .query import Query
from .settings import SandboxSettings
from .state import State
from .versions import is_at_least, is_supported
from .world import Unit, World

ANONYMOUS = ""


@dataclass(frozen=True)
class Call:
    """Everything a handler needs to answer."""

    request: Request
    body: bytes
    world: World
    settings: SandboxSettings
    query: Query
    parts: dict[str, str]
    state: State
    form: list[tuple[str, UploadFile | str]] = field(default_factory=list)

    def id(self, name: str) -> int:
        """Return an id that is part of the path."""
        return int(self.parts[name])

    @property
    def hub(self) -> DataHub:
        """Data Hub."""
        return self.state.hub

    @property
    def page_size(self) -> int:
        """Rows on a page."""
        return self.settings.page_size

    @property
    def origin(self) -> str:
        """Where the client found this server: scheme, host and port."""
        return str(self.request.base_url).rstrip("/")

    def course(self, security_variable: str) -> Unit:
        """Return the course of the path, if the caller may see this side of it."""
        course_id = self.id("ou")
        course = self.world.units.get(course_id)
        if course is None or not self.world.is_kind(course, "Course Offering"):
            raise not_found(f"There is no course offering {course_id}")
        self.must_be_allowed(course_id, security_variable)
        return course

    def must_be_allowed(self, org_unit_id: int, security_variable: str) -> None:
        """Refuse in a forbidden course, in D2L's words."""
        if org_unit_id in self.world.forbidden:
            raise not_authorized(
                f"Not authorized for [ orgUnitId: {org_unit_id}, "
                f"securityVariableName: {security_variable} ]"
            )


Handler = Callable[[Call], object]


@dataclass(frozen=True)
class Route:
    """One action. To add one, list it in a module of `routes`.

    Attributes:
        method: The HTTP method.
        product: Product code, "" for a route outside any product and version.
        path: As D2L's documentation writes it, trailing slash included; `{ou}` is numeric, and
            `{version:text}` is anything without a slash.
        scope: Scopes separated by blanks, of which one is enough; ANONYMOUS for none.
        handler: Gets the Call and returns what becomes JSON, or a Starlette response.
        takes_form: Whether the body is multipart/form-data, whose files go to the disk.
        min_version: First version of the product that has the route; "" where all have it.
    """

    method: str
    product: str
    path: str
    scope: str
    handler: Handler
    takes_form: bool = False
    min_version: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The whole path, without regard to case, as IIS does."""
        lead = f"{self.product}/{{api_version:text}}/" if self.product else ""
        return re.compile(expression(f"/d2l/api/{lead}{self.path}"), re.IGNORECASE)


@dataclass(frozen=True)
class Router:
    """All routes."""

    routes: Sequence[Route]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the variable parts of the path.

        An unknown route, a missing or additional slash, an id that is not a number and an
        unsupported version are all 404, as D2L has it; a known route with another method is 405.
        """
        allowed = []
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match and _version_is_good(route, match):
                if route.method == method:
                    return route, match.groupdict()
                allowed.append(route.method)
        if not allowed:
            raise plain(404)
        refused = plain(405)
        refused.response.headers["Allow"] = ", ".join(allowed)
        raise refused


def _version_is_good(route: Route, match: re.Match[str]) -> bool:
    if not route.product:
        return True
    version = match["api_version"]
    return is_supported(route.product, version) and is_at_least(version, route.min_version)
