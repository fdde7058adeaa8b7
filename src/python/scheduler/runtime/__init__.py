"""TIES the parts together, through ports only. Every ``-er`` here is ``tick(now) -> next wake``.

``now`` and the returned wake are boottime seconds. Only the supervisor owns threads and sleeps,
so that a fake clock and a seeded simulation can drive this very code.
"""
