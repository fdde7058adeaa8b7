"""What every request has in common: one record of who asked for what, and a ring of the bell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import BigIntegerField, F, Func

from scheduler.models import AdminActionLog, Cluster
from scheduler.store.notify import CHANNEL

Ring = Callable[[str], object]
"""Rings the bell for a topic (``ports.Bell.ring``)."""


@contextmanager
def writing() -> Iterator[None]:
    """A transaction that may read before it writes.

    On SQLite it takes its turn as a writer first: one that read before could not become a writer
    any more once another had written, whatever the timeout."""
    with transaction.atomic():
        if connection.vendor == "sqlite":
            Cluster.objects.filter(pk=1).update(epoch=F("epoch"))
        yield


class _TransactionId(Func):
    template = "pg_current_xact_id()::text::bigint"
    output_field = BigIntegerField()


def transaction_id() -> Func | int:
    """The id of the transaction under way, by which readers of an outbox go: for its ``xid``."""
    return _TransactionId() if connection.vendor == "postgresql" else 0


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
