"""What the tenant offers, by the routes of today or, where they are missing, by the older ones.

Today's (scope `datasets:bds:read`; reference 7.1):

    GET lp/(version)/datasets/bds
        {"Next": null, "Objects": [{"SchemaId": …, "Full": {"PluginId": …, "Name": "Users", …},
         "Differential": {…} or null, "ExtractsLink": …}]}
    GET lp/(version)/datasets/bds/(schemaId)/extracts
        {"Next": null, "Objects": [{"BdsType": "Full", "CreatedDate": …, "DownloadLink": … or null,
         "DownloadSize": …, "Version": "9.8", …}]}

The older one (scope `datahub:dataexports:read`), with a full and its differential as two entries:

    GET lp/(version)/dataExport/bds?page=1
        {"NextPageUrl": null, "BrightspaceDataSets": [{"Name": "Users", "FullDataSet": true,
         "CreatedDate": …, "DownloadLink": …, "Version": …, "PreviousDataSets": [{…}] or null}]}
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, cast

from d2l_brightspace.client.errors import (
    BrightspaceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RequestContext,
)
from d2l_brightspace.client.session import BrightspaceSession

from .dictionary import DataSet, letters
from .identity import Loaded, assign, identity_of
from .planning import Extract, ExtractKind

LIST_ROUTE = "lp/(version)/datasets/bds"
EXTRACTS_ROUTE = "lp/(version)/datasets/bds/{schema_id}/extracts"
SCOPE = "datasets:bds:read"
OLD_LIST_ROUTE = "lp/(version)/dataExport/bds"
OLD_SCOPE = "datahub:dataexports:read"
_PAGES = 1000


@dataclass(frozen=True)
class Offer:
    """One data set that the tenant has."""

    name: str
    schema_id: str | None = None
    """None where the older routes are spoken."""
    has_differential: bool = False
    extracts: tuple[Extract, ...] = field(default=(), repr=False)
    """Known from the list itself where the older routes are spoken."""
    problem: str = ""
    """Why it cannot be loaded."""
    data_set: DataSet = field(default=DataSet(""))
    """What is known of it, with its table."""
    documented: bool = False
    """Whether the dictionary knows it."""

    @property
    def identity(self) -> str:
        """What names it for good."""
        return identity_of(self.schema_id, self.name)

    @property
    def table(self) -> str:
        """Name of its table."""
        return self.data_set.table

    def answers_to(self, name: str) -> bool:
        """Whether somebody may mean it by a name: its own, a former one, its table, its id."""
        names = (self.name, self.data_set.name, *self.data_set.aliases, self.table)
        return name.lower() == self.schema_id or letters(name) in map(letters, names)


class Catalogue:
    """What one tenant offers; the list is read once for all threads of a run.

    Args:
        session: Talks to the tenant.
        loaded: Gives what the working folder knows of tables.
    """

    def __init__(self, session: BrightspaceSession, loaded: Callable[[], Loaded] = Loaded) -> None:
        self._session = session
        self._loaded = loaded
        self._lock = threading.Lock()
        self._offers: Mapping[str, Offer] | None = None

    @property
    def offers(self) -> Mapping[str, Offer]:
        """All data sets by table name.

        Raises:
            BrightspaceError: If neither list can be read.
        """
        with self._lock:
            if self._offers is None:
                self._offers = _by_table(self._read(), self._loaded())
            return self._offers

    def find(self, data_set: DataSet) -> Offer | None:
        """The data set that somebody means, by whatever name; None if it is not on offer."""
        offers = self.offers.values()
        for one in offers:
            if one.documented and one.data_set.name == data_set.name:
                return one
        return next((one for one in offers if one.answers_to(data_set.name)), None)

    def extracts(self, offer: Offer) -> list[Extract]:
        """All extracts of a data set, in no order.

        Raises:
            BrightspaceError: If the list cannot be read, or the data set is broken.
        """
        if offer.problem:
            raise ProtocolError(offer.problem, RequestContext(LIST_ROUTE))
        if offer.schema_id is None:
            return list(offer.extracts)
        path = EXTRACTS_ROUTE.format(schema_id=offer.schema_id)
        rows = self._session.read_objects(path, EXTRACTS_ROUTE, SCOPE)
        return [_extract(row, EXTRACTS_ROUTE, _kind(row.get("BdsType"))) for row in rows]

    def _read(self) -> list[Offer]:
        try:
            rows = self._session.read_objects(LIST_ROUTE, LIST_ROUTE, SCOPE)
        except (NotFound, PermissionDenied) as error:
            return self._read_old(error)
        return [_offer(row) for row in rows]

    def _read_old(self, why: BrightspaceError) -> list[Offer]:
        try:
            return list(_old_offers(self._old_entries()))
        except (NotFound, PermissionDenied):
            raise why from None  # today's scope is the one to ask for

    def _old_entries(self) -> Iterator[dict[str, Any]]:
        for page in range(1, _PAGES):
            body = self._session.get_json(f"{OLD_LIST_ROUTE}?page={page}", scope=OLD_SCOPE)
            entries = body.get("BrightspaceDataSets") if isinstance(body, dict) else None
            if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
                raise ProtocolError("There is no list of data sets", RequestContext(OLD_LIST_ROUTE))
            yield from entries
            if not body.get("NextPageUrl"):
                return
        raise ProtocolError(f"More than {_PAGES} pages", RequestContext(OLD_LIST_ROUTE))


def _by_table(offers: Iterable[Offer], loaded: Loaded) -> dict[str, Offer]:
    by_identity = {offer.identity: offer for offer in offers}
    assigned = assign(((key, one.name) for key, one in by_identity.items()), loaded)
    return {
        data_set.table: replace(by_identity[identity], data_set=data_set, documented=documented)
        for identity, (data_set, documented) in assigned.items()
    }


def _offer(row: dict[str, Any]) -> Offer:
    full, differential = row.get("Full"), row.get("Differential")
    known = full or differential
    name = _name(known.get("Name")) if isinstance(known, dict) else ""
    schema_id = str(row.get("SchemaId") or "").lower() or None
    problem = ""
    if not name or not schema_id:
        problem = "The tenant's list has a data set without a name or a SchemaId"
    return Offer(name or schema_id or "", schema_id, differential is not None, problem=problem)


def _old_offers(entries: Iterable[dict[str, Any]]) -> Iterator[Offer]:
    extracts: dict[str, list[Extract]] = {}
    for entry in entries:
        name = _name(entry.get("Name"))
        kind: ExtractKind = "full" if entry.get("FullDataSet") else "differential"
        found = extracts.setdefault(name, [])
        for row in (entry, *(entry.get("PreviousDataSets") or ())):
            if row.get("CreatedDate"):
                found.append(_extract(row, OLD_LIST_ROUTE, kind))
    for name, found in extracts.items():
        has_differential = any(one.kind == "differential" for one in found)
        yield Offer(name, None, has_differential, tuple(found))


def _name(text: Any) -> str:
    """The name that a full and its differential share."""
    return re.sub(
        r"[\s(-]*(full|differential)s?[\s)]*$", "", str(text or ""), flags=re.IGNORECASE
    ).strip()


def _kind(text: Any) -> ExtractKind:
    kind = str(text).lower()
    if kind not in ("full", "differential"):
        raise ProtocolError(
            "An extract is neither full nor differential", RequestContext(EXTRACTS_ROUTE)
        )
    return cast("ExtractKind", kind)


def _extract(row: dict[str, Any], route: str, kind: ExtractKind) -> Extract:
    try:
        created = datetime.fromisoformat(_six_digits(str(row["CreatedDate"])))
        size = int(row.get("DownloadSize") or 0)
    except (KeyError, ValueError, TypeError):
        raise ProtocolError(
            "An extract has no CreatedDate, or a DownloadSize that is no number",
            RequestContext(route),
        ) from None
    return Extract(
        kind=kind,
        created=created if created.tzinfo else created.replace(tzinfo=timezone.utc),
        link=row.get("DownloadLink") or None,
        size=size,
        version=str(row.get("Version") or ""),
    )


def _six_digits(time: str) -> str:
    # Python 3.10 reads three or six digits, and no Z
    head, _, tail = time.replace("Z", "+00:00").partition(".")
    fraction, mark, zone = tail.partition("+")
    return f"{head}.{fraction[:6]:0<6}{mark}{zone}" if tail else head
