"""Brightspace Data Sets: everything Data Hub offers, in bulk, as tables.

The way of a data set: `catalogue` (what is on offer) -> `planning` (which extracts to apply) ->
`download` -> `archive` (the zip) -> `csv_to_arrow` -> `deduplicate` (one row for each key) -> dlt,
with the reconciliation going beside it into `extracts_loaded`.
"""
