"""The system log (D2L's res/apiprop.html)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from d2l_brightspace.sandbox import blocks
from d2l_brightspace.sandbox.paging import by_id, paged_result_set
from d2l_brightspace.sandbox.problems import not_found
from d2l_brightspace.sandbox.query import Query
from d2l_brightspace.sandbox.routing import Call, Route
from d2l_brightspace.sandbox.scopes import CORE
from d2l_brightspace.sandbox.world import LOG_LEVELS, LogMessage


def _messages(call: Call) -> object:
    # The bookmark is a LogMessageId, and any known one may be used.
    rows = by_id(call.world.log_messages, _id, call.query.number("bookmark"))
    traces = call.query.flag("includeTraces") or False
    return paged_result_set(
        _wanted(rows, call.query),
        call.page_size,
        _id,
        lambda row: blocks.log_message(call.world, row, traces=traces),
    )


def _grouped(call: Call) -> object:
    groups = blocks.by_group(_wanted(call.world.log_messages, call.query))
    rows = by_id(sorted(groups), lambda group: group, call.query.number("bookmark"))
    return paged_result_set(
        rows,
        call.page_size,
        lambda group: group,
        lambda group: blocks.log_message_group(groups[group][-1], len(groups[group])),
    )


def _message(call: Call) -> object:
    wanted = call.id("message")
    found = next(iter(by_id(call.world.log_messages, _id, wanted - 1)), None)
    if found is None or found.message_id != wanted:
        raise not_found(f"There is no log message {wanted}")
    traces = call.query.flag("includeTraces") or False
    return blocks.log_message(call.world, found, traces=traces)


def _wanted(rows: Iterable[LogMessage], query: Query) -> Iterator[LogMessage]:
    """Filter the messages; several filters are ANDed."""
    tests = list(_tests(query))
    return (row for row in rows if all(test(row) for test in tests))


def _tests(query: Query) -> Iterator[Callable[[LogMessage], bool]]:
    start, end = query.instant("dateRangeStart"), query.instant("dateRangeEnd")
    if start:
        yield lambda row: row.at >= start
    if end:
        yield lambda row: row.at <= end
    levels = query.words("logLevel", LOG_LEVELS)
    if levels:
        yield lambda row: row.level in levels
    search = (query.text("search") or "").lower()
    if search:
        yield lambda row: search in row.text.lower() or search in row.exception.lower()
    assembly = query.text("loggerAssembly")
    if assembly:
        yield lambda row: row.assembly == assembly
    yield from _id_tests(query)


def _id_tests(query: Query) -> Iterator[Callable[[LogMessage], bool]]:
    user_id, group_id = query.number("userId"), query.number("messageGroupId")
    unit_id = query.number("orgUnitId")
    if user_id is not None:
        yield lambda row: row.user_id == user_id
    if group_id is not None:
        yield lambda row: row.group_id == group_id
    if unit_id is not None:
        yield lambda row: row.unit_id == unit_id


def _id(message: LogMessage) -> int:
    return message.message_id


ROUTES = (
    Route("GET", "lp", "logging/", CORE, _messages),
    Route("GET", "lp", "logging/grouped/", CORE, _grouped),
    Route("GET", "lp", "logging/{message}/", CORE, _message),
)
