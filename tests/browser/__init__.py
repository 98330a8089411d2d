"""The log-in in a real browser: `make test-browser`."""
