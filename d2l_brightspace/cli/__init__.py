"""The command line: parses, calls, prints; one module for each command."""
