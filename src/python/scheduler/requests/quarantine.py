"""Quarantine as people set and end it: nothing of the job starts until it is released."""

from scheduler.domain.alerts import AlertCode
from scheduler.models import JobDefinition
from scheduler.requests.alerting import alert, said
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.store.clock import rdb_now
from scheduler.store.jobs import find_job


def quarantine_job(name: str, *, by: str, reason: str = "", ring: Ring | None = None) -> bool:
    """Hold back all that comes due of a job; what runs goes on, and so does its planning.

    False when it is quarantined already; then the first reason stays. Raises JobNotFound."""
    with writing():
        now, definition = rdb_now(), find_job(name)
        why = f"set by {by}{said(reason)}".rstrip(".")
        changed = JobDefinition.objects.filter(pk=definition.pk, quarantined_at=None).update(
            quarantined_at=now, quarantine_reason=why
        )
        if not changed:
            return False
        record("job_quarantined", name, by, reason=reason)
        text = f"Job {name} is quarantined: {why}."
        alert(AlertCode.QUARANTINE_BEGUN, text, now, definition)
        tell(ring, "leader")
    return True


def release_quarantine(name: str, *, by: str, ring: Ring | None = None) -> bool:
    """Let a quarantined job run again, its failures in a row forgotten.

    False when it was not quarantined. Raises JobNotFound."""
    with writing():
        now, definition = rdb_now(), find_job(name)
        changed = JobDefinition.objects.filter(
            pk=definition.pk, quarantined_at__isnull=False
        ).update(quarantined_at=None, quarantine_reason="", failures_in_row=0)
        if not changed:
            return False
        record("job_released", name, by)
        text = f"{by} released job {name} from quarantine."
        alert(AlertCode.QUARANTINE_RELEASED, text, now, definition)
        tell(ring, "leader")
    return True
