"""Sending one request until there is an answer: retries, rate limit, what an answer means."""
