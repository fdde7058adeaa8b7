"""A wish for a run that may be said twice: the same key means the same wish.

A key belongs to who asks: a constraint of the table decides between two that ask at once. It is
known for as long as its request is kept (retention); after that it stands for a new wish.
"""

from typing import Any
from uuid import UUID

from django.db import IntegrityError

from scheduler.domain.errors import SchedulerError
from scheduler.models import RunRequest
from scheduler.requests.recording import Ring, writing
from scheduler.requests.runs import request_run
from scheduler.store.jobs import find_job


class KeyReused(SchedulerError):
    """An idempotency key came again with another wish."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, request_id: UUID) -> None:
        self.request_id = request_id
        super().__init__(
            f"This idempotency key belongs to request {request_id}, of another job or with other "
            "arguments; use a new key for each wish."
        )


def request_run_once(
    name: str, args: Any, key: str, *, by: str, ring: Ring | None = None
) -> RunRequest:
    """Ask for one run now; with a ``key`` that ``by`` used before, give the request of then.

    Raises JobNotFound, InvalidArgs, KeyReused."""
    same = RunRequest.objects.filter(requested_by=by, idempotency_key=key)
    try:
        with writing():
            before = same.first()
            if before is None:
                return request_run(name, args, by=by, ring=ring, idempotency_key=key)
    except IntegrityError:
        before = same.get()
    if (before.definition_id, before.args) != (find_job(name).pk, args):
        raise KeyReused(before.pk)
    return before
