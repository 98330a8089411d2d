"""Build the dictionary of data sets, and the sandbox's, from the flattened BDS schema.

    python scripts/build_data_set_dictionary.py bds-data-sets.csv bds-columns-2026.csv

The first input has one line for each data set (schema_id, name, former_names, row_meaning, …), the
second one for each column (display_name, column, type, size, is_primary, can_be_null, pii, enum,
references). Both hold facts gathered from D2L's public pages, the public schema
`mjfk23/brightspace-bds-schema` (MIT) and other public sources; state: BDS 11.x, 2026. The output
holds facts only:

* `data_sets.csv`: what a data set is called, was called, and is known by in every tenant;
* `columns.csv`: of which exact type a column is, whether it is a key, marks a deleted row, or
  orders two versions of one row, what it says of a person, and what it refers to;
* `codes.csv`: what the codes of a column mean.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "d2l_brightspace"
DATA_SETS, SANDBOX = PACKAGE / "data_sets", PACKAGE / "sandbox"
Row = dict[str, str]

TYPES = {
    # ids that name the same thing are int in one data set and bigint in another: one type, so
    # that they join
    "bigint": "bigint",
    "int": "bigint",
    "smallint": "bigint",
    "bit": "bool",
    "datetime2": "timestamp",
    "decimal": "decimal",
    "float": "double",
    "nvarchar": "text",
    "varchar": "text",
    "uniqueidentifier": "uuid",
}
ROLES = {
    "IsDeleted": "deleted",
    "Version": "version",
    "LastModified": "modified",
    "LastModifiedDate": "modified",
    "LastModifiedUtc": "modified",
    "LastEditDate": "modified",
}
"""Roles by column name; a column that is part of the key has none."""
ALIAS = re.compile(
    r"Analytics Builder calls it (?P<builder>\w+)|(?P<former>[^(]+?) \((?:KB heading|spelling|9\.)"
)
REFERENCE = re.compile(r"(\w+)\.(\w+) \([^)]*\)")
NOTE = re.compile(r" \((?!null)[^)]*\)$| \(null: [^)]*\)$")


def main(data_sets_csv: Path, columns_csv: Path) -> None:
    """Read the facts and write the dictionaries."""
    data_sets, columns = read(data_sets_csv), read(columns_csv)
    names = {one["dataset"]: one["name"] for one in data_sets}
    for column in columns:
        column["display_name"] = names[column["dataset"]]
    write(DATA_SETS / "data_sets.csv", map(data_set, data_sets))
    write(DATA_SETS / "columns.csv", (entry(column, names) for column in columns))
    write(DATA_SETS / "codes.csv", (code for column in columns for code in codes(column)))
    write(SANDBOX / "bds_data_sets.csv", map(of_sandbox, data_sets))
    write(SANDBOX / "bds_columns.csv", map(column_of_sandbox, columns))


def data_set(one: Row) -> Row:
    """One line of `data_sets.csv`."""
    found = ALIAS.search(one["former_names"])
    return {
        "data_set": one["name"],
        "schema_id": one["schema_id"],
        "alias": (found["builder"] or found["former"]) if found else "",
        "description": one["row_meaning"],
    }


def entry(column: Row, names: Row) -> Row:
    """One line of `columns.csv`."""
    is_key = column["is_primary"] == "True"
    is_decimal = column["type"] == "decimal"
    precision, _, scale = column["size"].partition(",") if is_decimal else ("", "", "")
    references = REFERENCE.findall(column["references"])
    return {
        "data_set": column["display_name"],
        "column": column["column"],
        "type": TYPES[column["type"]],
        "precision": precision.strip(),
        "scale": scale.strip(),
        "key": "1" if is_key else "",
        "nullable": "1" if column["can_be_null"] == "True" else "",
        "role": "" if is_key else ROLES.get(column["column"], ""),
        "privacy": column["pii"],
        # a column that refers to several data sets, by what another column says, has no reference
        "references": f"{names[references[0][0]]}.{references[0][1]}"
        if len(references) == 1 and "when" not in column["references"]
        else "",
    }


def codes(column: Row) -> Iterator[Row]:
    """Lines of `codes.csv`; a code that speaks for itself has no meaning beside."""
    for part in filter(None, NOTE.sub("", column["enum"]).split("; ")):
        code, _, meaning = (part, "", "") if part in _SIGNS else part.partition("=")
        yield {
            "data_set": column["display_name"],
            "column": column["column"],
            "code": code,
            "meaning": NOTE.sub("", meaning),
        }


_SIGNS = (">=", ">", "=", "<=", "<")


def of_sandbox(one: Row) -> Row:
    """One line of the sandbox's list."""
    return {"data_set": one["name"], "schema_id": one["schema_id"]}


def column_of_sandbox(column: Row) -> Row:
    """One line of the sandbox's columns."""
    flags = {"key": column["is_primary"] == "True", "nullable": column["can_be_null"] == "True"}
    return {
        "data_set": column["display_name"],
        "column": column["column"],
        "type": column["type"],
        "size": column["size"],
        **{name: str(int(flag)) for name, flag in flags.items()},
    }


def read(path: Path) -> list[Row]:
    """All lines of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write a CSV file."""
    lines = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
