"""Talks to the RDB: fenced, atomic, batched statements over raw connections."""
