"""A small, complete, deterministic Brightspace to try things against, on loopback only.

It imports nothing of ours from outside this folder: it is written from D2L's documentation alone,
so that it checks the client instead of mirroring it.
"""

from __future__ import annotations

from .server import Sandbox
from .settings import SandboxSettings
from .world import World

__all__ = ["Sandbox", "SandboxSettings", "World"]
