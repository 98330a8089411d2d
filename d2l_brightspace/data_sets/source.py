"""The dlt source of all Brightspace Data Sets: one resource for each."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import dlt
from dlt.common.configuration import with_config
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.sources import DltResource

from d2l_brightspace.client.auth.credentials import BrightspaceCredentials
from d2l_brightspace.client.errors import (
    AuthenticationError,
    BrightspaceError,
    NotFound,
    ProtocolError,
    RequestContext,
)
from d2l_brightspace.client.session import BrightspaceSession
from d2l_brightspace.connection import connect
from d2l_brightspace.dlt_compat.imports import past_steps
from d2l_brightspace.dlt_compat.pipes import current_load_id
from d2l_brightspace.dlt_compat.source_functions import settings_of
from d2l_brightspace.extract.arrow import import_pandas_if_installed
from d2l_brightspace.extract.findings import report_notes
from d2l_brightspace.extract.load_runs import add_load_runs, load_runs_table
from d2l_brightspace.extract.progress import current_progress
from d2l_brightspace.extract.skipped import SKIPPED_REQUESTS, Skip, skipped_request
from d2l_brightspace.setting_checks import checked, checked_settings
from d2l_brightspace.settings import SECTION as REST_SECTION
from d2l_brightspace.settings import resolve_in

from .audit_tables import AUDIT_TABLES, CODES, CODES_HINTS, code_rows
from .catalogue import LIST_ROUTE, Catalogue, Offer
from .changes import CHANGES_HINTS, DATA_SET_CHANGES, changes_of_list
from .dictionary import DataSet, by_name, by_schema_id, dictionary, table_name
from .download import DOWNLOAD_ROUTE, Scratch
from .identity import LONGEST, RESERVED, Loaded
from .load import DataSetLoad, LoadContext, write_disposition
from .settings import SECTION, BadRows, Deletes, FileSettings, one_of
from .table_layout import Layout

OTHER_DATA_SETS = "other_data_sets"
"""Loads what the tenant offers and the dictionary does not know, each into a table of its own."""


@checked
@dlt.source(name=SECTION, section=SECTION, max_table_nesting=0)
def brightspace_data_sets_source(
    host: str | None = None,
    credentials: BrightspaceCredentials | None = None,
    data_sets: Sequence[str] | None = None,
    deletes: Deletes = "keep",
    bad_rows: BadRows = "stop",
    full_every_days: int | None = 28,
    lp_version: str | None = None,
    deleted_rows: bool = False,
) -> list[DltResource]:
    """Brightspace Data Sets, full and differential, each in a table of its own.

    The first run takes the newest full extract of each data set and the differentials after it;
    later runs take every newer differential, in order. Sends nothing before its resources are read.

    Args:
        host: As in `d2l_brightspace_source`; None for the one that source is configured with.
        credentials: As in `d2l_brightspace_source`; None for those. They need the OAuth scope
            `datasets:bds:read`, or `datahub:dataexports:*` on a tenant that has only the older
            routes.
        data_sets: Names of data sets, as D2L writes them or as their tables are called; None for
            all that the tenant offers.
        deletes: `keep` rows that are marked as deleted, with their `is_deleted`, or `drop` them.
        bad_rows: `stop` a data set at a row that cannot be in its table, or `quarantine` such rows
            in the table `bad_rows`.
        full_every_days: Age from which a table is built anew of the newest full extract, which is
            where rows that were deleted for good disappear; None to do so only where it must be.
        lp_version: As in `d2l_brightspace_source`.
        deleted_rows: Whether to note, where a table is built anew, the keys of rows that are gone
            for good, in the table `deleted_rows`; reads the keys of the whole table.

    Returns:
        Resources named as their tables, `other_data_sets` for those nobody documents,
        `codes`, `extracts_loaded`, `bad_rows` and `skipped_requests`.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    one_of("deletes", deletes, ("keep", "drop"))
    one_of("bad_rows", bad_rows, ("stop", "quarantine"))
    files: FileSettings = resolve_in(SECTION, FileSettings())
    session = configured_data_sets_session(host, credentials, lp_version)
    context = LoadContext(
        session,
        Catalogue(session, lambda: loaded_tables(dlt.current.source_state())),
        Scratch(files.temp_folder, files.temp_gigabytes * 1e9),
        threading.Semaphore(files.at_once),
        deletes,
        bad_rows,
        None if full_every_days is None else timedelta(days=full_every_days),
        files.max_csv_gigabytes * 1e9,
        deleted_rows,
    )
    if data_sets is None:
        wanted = list(dictionary().values())
        others = [_other_data_sets(context)]
    else:
        named = {one.table: one for one in map(_named, data_sets)}
        wanted = list(named.values())
        others = []
    resources = [_resource(context, data_set, named=data_sets is not None) for data_set in wanted]
    return [*_audit_tables(), _codes(), _changes_of_list(context), *resources, *others]


