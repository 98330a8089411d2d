"""Files that are imported into a load package, beside the steps that a user gave their resource.

dlt gives every step of a pipe the item, and an imported file has none: any step, even one that
changes nothing, would make the file vanish.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.extract.exceptions import CurrentSourceNotAvailable
from dlt.extract.items_transform import LimitItem

from . import pipes


@dataclass(frozen=True)
class UserSteps:
    """What a user has put behind a resource's generator."""

    takes_rows: bool = False
    """Whether something is there that wants to see rows."""
    is_limited: bool = False
    """Whether the generator may be stopped before its end."""


def user_steps(resource: str) -> UserSteps:
    """What items of a resource will pass; asked while it runs, from whatever thread.

    Relies on `dlt.current.source()` holding the resource whose pipe is being iterated, with the
    steps that were added to it.
    """
    try:
        found = dlt.current.source().resources.get(resource)
    except CurrentSourceNotAvailable:
        return UserSteps()
    steps: list[Any] = [] if found is None else found._pipe.steps[1:]
    return UserSteps(bool(steps), any(isinstance(step, LimitItem) for step in steps))


def past_steps(item: Any) -> Iterator[Any]:
    """Send an item to its table past all steps; for generators that dlt runs in threads.

    Relies on dlt taking an iterator for a source of further items, reading it in its own thread
    with the pipe as context, and leaving a whole pipe item as it is.
    """
    yield pipes.past_steps(item)
