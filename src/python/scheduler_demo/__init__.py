"""A whole cluster on one machine, from one command: for a first look, for tests, for measuring."""
