"""A wish for a run that may be said twice: the same key means the same wish.

The request's id is made of who asks and of the key, so the primary key of the table decides
between two that ask at once. A key is known for as long as its request is kept (retention).
"""

from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError

from scheduler.domain.errors import SchedulerError
from scheduler.models import RunRequest
from scheduler.requests.jobs import find_job
from scheduler.requests.recording import Ring, writing
from scheduler.requests.runs import request_run

NAMESPACE = UUID("4f1d6c58-6a5b-4d0e-9a37-0f6a5f4c9d11")


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
    request_id = uuid5(NAMESPACE, f"{by}\n{key}")
    try:
        with writing():
            before = RunRequest.objects.filter(pk=request_id).first()
            if before is None:
                return request_run(name, args, by=by, ring=ring, request_id=request_id)
    except IntegrityError:
        before = RunRequest.objects.get(pk=request_id)
    if (before.definition_id, before.args) != (find_job(name).pk, args):
        raise KeyReused(request_id)
    return before
