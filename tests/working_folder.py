"""Another working folder for this process, as dlt sees it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Be in a folder as if the process had begun there, with its `.dlt`, for a while."""
    before, context = Path.cwd(), Container()[PluggableRunContext]
    of_before = context.context, context.providers
    os.chdir(folder)
    context.reload(str(folder))
    try:
        yield
    finally:
        os.chdir(before)
        context.context, context.providers = of_before
