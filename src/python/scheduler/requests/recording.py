"""What every request has in common: one record of who asked for what, and a ring of the bell."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection, transaction

from scheduler.models import AdminActionLog
from scheduler.store.notify import CHANNEL

Ring = Callable[[str], object]
"""Rings the bell for a topic (``ports.Bell.ring``)."""


def record(action: str, target: object, by: str, **detail: Any) -> None:
    """Keep who asked for what. No secret goes into ``detail``."""
    AdminActionLog.objects.create(actor=by, action=action, target=str(target)[:200], detail=detail)


def tell(ring: Ring | None, *topics: str) -> None:
    """Wake those concerned once the transaction under way has committed.

    On PostgreSQL they are always told by NOTIFY; ``ring``, if given, tells them over Redis too."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for topic in topics:
                cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, topic])
    if ring is not None:
        for topic in topics:
            transaction.on_commit(partial(ring, topic))
