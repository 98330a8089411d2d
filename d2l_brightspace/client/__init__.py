"""How to talk to Brightspace: HTTP and its conventions, and no endpoint."""
