"""A tiny Django project whose commands are the jobs of the execution tests."""