def configured_data_sets_session(
    host: str | None = None,
    credentials: BrightspaceCredentials | None = None,
    lp_version: str | None = None,
) -> BrightspaceSession:
    """The session that the source would use, from the same settings.

    Raises:
        ConfigurationError: If a setting cannot be right.
    """
    import_pandas_if_installed()
    given = _without_none({"host": host, "credentials": credentials, "lp_version": lp_version})
    with checked_settings((SECTION,), settings_of(_own_settings), given):
        given = _without_none(_own_settings(**given))
    # what is not given there comes from the settings of the other source
    with checked_settings((REST_SECTION,), settings_of(_session), given):
        return _session(**given)


@with_config(sections=("sources", SECTION))
def _own_settings(
    host: str | None = None,
    credentials: BrightspaceCredentials | None = None,
    lp_version: str | None = None,
) -> dict[str, Any]:
    return {"host": host, "credentials": credentials, "lp_version": lp_version}


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


@with_config(sections=("sources", REST_SECTION))
def _session(
    host: str = dlt.config.value,
    credentials: BrightspaceCredentials = dlt.secrets.value,
    lp_version: str | None = None,
) -> BrightspaceSession:
    return connect(host, credentials, pinned={"lp": lp_version})


def _resource(context: LoadContext, data_set: DataSet, *, named: bool) -> DltResource:
    @dlt.resource(name=data_set.table, parallelized=True)
    def one_data_set() -> Iterator[Any]:
        yield from _begin(context)
        offer = context.catalogue.find(data_set)
        if offer:
            yield from _load(context, offer, data_set.table)
        elif named:
            yield past_steps(_skip(context, data_set.table, _not_offered(data_set)))

    _add_audit_tables(one_data_set)
    layout = Layout(data_set, _NAMING.normalize_identifier)
    return one_data_set.apply_hints(
        columns=layout.hints(drop_deleted=context.deletes == "drop"),
        primary_key=layout.key or None,
        write_disposition=write_disposition(replaces=False),
        references=layout.references or None,  # type: ignore[arg-type]
    )


def _other_data_sets(context: LoadContext) -> DltResource:
    @dlt.resource(name=OTHER_DATA_SETS, parallelized=True)
    def other_data_sets() -> Iterator[Any]:
        yield from _begin(context)
        for offer in context.catalogue.offers.values():
            if not offer.documented:
                yield from _load(context, offer, OTHER_DATA_SETS)

    _add_audit_tables(other_data_sets)
    return other_data_sets


def _begin(context: LoadContext) -> Iterator[Any]:
    """What each resource does first."""
    progress = current_progress()
    progress.watch(context.session.activity)
    yield from map(past_steps, load_runs_table())


def _load(context: LoadContext, offer: Offer, resource: str) -> Iterator[Any]:
    if not context.claim(offer.table, current_load_id() or "none"):
        return  # by another of its names
    alone = resource != OTHER_DATA_SETS
    progress = current_progress()
    progress.expect_data_sets(lambda: _wanted(context))
    load = DataSetLoad(context, offer, _state_of(offer), resource, alone=alone)
    try:
        yield from load.items()
    except AuthenticationError:
        raise
    except BrightspaceError as error:
        # one data set less; the others, and what this one had before, stay good
        yield past_steps(_skip(context, offer.table, error))
    except Exception as error:  # noqa: BLE001  # whatever is odd about one costs no other
        yield past_steps(_skip(context, offer.table, _unexpected(error)))
    else:
        context.coverage.good()
        progress.finish_data_set(offer.table)


def _state_of(offer: Offer) -> MutableMapping[str, Any]:
    """Where the progress of a data set is kept."""
    own = dlt.current.source_state().get("resources", {}).get(offer.table, {})
    if offer.documented or "until" in own:
        state: MutableMapping[str, Any] = dlt.current.resource_state(offer.table)
        return state
    others: MutableMapping[str, Any] = dlt.current.resource_state(OTHER_DATA_SETS)
    found: MutableMapping[str, Any] = others.setdefault(offer.table, {})
    return found


