"""A distributed job scheduler for Django: the right job, at the right time, once."""

__version__ = "0.1.0"
