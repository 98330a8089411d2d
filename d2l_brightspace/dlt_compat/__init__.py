"""Every use of what dlt does not document, each with a test of what it relies on.

Written for dlt 1.31; `tests/dlt_compat` says what has changed when a newer dlt breaks it.
"""
