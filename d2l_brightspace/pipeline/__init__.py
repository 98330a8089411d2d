"""One run of a pipeline done right."""
