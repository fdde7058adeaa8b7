"""May a run start that depends on runs of other definitions?

The promise: a run that depends on others starts after each of them has succeeded for its slot, or
the dependency's own policy has said what to do instead; and the answer depends on the rows alone,
so a new leader gives the same one.

**The outcome of an upstream's slot** is that of all runs of its root (``domain.lineage``):

============================================  ============================================
the runs of the slot                          outcome
============================================  ============================================
one SUCCEEDED (any attempt, or made again)    SUCCEEDED
none yet, one is open or has a retry to come  OPEN
all ended otherwise, orphaned ones too        FAILED
none, and one may still come                  MISSING
none, and none will come                      NONE: as FAILED. The upstream is disabled or
                                              deleted, or its cursor has passed the instant
============================================  ============================================

**Which slot**: ``same_slot`` is the same root; a backfill's slot is that of the same backfill
where the upstream is backfilled too, else the timed one. ``latest`` is the upstream's newest slot
at or before mine, whatever made it; one more than ``max_age_seconds`` older than mine is as none.
A slot of the upstream that its calendar skipped (SKIPPED, CALENDAR) is FAILED as ``same_slot``, for
it did not run; ``latest`` passes it over, as if the schedule did not have it.

**What follows**, for each upstream:

=============  ========================  ==================  ==============================
outcome        ``skip``                  ``wait``            ``run``
=============  ========================  ==================  ==============================
SUCCEEDED      free                      free                free
OPEN, MISSING  waits                     waits               waits
FAILED, NONE   SKIPPED, UPSTREAM_FAILED  waits               free
waited long    SKIPPED                   SKIPPED             free
=============  ========================  ==================  ==============================

"Waited long" is ``max_wait_seconds`` after the run was due. All upstreams free: the run starts.
One that skips: it is skipped. What is skipped is itself FAILED for those that depend on it, so a
chain is skipped to its end.

**Which runs ask at all**: first attempts. A retry has been free once. A run that a person asked
for starts without asking; one that an event made asks its ``latest`` upstreams only, for the event
is no slot of theirs.

**A definition without a schedule** gets its runs by ``domain.followers``; they ask as above.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from scheduler.domain.dependency_graph import Match, OnFailure
from scheduler.domain.lineage import BY_EVENT, BY_HAND, backfilled_slot, root_of
from scheduler.domain.runs import WaitingRun
from scheduler.domain.values import FINISHED_STATES, Reason, RunState


@dataclass(frozen=True, slots=True)
class Link:
    """One dependency with what is to be known of its upstream.

    ``planned_until``: each timed slot up to it has its row; None: its slots come otherwise, or an
    edit is not planned yet. ``active``: it is neither disabled nor deleted."""

    definition_id: int
    upstream_id: int
    upstream: str
    match: Match
    on_failure: OnFailure
    max_age_seconds: int | None = None
    max_wait_seconds: int | None = None
    planned_until: datetime | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class SlotRun:
    """A run of an upstream. ``retry_due``: another attempt follows it."""

    definition_id: int
    run_id: UUID
    slot_key: str
    attempt: int
    state: RunState
    scheduled_for: datetime
    retry_due: bool = False


class Outcome(StrEnum):
    SUCCEEDED = "SUCCEEDED"
    OPEN = "OPEN"
    FAILED = "FAILED"
    MISSING = "MISSING"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Upstream:
    """One upstream of one waiting run: the link, and the runs there are of the slot that counts."""

    link: Link
    runs: tuple[SlotRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Why a run may not start. ``reason`` WAIT_UPSTREAM: it waits, at most until ``until``;
    another: it is SKIPPED with it. ``run_id`` is the upstream's run that it is about."""

    reason: Reason
    detail: str
    upstream: str
    run_id: UUID | None = None
    until: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.reason is Reason.WAIT_UPSTREAM


_ASKED = frozenset(
    {
        Reason.WAIT_PAUSED,
        Reason.WAIT_QUARANTINED,
        Reason.WAIT_START_CAP,
        Reason.WAIT_RETRY_BUDGET,
        Reason.WAIT_MAX_PARALLEL,
        Reason.WAIT_REPLACE,
        Reason.WAIT_NO_WORKER,
        Reason.WAIT_NO_QUEUE,
        Reason.WAIT_NO_LABEL,
        Reason.WAIT_NO_CAPABILITY,
        Reason.WAIT_CAPACITY,
        Reason.REASSIGNED,
        Reason.WORKER_LOST,
    }
)
"""Reasons that a run gets only after its upstreams have set it free."""


def asks(run: WaitingRun, reason: Reason | None = None) -> bool:
    """Whether the run must ask its upstreams. ``reason`` is the one that is kept for it."""
    if not run.depends or run.attempt > 1 or reason in _ASKED:
        return False
    return not run.slot_key.startswith(BY_HAND)


def links_asked(run: WaitingRun, links: Iterable[Link]) -> list[Link]:
    """The links that hold this run: of one made by an event, only those to a ``latest`` slot."""
    by_event = run.slot_key.startswith(BY_EVENT)
    return [link for link in links if not by_event or link.match is Match.LATEST]


