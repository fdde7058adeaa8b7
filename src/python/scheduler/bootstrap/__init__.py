"""Builds the adapters of a worker and hands them to the runtime.

The order of a start: settings from the environment; a look at the parts that must be there
(database and its tables, Redis, certificates), each with one clear sentence; then the process
host, before any thread exists; then everything else.
"""
