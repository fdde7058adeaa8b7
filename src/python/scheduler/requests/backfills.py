"""Backfills as people ask for them: looked at first, then written down whole, ended if need be.

The leader hands the slots on (``runtime.backfiller``).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from scheduler.domain.backfilling import (
    InvalidBackfill,
    check_bounds,
    key_prefix,
    missing,
    slot_key,
    slots_in,
)
from scheduler.domain.errors import InvalidArgs, SchedulerError
from scheduler.domain.values import OPEN_STATES, RunState
from scheduler.models import Backfill, BackfillSlot, JobDefinition, JobRun, RunRequest
from scheduler.models.runs import new_id
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.requests.runs import cancel_open
from scheduler.store.clock import rdb_now
from scheduler.store.jobs import find_job

LIMIT = 1000
COVERING = sorted({RunState.SUCCEEDED, *OPEN_STATES})


class BackfillNotFound(SchedulerError):
    """No backfill has this id."""

    code = "BACKFILL_NOT_FOUND"

    def __init__(self, backfill_id: object) -> None:
        self.backfill_id = backfill_id
        super().__init__(f"There is no backfill {backfill_id}; it may have been purged.")


@dataclass(frozen=True, slots=True)
class BackfillWish:
    """What is asked for: the slots of ``since <= slot < until`` (aware instants).

    ``only_missing`` leaves out those for which a run has succeeded or is open. ``limit`` is how
    many slots there may be at most; ``pace`` how many may be under way at once."""

    since: datetime
    until: datetime
    only_missing: bool = True
    limit: int = LIMIT
    pace: int = 1
    args: Any = None


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What a wish comes to. ``covered`` slots of the range are left out."""

    job_name: str
    slots: tuple[datetime, ...]
    covered: int


def plan_backfill(name: str, wish: BackfillWish) -> BackfillPlan:
    """Which slots the backfill would run; writes nothing.

    Raises JobNotFound, InvalidBackfill, InvalidArgs."""
    return _plan(find_job(name), wish)


def request_backfill(
    name: str, wish: BackfillWish, *, by: str, ring: Ring | None = None
) -> Backfill:
    """Write a backfill down with its slots; the leader hands them on, oldest first.

    Raises JobNotFound, InvalidArgs, InvalidBackfill (also when there is nothing to run)."""
    with writing():
        definition = find_job(name)
        _take_turns(definition)
        plan = _plan(definition, wish)
        if not plan.slots:
            problem = f"no slot of the range is to be run ({plan.covered} are covered already)"
            raise InvalidBackfill("since", problem, "a range with slots, or all slots again")
        backfill = _write(definition, wish, plan, by)
        record("backfill_requested", name, by, backfill=str(backfill.pk), slots=len(plan.slots))
        tell(ring, "leader")
    return backfill


def cancel_backfill(
    backfill_id: UUID, *, by: str, cancel_runs: bool = True, ring: Ring | None = None
) -> bool:
    """Hand on no more slots; with ``cancel_runs`` also ask for the end of the runs under way.

    False when everything was handed on already and nothing was left to cancel. Raises
    BackfillNotFound."""
    with writing():
        backfill = find_backfill(backfill_id, lock=True)
        now = rdb_now()
        ended = _end_feed(backfill, now) + (_cancel_runs(backfill, now) if cancel_runs else 0)
        if not ended:
            return False
        record("backfill_canceled", backfill.definition.name, by, backfill=str(backfill_id))
        tell(ring, "leader")
    return True


def find_backfill(backfill_id: UUID, *, lock: bool = False) -> Backfill:
    """The backfill with its definition. Raises BackfillNotFound."""
    rows = Backfill.objects.select_related("definition").filter(pk=backfill_id)
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    found = rows.first()
    if found is None:
        raise BackfillNotFound(backfill_id)
    return found


def _take_turns(definition: JobDefinition) -> None:
    """Of two that ask at once for the same slots the second finds those of the first.

    Not by the lock of the definition's row: the leader, who plans it, would wait too. On SQLite
    there is one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            key = f"scheduler backfill {definition.pk}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _plan(definition: JobDefinition, wish: BackfillWish) -> BackfillPlan:
    name, args = definition.name, wish.args
    if args is not None and not isinstance(args, list | dict):
        raise InvalidArgs(name, f"{type(args).__name__} given", "a JSON list or a JSON object")
    check_bounds(wish.since, wish.until, rdb_now(), limit=wish.limit, pace=wish.pace)
    schedule = definition.parsed_schedule()
    if schedule is None:
        raise InvalidBackfill("job", f"{name!r} has no schedule", "a job with a schedule")
    slots = slots_in(schedule, wish.since, wish.until, wish.limit)
    wanted = missing(slots, _covered(definition, wish)) if wish.only_missing else slots
    return BackfillPlan(name, tuple(wanted), len(slots) - len(wanted))


def _covered(definition: JobDefinition, wish: BackfillWish) -> set[datetime]:
    """Slots with a run, of the schedule or of another backfill, that succeeded or is open; and
    those that another backfill is still to hand on."""
    span = {"scheduled_for__gte": wish.since, "scheduled_for__lt": wish.until}
    runs = JobRun.objects.filter(definition=definition, state__in=COVERING, **span)
    timed = runs.filter(slot_key__startswith="t:") | runs.filter(slot_key__startswith="b:")
    waiting = BackfillSlot.objects.filter(
        backfill__definition=definition, backfill__fed_at=None, request_id=None, **span
    )
    handed_on = RunRequest.objects.filter(
        definition=definition, handled_at=None, slot_key__startswith="b:", **span
    )
    return {
        instant
        for rows in (timed.order_by(), waiting, handed_on)
        for instant in rows.values_list("scheduled_for", flat=True)
    }


def _write(definition: JobDefinition, wish: BackfillWish, plan: BackfillPlan, by: str) -> Backfill:
    backfill_id = new_id()
    backfill = Backfill.objects.create(
        id=backfill_id,
        definition=definition,
        since=wish.since,
        until=wish.until,
        pace=wish.pace,
        only_missing=wish.only_missing,
        args=wish.args,
        slot_count=len(plan.slots),
        requested_by=by[:200],
        requested_at=rdb_now(),
    )
    BackfillSlot.objects.bulk_create(
        (
            BackfillSlot(
                backfill=backfill, scheduled_for=slot, slot_key=slot_key(backfill_id, slot)
            )
            for slot in plan.slots
        ),
        batch_size=1000,
    )
    return backfill


def _end_feed(backfill: Backfill, now: datetime) -> int:
    """What was handed on and not yet taken by the leader is taken back too."""
    open_ones = Backfill.objects.filter(pk=backfill.pk, fed_at=None)
    ended = open_ones.update(fed_at=now, canceled_at=now)
    requests = RunRequest.objects.filter(
        definition_id=backfill.definition_id,
        handled_at=None,
        slot_key__startswith=key_prefix(backfill.pk),
    )
    return ended + requests.update(handled_at=now)


def _cancel_runs(backfill: Backfill, now: datetime) -> int:
    prefix = key_prefix(backfill.pk)
    runs = JobRun.objects.filter(definition_id=backfill.definition_id, slot_key__startswith=prefix)
    return cancel_open(runs, now)
