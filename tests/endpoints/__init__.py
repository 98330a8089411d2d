"""Tests of the endpoint declarations."""
