"""Sandboxes on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from d2l_brightspace.sandbox import Sandbox, SandboxSettings

from .caller import Api, Serve

SETTINGS = SandboxSettings(
    courses=6, users=25, class_size=12, log_messages=60, page_size=10, forbidden_courses=1
)


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    """A sandbox that no test changes."""
    with Sandbox(SETTINGS) as sandbox:
        caller = Api(sandbox)
        yield caller
        caller.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start sandboxes of the test's own."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Api:
            small = {"courses": 3, "users": 8, "class_size": 5, "log_messages": 10}
            sandbox = stack.enter_context(Sandbox(SandboxSettings(**{**small, **settings})))
            caller = Api(sandbox)
            stack.callback(caller.close)
            return caller

        yield start
