"""Load D2L Brightspace into any dlt destination: versions, courses, class lists, enrollments, logs.

The public names; nothing is imported before it is asked for, so that the command line and the
sandbox start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.auth.credentials import (
        BearerAuth,
        BrightspaceCredentials,
        IdKeyAuth,
        RefreshTokenAuth,
        ServiceUserAuth,
    )
    from .client.auth.token_store import FileTokenStore, TokenStore
    from .client.errors import (
        AuthenticationError,
        BrightspaceError,
        ConfigurationError,
        NotFound,
        OutcomeUnknown,
        PermissionDenied,
        ProtocolError,
        RateLimited,
        ServiceUnavailable,
        Unreachable,
    )
    from .client.paging.paginators import (
        BookmarkPaginator,
        ObjectListPaginator,
        PageNumberPaginator,
    )
    from .course_packages.source import import_jobs_source
    from .data_sets.advanced import advanced_data_set
    from .data_sets.source import brightspace_data_sets_source
    from .pipeline.errors import DestinationInUse, DestinationRefused
    from .pipeline.lock import RunInProgress
    from .pipeline.progress import command_progress
    from .pipeline.report import RunReport
    from .pipeline.run import run
    from .pipeline.warehouse import warehouse
    from .rest_api import rest_api_config
    from .source import d2l_brightspace_source, log_message

_HOMES = {
    "client.auth.credentials": (
        "BearerAuth",
        "BrightspaceCredentials",
        "IdKeyAuth",
        "RefreshTokenAuth",
        "ServiceUserAuth",
    ),
    "client.errors": (
        "AuthenticationError",
        "BrightspaceError",
        "ConfigurationError",
        "NotFound",
        "OutcomeUnknown",
        "PermissionDenied",
        "ProtocolError",
        "RateLimited",
        "ServiceUnavailable",
        "Unreachable",
    ),
    "client.paging.paginators": (
        "BookmarkPaginator",
        "ObjectListPaginator",
        "PageNumberPaginator",
    ),
    "client.auth.token_store": ("FileTokenStore", "TokenStore"),
    "data_sets.advanced": ("advanced_data_set",),
    "data_sets.source": ("brightspace_data_sets_source",),
    "pipeline.errors": ("DestinationInUse", "DestinationRefused"),
    "pipeline.lock": ("RunInProgress",),
    "pipeline.report": ("RunReport",),
    "pipeline.progress": ("command_progress",),
    "pipeline.run": ("run",),
    "pipeline.warehouse": ("warehouse",),
    "course_packages.source": ("import_jobs_source",),
    "rest_api": ("rest_api_config",),
    "source": ("d2l_brightspace_source", "log_message"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AuthenticationError",
    "BearerAuth",
    "BookmarkPaginator",
    "BrightspaceCredentials",
    "BrightspaceError",
    "ConfigurationError",
    "DestinationInUse",
    "DestinationRefused",
    "FileTokenStore",
    "IdKeyAuth",
    "NotFound",
    "ObjectListPaginator",
    "OutcomeUnknown",
    "PageNumberPaginator",
    "PermissionDenied",
    "ProtocolError",
    "RateLimited",
    "RefreshTokenAuth",
    "RunInProgress",
    "RunReport",
    "ServiceUnavailable",
    "ServiceUserAuth",
    "TokenStore",
    "Unreachable",
    "advanced_data_set",
    "brightspace_data_sets_source",
    "command_progress",
    "d2l_brightspace_source",
    "import_jobs_source",
    "log_message",
    "rest_api_config",
    "run",
    "warehouse",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
