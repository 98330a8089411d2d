"""Build `d2l_brightspace/data_sets/dictionary.csv` from the flattened BDS schema.

    python scripts/build_data_set_dictionary.py bds-columns.csv

The input is the public schema of all Brightspace Data Sets (`mjfk23/brightspace-bds-schema`,
`src/Resources/datasets.json`, MIT, BDS 9.9) with one line for each column: display_name, ordinal,
column, type, size, is_primary, can_be_null. The output holds facts only: what a column is called,
of which exact type it is, and whether it is a key, marks a deleted row, or orders two versions of
one row.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / "d2l_brightspace" / "data_sets" / "dictionary.csv"
FIELDS = ("data_set", "column", "type", "precision", "scale", "key", "nullable", "role")

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


def main(source: Path) -> None:
    """Read the schema and write the dictionary."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = [entry(column) for column in csv.DictReader(file)]
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def entry(column: dict[str, str]) -> dict[str, str]:
    """One line of the dictionary."""
    is_key = column["is_primary"] == "True"
    is_decimal = column["type"] == "decimal"
    precision, _, scale = column["size"].partition(",") if is_decimal else ("", "", "")
    return {
        "data_set": column["display_name"],
        "column": column["column"],
        "type": TYPES[column["type"]],
        "precision": precision.strip(),
        "scale": scale.strip(),
        "key": "1" if is_key else "",
        "nullable": "1" if column["can_be_null"] == "True" else "",
        "role": "" if is_key else ROLES.get(column["column"], ""),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
