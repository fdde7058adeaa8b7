"""Which events start a job, as people change it: the whole list at once."""

from typing import Any

from django.db.models import F

from scheduler.domain.triggers import InvalidTrigger, Trigger, parse_triggers
from scheduler.models import EventTrigger, JobDefinition
from scheduler.requests.jobs import refuse_managed
from scheduler.requests.recording import record, writing
from scheduler.store.clock import rdb_now
from scheduler.store.jobs import find_job


def set_triggers(
    name: str, triggers: Any, *, by: str, take_over: bool = False
) -> tuple[Trigger, ...]:
    """Let these triggers, a list of objects (``domain.triggers``), be those of the job; an empty
    list: no event starts it. Counts for events that come in from then on.

    Raises JobNotFound, InvalidTrigger, which names the field, and ManagedByCode for a job that
    code or a file owns, unless ``take_over``; then nothing has changed.
    Setting what is there already changes nothing and is not recorded."""
    wanted = parse_triggers(triggers)
    with writing():
        job = find_job(name)
        JobDefinition.objects.select_for_update(no_key=True).get(pk=job.pk)
        rows = list(EventTrigger.objects.filter(definition=job).order_by("position"))
        if [row.position for row in rows] == list(range(len(wanted))) and _same(rows, wanted):
            return wanted
        if not take_over:
            refuse_managed(job)
        EventTrigger.objects.filter(definition=job).delete()
        EventTrigger.objects.bulk_create(
            _row(job, place, trigger) for place, trigger in enumerate(wanted)
        )
        JobDefinition.objects.filter(pk=job.pk).update(
            revision=F("revision") + 1, updated_at=rdb_now()
        )
        types = [trigger.event_type for trigger in wanted]
        record("triggers_changed", name, by, event_types=types)
    return wanted


def _same(rows: list[EventTrigger], wanted: tuple[Trigger, ...]) -> bool:
    try:
        return [row.as_trigger().as_json() for row in rows] == [one.as_json() for one in wanted]
    except InvalidTrigger:
        return False


def _row(job: JobDefinition, position: int, trigger: Trigger) -> EventTrigger:
    conditions = trigger.as_json().get("conditions", [])
    return EventTrigger(
        definition=job,
        position=position,
        event_type=trigger.event_type,
        source=trigger.source,
        subject=trigger.subject,
        conditions=conditions,
        args=dict(trigger.args or {}),
    )
