"""Whole flows: a real sandbox over a real socket, a real DuckDB file."""
