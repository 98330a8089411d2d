"""From declarations to tables."""
