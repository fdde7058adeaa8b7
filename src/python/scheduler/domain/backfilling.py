"""A backfill: the slots of a past range of a job, handed on a few at a time.

Slots are identified by ``b:<backfill>:<utc>``, so that each backfill runs each of its slots once,
whatever the schedule's own run of that slot did. Pacing counts a slot from when it was handed on
until it has an outcome, its retries included.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from scheduler.domain.errors import SchedulerError
from scheduler.domain.runs import BACKFILL, slot_instant
from scheduler.domain.schedules import Schedule

SLOTS_AT_MOST = 10_000
PACE_AT_MOST = 100
EPSILON = timedelta.resolution


class InvalidBackfill(SchedulerError):
    """A backfill cannot be made as asked. ``field`` is the argument at fault."""

    code = "INVALID_BACKFILL"

    def __init__(self, field: str, problem: str, allowed: str) -> None:
        self.field, self.problem, self.allowed = field, problem, allowed
        super().__init__(f"Backfill field {field!r}: {problem}; allowed: {allowed}.")


def check_bounds(since: datetime, until: datetime, now: datetime, *, limit: int, pace: int) -> None:
    """Raises InvalidBackfill unless ``since < until <= now`` and the numbers are in range.

    The future is the planner's: a backfill of it would run its slots twice."""
    if until <= since:
        raise InvalidBackfill("until", f"{until.isoformat()} is not after the start", "a later one")
    if until > now:
        allowed = f"{now.isoformat(timespec='seconds')} or earlier; later slots run by themselves"
        raise InvalidBackfill("until", f"{until.isoformat()} lies ahead", allowed)
    if not 1 <= limit <= SLOTS_AT_MOST:
        raise InvalidBackfill("limit", f"it is {limit}", f"1 to {SLOTS_AT_MOST}")
    if not 1 <= pace <= PACE_AT_MOST:
        raise InvalidBackfill("pace", f"it is {pace}", f"1 to {PACE_AT_MOST}")


def slots_in(schedule: Schedule, since: datetime, until: datetime, limit: int) -> list[datetime]:
    """The slots with ``since <= slot < until``, oldest first, without those that a calendar skips.
    Raises InvalidBackfill when there are more than ``limit``: half of what was asked for would be
    a surprise."""
    found = schedule.runs_between(since - EPSILON, until - EPSILON, limit + 1)
    if len(found) > limit:
        problem = f"the range has more slots than the limit of {limit}"
        raise InvalidBackfill("limit", problem, f"a shorter range, or a limit to {SLOTS_AT_MOST}")
    return found


def missing(slots: Sequence[datetime], covered: Collection[datetime]) -> list[datetime]:
    """The slots that no run covers."""
    known = set(covered)
    return [slot for slot in slots if slot not in known]


def slot_key(backfill_id: UUID, slot: datetime) -> str:
    """Its identity: ``b:<backfill>:2026-11-23T06:00:00Z``."""
    return key_prefix(backfill_id) + slot_instant(slot)


def key_prefix(backfill_id: UUID) -> str:
    """What the keys of all slots of one backfill begin with."""
    return f"{BACKFILL}{backfill_id}:"


def places(pace: int, concurrency_policy: str, under_way: int) -> int:
    """How many more slots may be handed on now.

    A job that runs one at a time gets one at a time: more would only wait, and under ``replace``
    the newer would cancel the older."""
    at_once = pace if concurrency_policy == "allow" else 1
    return max(0, at_once - under_way)
