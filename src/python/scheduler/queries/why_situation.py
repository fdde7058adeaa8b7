"""The leader's view of the cluster and of one run, read now."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from scheduler.domain import replaying
from scheduler.domain.assignment import AssignmentPolicies
from scheduler.domain.dependencies import held
from scheduler.domain.inquiry import Situation, candidate
from scheduler.domain.runs import WaitingRun
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import resolve
from scheduler.runtime.upstreams import upstreams_of
from scheduler.store.inquiry import SqlInquiry
from scheduler.store.settings import read_setting_rows

RIVALS = 2000
"""Of the runs that may go before the one in question, so many of the oldest are looked at."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads. ``seen_at``: when the last leader was seen; None: there never was one."""

    led: bool
    leader: str | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """``awaited``: after a fail-over, the workers whose replay the cluster awaits; None: nobody's.
    ``upstream_until``: how long the run waits for its upstreams at most."""

    situation: Situation
    awaited: list[str] | None
    upstream_until: datetime | None


def standing(reads: SqlInquiry) -> Standing:
    """By the cluster row: led is who has been seen within the time a leader is trusted for."""
    view = reads.cluster()
    age = view.leader_seen_age_seconds
    led = not view.released and age is not None and age <= view.trust_seconds
    seen_at = None if age is None else view.db_now - timedelta(seconds=age)
    return Standing(led, view.leader_worker_id, seen_at)


def situation_of(reads: SqlInquiry, run_id: UUID, now: datetime) -> Found | None:
    """What decides about the run; None where it is PENDING no more."""
    mine = reads.waiting_run(run_id)
    if mine is None:
        return None
    upstreams = upstreams_of(reads, [mine])
    waits = held(mine, upstreams.get(run_id, ()), now)
    found = situation(reads, mine, reads.rivals(run_id, now, RIVALS), now)
    behind = replaying.awaited(found.workers, reads.cluster().timeline)
    return Found(
        replace(found, upstreams=upstreams), behind or None, waits.until if waits else None
    )


def situation(
    reads: SqlInquiry, run: WaitingRun, rivals: Sequence[WaitingRun], now: datetime
) -> Situation:
    """The cluster as it is now, with this run in it; its upstreams are not asked."""
    view = reads.cluster()
    late = resolve(CoreSettings, rows=read_setting_rows(), environ=os.environ).settings
    return Situation(
        run=candidate(run),
        rivals=rivals,
        active=reads.active(),
        workers=reads.live(),
        leader_worker_id=None if view.released else view.leader_worker_id,
        now=now,
        policies=AssignmentPolicies(late.skip_late_runs_after_seconds, view.paused),
    )
