"""Exchanges over HTTP: whole answers, downloads of any size, uploads from disk."""
