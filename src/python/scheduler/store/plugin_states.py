"""The rows in which a worker tells how its plugins fare.

Over Django's connection of the calling thread. Every function raises DatabaseUnavailable, after
which the next call connects anew.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, connection, transaction

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.values import LeaseState
from scheduler.models import PluginState, WorkerLease
from scheduler.plugin_api.masking import mask_text

ERROR_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class HookState:
    """One row, but for its worker. Instants are aware UTC; ``last_error`` holds no secret."""

    plugin: str
    hook: str
    count: int
    last_error: str
    last_at: datetime | None
    stuck_since: datetime | None


def write_states(worker_id: str, states: Iterable[HookState]) -> None:
    """Make these the rows of one worker."""
    rows = [
        PluginState(
            worker_id=worker_id,
            plugin=one.plugin[:100],
            hook=_storable(one.hook)[:200],
            count=one.count,
            last_error=_storable(one.last_error)[:ERROR_CHARACTERS],
            last_at=one.last_at,
            stuck_since=one.stuck_since,
        )
        for one in states
    ]
    with _guarded(), transaction.atomic():
        PluginState.objects.filter(worker_id=worker_id).delete()
        PluginState.objects.bulk_create(rows, ignore_conflicts=True)


def _storable(text: str) -> str:
    """What the database can hold: a plugin names its services and checks as it likes."""
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode("utf-8")


def forget_dead() -> int:
    """Delete the rows of workers that are no longer there; how many that were."""
    leases = WorkerLease.objects.filter(state=LeaseState.LIVE).values("worker_id")
    with _guarded():
        return PluginState.objects.exclude(worker_id__in=leases).delete()[0]


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        connection.close()
        where = str(connection.settings_dict.get("HOST") or connection.settings_dict["NAME"])
        reason = mask_text(str(error).strip().partition("\n")[0])
        raise DatabaseUnavailable(where, reason) from None
