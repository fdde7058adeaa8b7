"""The seam: all that a plugin may import of the core, beside ``queries`` and ``requests``."""
