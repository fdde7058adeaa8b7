"""Talks to Redis: the gate of the election (locks), presence, and the bell.

Redis is never the authority here: everything in it may vanish at any moment, and only speed is
lost. ``redis`` is imported nowhere else. Every failure leaves as RedisUnavailable, with the
address but never a password.
"""
