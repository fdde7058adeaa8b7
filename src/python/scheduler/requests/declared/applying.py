"""Plans and applies what a source declares: all or nothing, one apply at a time.

``apply`` computes its plan inside its own transaction, under a lock that all applies share and
with the rows of the jobs locked: what it returns is what it did.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, connection
from django.db.models import Q

from scheduler.domain.declaring import (
    CODE,
    Declaration,
    Existing,
    JobChange,
    Kind,
    Plan,
    digest,
    plan_changes,
)
from scheduler.domain.errors import DeclarationsChanged, InvalidDeclaration, NotTheOwner
from scheduler.models import CodeRevision, JobDefinition
from scheduler.requests.calendars import ensure_calendar
from scheduler.requests.declared.fields import FIELDS
from scheduler.requests.declared.parts import related_parts
from scheduler.requests.jobs import delete_definition, save_definition
from scheduler.requests.links import lock_dependencies
from scheduler.requests.recording import Ring, record, writing
from scheduler.store.calendars import calendar_names
from scheduler.store.clock import rdb_now

APPLY_LOCK = 7_301_552_208
"""The key of PostgreSQL's advisory lock that one apply at a time holds."""


def existing_jobs(source: str = "", names: Iterable[str] | None = None) -> list[Existing]:
    """The jobs of these names and those that ``source`` owns; all jobs where names is None."""
    rows = JobDefinition.objects.filter(deleted_at=None)
    if names is not None:
        owned = Q(provenance__startswith=CODE) if source == CODE else Q(provenance=source)
        rows = rows.filter(Q(name__in=list(names)) | (owned if source else Q(pk__in=[])))
    if connection.in_atomic_block:
        rows = rows.select_for_update(no_key=True)
    return _as_existing(list(rows.order_by("name")))


def plan(
    declared: Sequence[Declaration],
    *,
    source: str,
    prune: bool = False,
    take_over: bool = False,
) -> Plan:
    """What ``apply`` would do now; changes nothing. Raises InvalidDeclaration for a calendar that
    is not there."""
    existing = existing_jobs(source, [job.name for job in declared])
    _check_calendars(declared)
    return plan_changes(declared, existing, source=source, prune=prune, take_over=take_over)


def apply(
    declared: Sequence[Declaration],
    *,
    source: str,
    by: str,
    prune: bool = False,
    take_over: bool = False,
    ring: Ring | None = None,
) -> Plan:
    """Make the jobs as ``source`` declares them, all in one transaction; returns what was done.

    Raises NotTheOwner, DeclarationsChanged, ValidationError; nothing has changed then."""
    try:
        with writing():
            _take_turn(declared, by)
            done = plan(declared, source=source, prune=prune, take_over=take_over)
            if done.foreign:
                raise NotTheOwner(source, done.foreign)
            _carry_out(done, declared, by, ring)
            if source == CODE:
                _remember(declared, by)
    except IntegrityError as error:
        raise DeclarationsChanged(source) from error
    return done


def apply_new_code(
    declared: Sequence[Declaration], *, by: str, ring: Ring | None = None
) -> Plan | None:
    """Apply what code declares if this set has never been applied; None where it has been.

    A set that was applied before and is not the latest belongs to an older version of the
    software, so it is left alone. Jobs that others own are left alone too, and none is deleted.
    Of any number of workers that call this at once, one applies."""
    name = digest(declared)
    if CodeRevision.objects.filter(digest=name).exists():
        return None
    try:
        with writing():
            _take_turn(declared, by)
            if CodeRevision.objects.filter(digest=name).exists():
                return None
            done = plan(declared, source=CODE)
            _carry_out(done, declared, by, ring)
            _remember(declared, by)
    except IntegrityError as error:
        raise DeclarationsChanged(CODE) from error
    return done


def _check_calendars(declared: Sequence[Declaration]) -> None:
    """Raises InvalidDeclaration for a calendar that nobody has made."""
    using = [job for job in declared if job.fields.get("calendar")]
    known = calendar_names() if using else []
    for job in using:
        name = job.fields["calendar"]
        if name not in known:
            problem = f"there is no calendar {name!r}"
            raise InvalidDeclaration(job.where, job.name, "calendar", problem, ", ".join(known))


def _take_turn(declared: Iterable[Declaration], by: str) -> None:
    """Wait for other applies to end, and hold what is to be held before the rows of jobs, as all
    do who change jobs: in another order two would wait for each other. On SQLite ``writing`` has
    done so."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [APPLY_LOCK])
    lock_dependencies()
    for calendar in sorted({job.fields["calendar"] for job in declared} - {""}):
        ensure_calendar(calendar, by=by)


def _carry_out(done: Plan, declared: Sequence[Declaration], by: str, ring: Ring | None) -> None:
    wanted = {job.name: job for job in declared}
    for change in done.changes:
        if change.kind is not Kind.DELETE:
            _write(change, by, ring)
    for change in done.changes:
        if change.kind is not Kind.DELETE:
            _write_parts(change, wanted[change.name], by)
    for change in done.changes:
        if change.kind is Kind.DELETE:
            delete_definition(change.name, by=by, ring=ring, take_over=True)
    if done.changes:
        counts = {kind.value: sum(c.kind is kind for c in done.changes) for kind in Kind}
        record("jobs_applied", done.source, by, **counts)


def _write(change: JobChange, by: str, ring: Ring | None) -> None:
    assert change.after is not None
    if change.kind is Kind.CREATE:
        fields: dict[str, Any] = dict(change.after)
    else:
        fields = {one.field: one.new for one in change.changes if one.field in FIELDS}
    save_definition(
        change.name, by=by, ring=ring, take_over=True, **{**fields, "provenance": change.owner}
    )


def _write_parts(change: JobChange, declared: Declaration, by: str) -> None:
    keys = {one.field for one in change.changes}
    parts = {key: part for key, part in related_parts().items() if key in keys}
    if change.kind is Kind.CREATE:
        parts = {key: p for key, p in parts.items() if declared.parts[key] != p.empty}
    if parts:
        definition = JobDefinition.objects.get(name=change.name, deleted_at=None)
        for key, part in parts.items():
            part.apply(definition, declared.parts[key], by)


def _remember(declared: Sequence[Declaration], by: str) -> None:
    CodeRevision.objects.update_or_create(
        digest=digest(declared),
        defaults={"applied_at": rdb_now(), "applied_by": by[:200], "jobs": len(declared)},
    )


def _as_existing(rows: Sequence[JobDefinition]) -> list[Existing]:
    ids = [row.pk for row in rows]
    read = {key: part.read(ids) for key, part in related_parts().items()}
    return [
        Existing(
            row.name,
            row.provenance,
            bool(row.held_by) and not row.enabled,
            {key: getattr(row, key) for key in FIELDS},
            {key: read[key].get(row.pk, part.empty) for key, part in related_parts().items()},
        )
        for row in rows
    ]
