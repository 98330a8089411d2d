"""Measuring: ours, plain dlt and the limit of the wire, in one run against one server."""