def loaded_states(source_state: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The state of each data set that was loaded, by its table."""
    resources = source_state.get("resources", {})
    both = (*resources.get(OTHER_DATA_SETS, {}).items(), *resources.items())
    return {table: one for table, one in both if "until" in one}


def loaded_tables(source_state: Mapping[str, Any]) -> Loaded:
    """What the state of the source tells of tables."""
    loaded = loaded_states(source_state)
    tables = {one["schema_id"]: table for table, one in loaded.items() if "schema_id" in one}
    return Loaded(tables, frozenset(loaded) - frozenset(tables.values()))


def _named(name: str) -> DataSet:
    """What somebody means by a name, as far as that can be told without asking the tenant."""
    found = by_schema_id(name) or by_name(name)
    if found:
        return found
    table = table_name(name)[:LONGEST].strip("_")
    is_free = bool(table) and table not in RESERVED
    return DataSet(name, table_name=table if is_free else f"data_set_{crc32(name.encode()):08x}")


def _unexpected(error: Exception) -> ProtocolError:
    """What no code foresaw, without its text, which may hold values of rows."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return ProtocolError(
        f"It could not be loaded ({type(error).__name__} in {Path(where.filename).name}, line "
        f"{where.lineno}); its table keeps its rows. Please report this",
        RequestContext(DOWNLOAD_ROUTE),
    )


def _skip(context: LoadContext, table: str, error: BrightspaceError) -> Any:
    context.coverage.failed(error, of=_wanted(context))
    current_progress().finish_data_set(table, error)
    row = skipped_request(table, Skip(0, error))
    return dlt.mark.with_table_name(row, str(SKIPPED_REQUESTS["table_name"]))


def _wanted(context: LoadContext) -> int:
    """How many data sets this run is about."""
    selected = set(dlt.current.source().resources.selected) - {*_AUDIT_TABLES, CODES}
    if OTHER_DATA_SETS not in selected:
        return len(selected)
    # all that the tenant offers, and of the documented ones those that were selected
    offers = context.catalogue.offers.values()
    return sum(not one.documented or _resource_name(one) in selected for one in offers)


def _resource_name(offer: Offer) -> str:
    known = by_name(offer.data_set.name)
    return known.table if known else offer.table


def _not_offered(data_set: DataSet) -> NotFound:
    return NotFound(
        f"The tenant offers no data set {data_set.name!r}, or hides it from the caller; "
        "`d2l-brightspace data-sets list` tells what there is",
        RequestContext(LIST_ROUTE),
    )


_NAMING = NamingConvention()
"""For what is said of a table before a schema is at hand, whose own naming has the last word."""
_AUDIT_TABLES = {**AUDIT_TABLES, "skipped_requests": SKIPPED_REQUESTS}


def _audit_tables() -> list[DltResource]:
    """The audit tables as resources of their own, so that their tables exist without any row."""
    hints = {name: one for name, one in _AUDIT_TABLES.items() if name != DATA_SET_CHANGES}
    return [_audit_table(name, one) for name, one in hints.items()]


def _changes_of_list(context: LoadContext) -> DltResource:
    @dlt.resource(**{"name": DATA_SET_CHANGES, **CHANGES_HINTS})
    def changes() -> Iterator[Any]:
        yield dlt.mark.materialize_table_schema()
        current_progress().watch(context.session.activity)
        offers = context.catalogue.offers.values()
        report_notes(context.session.versions.notes)
        now = {one.identity: (one.table, one.name) for one in offers}
        state = dlt.current.resource_state(DATA_SET_CHANGES)
        if rows := changes_of_list(now, state, current_load_id() or "none"):
            yield rows

    return changes


def _audit_table(name: str, hints: dict[str, Any]) -> DltResource:
    @dlt.resource(**{"name": name, **hints})
    def audit_table() -> Iterator[Any]:
        yield dlt.mark.materialize_table_schema()

    return audit_table


def _codes() -> DltResource:
    @dlt.resource(name=CODES, **CODES_HINTS)
    def meanings() -> Iterator[Any]:
        rows = code_rows(dlt.current.source_schema().naming.normalize_identifier)
        state = dlt.current.resource_state(CODES)
        checksum = crc32(repr(rows).encode())
        if state.get("checksum") != checksum:
            yield rows
            state["checksum"] = checksum

    return meanings


def _add_audit_tables(resource: DltResource) -> None:
    # before the resource's own hints, with which a variant would begin
    for name, hints in _AUDIT_TABLES.items():
        resource.apply_hints(**{"table_name": name, **hints}, create_table_variant=True)
    add_load_runs(resource)
