"""Lists: the envelopes they come in, and how one goes on from page to page."""
