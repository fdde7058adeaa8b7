"""Definitions as people change them: checked, recorded, and planned anew by the leader.

A change of when a job runs takes effect at the instant it is saved: planned runs that have not
started and that the new schedule lacks go, and no slot before that instant is made up. Slots that
the old schedule owes up to that instant, for nobody planned, stay owed (``domain.edits``). A
change of anything else takes effect with the next assignment.
"""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F

from scheduler.domain.declaring import is_managed, same
from scheduler.domain.edits import planned_anew
from scheduler.domain.errors import ManagedByCode
from scheduler.domain.schedules import with_anchor
from scheduler.domain.values import RunState
from scheduler.models import JobDefinition, JobRun, RunRequest
from scheduler.requests.calendars import ensure_calendar
from scheduler.requests.links import cut_off, lock_dependencies
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.requests.runs import cancel_open
from scheduler.store.clock import rdb_now
from scheduler.store.jobs import find_job

WHEN_FIELDS = frozenset(
    {"schedule", "timezone", "starts_at", "ends_at", "calendar", "calendar_rule", "enabled"}
)
"""A change of one of these changes which slots there are."""

EDITABLE_FIELDS = frozenset(
    field.name
    for field in JobDefinition._meta.concrete_fields
    if field.editable and field.name not in {"id", "name"}
)


def save_definition(
    name: str, *, by: str, ring: Ring | None = None, take_over: bool = False, **fields: Any
) -> JobDefinition:
    """Make the definition ``name``, or change the given fields of the one that exists.

    ``fields`` are those of JobDefinition; an interval without an anchor keeps the one it has, or
    starts now. Raises django's ValidationError, by field, and then nothing has changed. Saving
    what is there already changes nothing and is not recorded.

    A job that code or a file owns is refused (ManagedByCode), but for ``enabled``: see
    ``set_enabled``. With ``take_over`` the job is the saver's from now on: a person's, unless
    ``provenance`` says whose.
    """
    _refuse_unknown(fields)
    with writing():
        if fields.get("calendar"):
            ensure_calendar(fields["calendar"], by=by)
        now = rdb_now()
        definition = _locked(name)
        if definition is None:
            return _create(name, fields, now, by, ring)
        if take_over:
            fields = {"provenance": "", **fields}
        fields = _anchored(fields, definition.schedule, now)
        return _change(definition, _by_hand(definition, fields, by), now, by, ring)


def insert_definition(
    name: str, *, by: str, ring: Ring | None = None, **fields: Any
) -> JobDefinition:
    """Make the definition ``name``; never changes one that is there.

    Raises django's ValidationError, by field, and IntegrityError when another makes one of the
    name at the same time."""
    _refuse_unknown(fields)
    with writing():
        if fields.get("calendar"):
            ensure_calendar(fields["calendar"], by=by)
        return _create(name, fields, rdb_now(), by, ring)


def set_enabled(name: str, enabled: bool, *, by: str, ring: Ring | None = None) -> JobDefinition:
    """Let a job's schedule run, or stop it; its history and runs under way stay as they are.

    Allowed whoever owns the job. One that code or a file owns stays disabled, whatever its source
    applies, until it is enabled in this way."""
    find_job(name)
    return save_definition(name, by=by, ring=ring, enabled=enabled)


def release_ownership(name: str, *, by: str, ring: Ring | None = None) -> bool:
    """Make a job that code or a file owns a person's. False when it was one's already.

    Its source leaves it alone from now on, until it takes the job over again by name."""
    with writing():
        definition = find_job(name)
        if not is_managed(definition.provenance):
            return False
        save_definition(name, by=by, ring=ring, take_over=True)
    return True


def refuse_managed(definition: JobDefinition) -> None:
    """Raises ManagedByCode for a job that a person must not change by hand."""
    if is_managed(definition.provenance):
        raise ManagedByCode(definition.name, definition.provenance)