def roots_wanted(run: WaitingRun) -> tuple[str, ...]:
    """The roots of the same slot, the one that counts first; the next counts where that is not."""
    root = root_of(run.slot_key)
    timed = backfilled_slot(root)
    return (root,) if timed is None else (root, timed)


def slot_order(run: SlotRun) -> tuple[datetime, UUID]:
    """Orders an upstream's runs by their slots."""
    return (run.scheduled_for, run.run_id)


def newest_root(in_order: Sequence[SlotRun], until: datetime) -> tuple[str, ...]:
    """The root of the newest slot at or before ``until``, of runs in ``slot_order``; or none.

    The runs are without those that a calendar skipped."""
    count = bisect_right(in_order, until, key=lambda run: run.scheduled_for)
    return (root_of(in_order[count - 1].slot_key),) if count else ()


def of_the_slot(roots: Sequence[str], runs: Sequence[SlotRun]) -> tuple[SlotRun, ...]:
    """Of an upstream's runs those of the first root that has any."""
    for root in roots:
        found = tuple(run for run in runs if root_of(run.slot_key) == root)
        if found:
            return found
    return ()


def outcome(runs: Iterable[SlotRun]) -> tuple[Outcome, SlotRun | None]:
    """The outcome of a slot by all its runs, and the run that decides it; MISSING without any."""
    last: dict[str, SlotRun] = {}
    for run in sorted(runs, key=lambda run: (run.slot_key, run.attempt)):
        if run.state is RunState.SUCCEEDED:
            return Outcome.SUCCEEDED, run
        last[run.slot_key] = run
    ended = [run for run in last.values() if run.state in FINISHED_STATES and not run.retry_due]
    under_way = [run for run in last.values() if run not in ended]
    for found, rows in ((Outcome.OPEN, under_way), (Outcome.FAILED, ended)):
        if rows:
            return found, max(rows, key=lambda run: run.run_id)
    return Outcome.MISSING, None


def held(run: WaitingRun, upstreams: Iterable[Upstream], now: datetime) -> Held | None:
    """Why the run may not start by its upstreams; None: it may. ``now`` is cluster time.

    One that skips goes before all that wait; of those that wait the first is named."""
    found = [each for up in upstreams if (each := _held_by(run, up, now)) is not None]
    skips = [each for each in found if not each.waits]
    if skips or not found:
        return skips[0] if skips else None
    deadlines = [each.until for each in found if each.until is not None]
    more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
    first = found[0]
    return Held(
        first.reason,
        first.detail + more,
        first.upstream,
        first.run_id,
        min(deadlines, default=None),
    )


def _held_by(run: WaitingRun, upstream: Upstream, now: datetime) -> Held | None:
    link = upstream.link
    found, decider = judged(run, upstream)
    failed = found in (Outcome.FAILED, Outcome.NONE)
    if found is Outcome.SUCCEEDED or (failed and link.on_failure is OnFailure.RUN):
        return None
    said = _said(run, link, decider)
    run_id = decider.run_id if decider else None
    if failed and link.on_failure is OnFailure.SKIP:
        return Held(Reason.UPSTREAM_FAILED, said, link.upstream, run_id)
    until = _deadline(run, link)
    if until is None or now < until:
        return Held(Reason.WAIT_UPSTREAM, said, link.upstream, run_id, until)
    if link.on_failure is OnFailure.RUN:
        return None
    reason = Reason.UPSTREAM_FAILED if failed else Reason.SKIP_LATE
    waited = f"waited {link.max_wait_seconds} s, but {said}"
    return Held(reason, waited, link.upstream, run_id)


def judged(run: WaitingRun, upstream: Upstream) -> tuple[Outcome, SlotRun | None]:
    """The outcome of an upstream's slot for this run, and the run that decides it."""
    link = upstream.link
    found, decider = outcome(upstream.runs)
    slot = min((each.scheduled_for for each in upstream.runs), default=None)
    if slot is not None and not _is_too_old(run, link, slot):
        return found, decider
    past = link.planned_until is not None and link.planned_until >= run.scheduled_for
    none_to_come = not link.active or past
    return (Outcome.NONE if none_to_come else Outcome.MISSING), decider


def _is_too_old(run: WaitingRun, link: Link, slot: datetime) -> bool:
    if link.match is not Match.LATEST or link.max_age_seconds is None:
        return False
    return slot < run.scheduled_for - timedelta(seconds=link.max_age_seconds)


def _deadline(run: WaitingRun, link: Link) -> datetime | None:
    if link.max_wait_seconds is None:
        return None
    return run.due_at + timedelta(seconds=link.max_wait_seconds)


def _said(run: WaitingRun, link: Link, decider: SlotRun | None) -> str:
    """Names the upstream, its slot, and how that stands."""
    if decider is not None:
        at, state = _instant(decider.scheduled_for), str(decider.state)
        if decider.retry_due:
            state += ", to be tried again"
        old = " (too old)" if _is_too_old(run, link, decider.scheduled_for) else ""
        return f"upstream {link.upstream!r}, slot {at}{old}: {state} (run {decider.run_id})"
    which = "no run of slot" if link.match is Match.SAME_SLOT else "no run at or before"
    off = "" if link.active else " and is disabled or deleted"
    return f"upstream {link.upstream!r} has {which} {_instant(run.scheduled_for)}{off}"


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
