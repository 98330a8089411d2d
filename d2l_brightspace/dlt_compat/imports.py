"""Files that are imported into a load package, beside the steps that a user gave their resource.

dlt gives every step of a pipe the item, and an imported file has none: any step, even one that
changes nothing, would make the file vanish.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.normalizers.utils import generate_dlt_ids
from dlt.common.schema.utils import has_table_seen_data
from dlt.extract.exceptions import CurrentSourceNotAvailable
from dlt.extract.items import DataItemWithMeta, ResolvablePipeItem
from dlt.extract.items_transform import LimitItem
from dlt.extract.state import get_current_pipe

DLT_ID = "_dlt_id"
"""The column that dlt adds to dictionaries, and neither to Arrow tables nor to files."""


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
    pipe: Any = get_current_pipe()
    meta = None
    if isinstance(item, DataItemWithMeta):
        item, meta = item.data, item.meta
    yield ResolvablePipeItem(item, len(pipe) - 1, pipe, meta)


def has_dlt_ids(table: str) -> bool | None:
    """Whether rows of the table carry dlt's id; None where there are no rows yet."""
    schema = dlt.current.source_schema()
    name = schema.naming.normalize_table_identifier(table)
    known: Mapping[str, Any] | None = schema.tables.get(name)
    if known is None or not has_table_seen_data(known):  # type: ignore[arg-type]
        return None
    return schema.naming.normalize_identifier(DLT_ID) in known["columns"]


def new_dlt_ids(count: int) -> list[str]:
    """Ids such as dlt gives to rows that it normalizes."""
    return generate_dlt_ids(count)
