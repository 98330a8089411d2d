"""All that this package uses of dlt beyond its documented interface.

Each function says what it relies on, and has a test in `tests/dlt_compat/` that fails by name when
dlt changes it. The lowest layer: nothing here knows Brightspace.
"""
