"""Credentials: what puts them on requests, and where tokens are kept."""
