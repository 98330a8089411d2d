"""The limit: fetch with aiohttp, make Arrow columns, insert into DuckDB; no dlt, no checks.

What the wire and the parsing cost at least; nobody would run it: it retries nothing, trusts
everything and knows one table.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import duckdb
import orjson
import pyarrow as pa

_TEXT, _ID, _TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "enrollments": {
        "User.Identifier": _ID, "User.DisplayName": _TEXT, "User.EmailAddress": _TEXT,
        "User.OrgDefinedId": _TEXT, "User.ProfileBadgeUrl": _TEXT,
        "User.ProfileIdentifier": _TEXT, "User.UserName": _TEXT,
        "Role.Id": _ID, "Role.Code": _TEXT, "Role.Name": _TEXT,
    },
    "classlist": {
        "Identifier": _ID, "ProfileIdentifier": _TEXT, "DisplayName": _TEXT, "Username": _TEXT,
        "OrgDefinedId": _TEXT, "Email": _TEXT, "FirstName": _TEXT, "LastName": _TEXT,
        "RoleId": _ID, "LastAccessed": _TIME, "IsOnline": pa.bool_(),
        "ClasslistRoleDisplayName": _TEXT, "Pronouns": _TEXT,
    },
    "log_messages": {
        "LogMessageId": _ID, "LogLevel": _TEXT, "MessageTimestamp": _TIME,
        "ExceptionMessage": _TEXT, "MachineName": _TEXT, "ProcessName": _TEXT,
        "ProcessStartTime": _TIME, "LoggerAssembly": _TEXT, "LoggerType": _TEXT,
        "ExceptionStackTrace": _TEXT, "ExceptionType": _TEXT, "DeveloperMessage": _TEXT,
        "StackTrace": _TEXT, "MessageGroupId": _ID, "UserId": _ID, "OrgId": _ID, "OrgUnitId": _ID,
    },
}  # fmt: skip
_ROUTES = {
    "enrollments": "lp/1.62/enrollments/orgUnits/{}/users/",
    "classlist": "le/1.98/{}/classlist/paged/",
    "log_messages": "lp/1.62/logging/",
}


def _table(rows: list[dict[str, Any]], org_unit_id: int, columns: dict[str, pa.DataType]) -> Any:
    arrays, blocks = {"org_unit_id": pa.repeat(org_unit_id, len(rows))}, {"": rows}
    for name, kind in columns.items():
        parent, _, field = name.rpartition(".")
        if parent not in blocks:
            blocks[parent] = [row[parent] for row in rows]
        values = [block[field] for block in blocks[parent]]
        texts = kind in (_ID, _TIME) and values and isinstance(values[0], str)
        array = pa.array(values, _TEXT).cast(kind) if texts else pa.array(values, kind)
        arrays[name] = array
    return pa.table(arrays)


async def _read(base: str, table: str, courses: int, in_flight: int) -> list[Any]:
    found: list[Any] = []
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(base, connector=connector) as session:

        async def one(org_unit_id: int) -> None:
            path, bookmark = f"/d2l/api/{_ROUTES[table].format(org_unit_id)}", ""
            while True:
                async with session.get(path + bookmark) as response:
                    body = orjson.loads(await response.read())
                rows = body["Items"] if "Items" in body else body["Objects"]
                found.append(_table(rows, org_unit_id, COLUMNS[table]))
                if not body.get("PagingInfo", {}).get("HasMoreItems"):
                    return
                bookmark = f"?bookmark={body['PagingInfo']['Bookmark']}"

        await asyncio.gather(*(one(ou) for ou in range(1, courses + 1)))
    return found


def main() -> None:
    """Load one work: base address, table, courses, requests in flight, DuckDB file."""
    base, table, courses, in_flight, database = sys.argv[1:]
    rows = pa.concat_tables(asyncio.run(_read(base, table, int(courses), int(in_flight))))
    connection = duckdb.connect(database)
    connection.register("rows", rows)
    connection.execute(f"CREATE TABLE {table} AS SELECT * FROM rows")
    connection.close()


if __name__ == "__main__":
    main()
