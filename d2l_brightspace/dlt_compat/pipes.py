"""The pipe of a resource: the generator, and the steps that a user put behind it.

A generator may ask, while it runs, what its rows will pass; and it may send items past the user's
steps: a record of something skipped is none of the rows that a filter is about.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.typing import MERGE_DISPOSITION_HINTS, TTableSchema
from dlt.common.schema.utils import has_table_seen_data
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.time import ensure_pendulum_datetime
from dlt.destinations import destination as RowDestination  # noqa: N812  # a class
from dlt.extract.exceptions import CurrentSourceNotAvailable
from dlt.extract.incremental import Incremental, IncrementalResourceWrapper
from dlt.extract.items import DataItemWithMeta, ResolvablePipeItem
from dlt.extract.items_transform import LimitItem, MetricsItem
from dlt.extract.state import get_current_pipe

_NO_STEPS_OF_ROWS = (Incremental, IncrementalResourceWrapper, LimitItem, MetricsItem)
"""Steps that take Arrow tables as they take rows."""
_PARALLEL = os.path.join("dlt", "extract", "utils.py")  # noqa: PTH118  # the end of a path
"""Where the generator comes from that dlt wraps around a parallelized one."""


def running_table_schema() -> Mapping[str, Any]:
    """The table of the running generator, with the hints it has by now.

    Returns:
        Nothing outside a source, and no name where it depends on the row.
    """
    try:
        resource = dlt.current.source().resources.get(get_current_pipe().name)
    except CurrentSourceNotAvailable:
        return {}
    if resource is None:
        return {}
    if callable(resource.table_name):
        return {"columns": resource.columns if isinstance(resource.columns, dict) else {}}
    return resource.compute_table_schema()


def has_row_steps() -> bool:
    """Whether the running generator's items pass a filter, a map or a validator."""
    pipe: Any = get_current_pipe()
    return any(not isinstance(step, _NO_STEPS_OF_ROWS) for step in list(pipe)[1:])


def limit() -> tuple[int | None, bool] | None:
    """The `add_limit` of the running generator; None without one.

    Returns:
        How many yields, or None where it counts rows or time; and whether it counts at all.
    """
    pipe: Any = get_current_pipe()
    for step in list(pipe)[1:]:
        if isinstance(step, LimitItem):
            counted = step.max_items if step.max_items >= 0 and not step.count_rows else None
            return counted, step.max_items >= 0
    return None


def incremental(timestamps: Collection[str]) -> Incremental[Any] | None:
    """The running generator's incremental, bound to its state.

    Args:
        timestamps: Columns that hold timestamps: dlt compares them with no text, so texts that
            bound such a column become timestamps.
    """
    found = _incremental()
    if found is not None and found.cursor_path in timestamps:
        _with_times(found)
    return found


def _with_times(cursor: Incremental[Any]) -> None:
    for name in ("initial_value", "start_value", "end_value", "_cached_state_start_value"):
        if isinstance(getattr(cursor, name, None), str):
            setattr(cursor, name, ensure_pendulum_datetime(getattr(cursor, name)))
    state: Any = cursor._cached_state or {}
    for name in ("initial_value", "last_value"):
        if isinstance(state.get(name), str):
            state[name] = ensure_pendulum_datetime(state[name])


def _incremental() -> Incremental[Any] | None:
    pipe: Any = get_current_pipe()
    for step in list(pipe)[1:]:
        inner = step.incremental if isinstance(step, IncrementalResourceWrapper) else step
        if isinstance(inner, Incremental):
            return inner
    return None


def is_parallelized() -> bool:
    """Whether dlt runs the generator's steps in its pool of threads."""
    pipe: Any = get_current_pipe()
    code = getattr(pipe.gen, "gi_code", None)
    return getattr(code, "co_filename", "").endswith(_PARALLEL)


def past_steps(item: Any, table_name: str | None = None) -> Any:
    """An item that leaves the running generator's pipe at once, for a table of its own or none.

    Args:
        item: Rows.
        table_name: Table whose hints were given to the resource as a variant.
    """
    pipe: Any = get_current_pipe()
    meta = None
    if table_name is not None:
        item = dlt.mark.with_table_name(item, table_name)
    if isinstance(item, DataItemWithMeta):
        item, meta = item.data, item.meta
    return ResolvablePipeItem(item, len(pipe) - 1, pipe, meta)


def is_row_destination() -> bool:
    """Whether the rows go to a custom destination function, which takes them one by one.

    `dlt.current.pipeline()` would read all settings of a pipeline, at each call. Relies on the
    pipeline that runs being the active one of its thread.
    """
    context = Container()[PipelineContext]
    return context.is_active() and isinstance(context.pipeline().destination, RowDestination)


def current_load_id() -> str | None:
    """Id of the load package that is being extracted; None outside a pipeline."""
    try:
        return dlt.current.load_package_state()["load_id"]
    except CurrentLoadPackageStateNotAvailable:
        return None


def declare_distinct(table_name: str, *, distinct: bool) -> None:
    """Say of the rows of this run whether their keys are distinct, so that a merge may rely on it.

    dlt's hint `deduplicated` says so before the rows are known, and once given is not taken back.
    """
    if current_load_id() is None:
        return
    schema = dlt.current.source_schema()
    table: Any = schema.tables.get(schema.naming.normalize_table_identifier(table_name))
    if table is not None:
        table[MERGE_DISPOSITION_HINTS["deduplicated"]] = distinct


def known_table(table_name: str) -> TTableSchema | None:
    """A table as the current source's schema has it, if anything was ever loaded into it."""
    schema = dlt.current.source_schema()
    table = schema.tables.get(schema.naming.normalize_table_identifier(table_name))
    return table if table is not None and has_table_seen_data(table) else None
