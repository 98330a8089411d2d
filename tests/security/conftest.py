"""The same misbehaving Brightspace as for the tests of reliability."""

from __future__ import annotations

from tests.hostile.conftest import arena, baseline

__all__ = ["arena", "baseline"]