def delete_definition(
    name: str, *, by: str, ring: Ring | None = None, take_over: bool = False
) -> None:
    """Delete a job; its history is kept and its name is free again. Raises JobNotFound,
    UpstreamInUse where others depend on it, and ManagedByCode for one that code or a file owns,
    unless ``take_over``.

    Planned runs that have not started go, what else waits is canceled; those under way end as they
    would."""
    with writing():
        lock_dependencies()
        definition = _locked(name) or find_job(name)
        if not take_over:
            refuse_managed(definition)
        cut_off(definition)
        now = rdb_now()
        JobDefinition.objects.filter(pk=definition.pk).update(
            deleted_at=now,
            updated_at=now,
            revision=F("revision") + 1,
            **planned_anew(definition, now),
        )
        RunRequest.objects.filter(definition=definition, handled_at=None).update(handled_at=now)
        # With the job goes what its runs wait for: its upstreams, the end of its quarantine.
        waiting = [RunState.PENDING, RunState.ASSIGNED]
        cancel_open(JobRun.objects.filter(definition=definition, state__in=waiting), now)
        record("job_deleted", name, by)
        tell(ring, "leader")


def _refuse_unknown(fields: dict[str, Any]) -> None:
    unknown = sorted(fields.keys() - EDITABLE_FIELDS)
    if unknown:
        allowed = ", ".join(sorted(EDITABLE_FIELDS))
        raise ValidationError(f"A job has no field {unknown[0]!r}; allowed: {allowed}.")


def _by_hand(definition: JobDefinition, fields: dict[str, Any], by: str) -> dict[str, Any]:
    """The fields to save, when this hand may: with the hold that disabling by hand is."""
    owner = fields.get("provenance", definition.provenance)
    if not is_managed(definition.provenance) or "provenance" in fields:
        return {**fields, "held_by": ""} if not is_managed(owner) else fields
    if any(getattr(definition, key) != value for key, value in fields.items() if key != "enabled"):
        refuse_managed(definition)
    if "enabled" not in fields:
        return {}
    return {"enabled": fields["enabled"], "held_by": "" if fields["enabled"] else by[:200]}


def _locked(name: str) -> JobDefinition | None:
    rows = JobDefinition.objects.filter(name=name, deleted_at=None)
    return rows.select_for_update(no_key=True).first()


def _create(
    name: str, fields: dict[str, Any], now: datetime, by: str, ring: Ring | None
) -> JobDefinition:
    definition = JobDefinition(
        name=name,
        **_anchored(fields, None, now),
        schedule_since=now,
        planned_until=now,
        edited_at=now,
        next_fire_at=now,
        created_at=now,
        updated_at=now,
    )
    definition.full_clean()
    definition.save(force_insert=True)
    record("job_created", name, by)
    tell(ring, "leader")
    return definition


def _change(
    definition: JobDefinition, fields: dict[str, Any], now: datetime, by: str, ring: Ring | None
) -> JobDefinition:
    wanted = _anchored(fields, definition.schedule, now)
    changed = {key: new for key, new in wanted.items() if _differs(getattr(definition, key), new)}
    if not changed:
        return definition
    changed |= {"updated_at": now, "revision": definition.revision + 1}
    if "quarantine_after_failures" in changed:
        changed["failures_in_row"] = 0
    if changed.keys() & WHEN_FIELDS:
        changed |= planned_anew(definition, now)
    for key, value in changed.items():
        setattr(definition, key, value)
    definition.full_clean()
    definition.save(update_fields=list(changed))
    record("job_changed", definition.name, by, fields=sorted(changed.keys() & wanted.keys()))
    tell(ring, "leader")
    return definition


def _differs(old: Any, new: Any) -> bool:
    """In JSON, 1 and true are not the same; in Python they are equal."""
    return old != new or (isinstance(new, dict | list) and not same(old, new))


def _anchored(fields: dict[str, Any], old: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
    spec = fields.get("schedule")
    if not isinstance(spec, dict):
        return fields
    if old is not None and spec == {key: old[key] for key in old if key != "anchor"}:
        return {**fields, "schedule": old}
    return {**fields, "schedule": with_anchor(spec, now)}
