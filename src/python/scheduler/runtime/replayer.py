"""The worker's side of a fail-over of the RDB (the rules: ``domain.replaying``).

::

    in step --a statement, a renewal or the cluster row shows another timeline--> behind
    behind --claims and finishes of the journal written again, lease row told--> settling
    settling --every LIVE worker has replayed, or its lease is LOST--> in step

While behind, nothing else is written; while settling, no run is claimed.
"""

from collections.abc import Callable, Sequence

import structlog

from scheduler.domain.errors import SchedulerError
from scheduler.domain.replaying import settled_at
from scheduler.domain.values import Claim, RunResult
from scheduler.ports import Journal, WorkerStore
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Member
from scheduler.runtime.orders import Handled

log = structlog.get_logger(__name__)

HORIZON_SECONDS = 600.0
LOOK_SECONDS = 0.5


class Replayer:
    """Keeps the journal and replays it. Belongs to the agent's thread."""

    def __init__(
        self,
        member: Member,
        store: WorkerStore,
        journal: Journal,
        config: Callable[[], RuntimeConfig],
    ) -> None:
        self._member, self._store, self._journal = member, store, journal
        self._config = config
        self._settling = False
        self._look_at = 0.0
        self._told = ("", 0)

    # ---------------------------------------------------------------------------- the journal

    def claimed(self, items: Sequence[Handled], now: float) -> None:
        """These claims were won: called before their processes start."""
        if items:
            claims = [_claim(item, self._member.worker_id, now) for item in items]
            self._keep(lambda: self._journal.claimed(claims))

    def finished(self, results: Sequence[RunResult], now: float) -> None:
        """The RDB has answered these results. Those that came too late are kept too: on another
        timeline they may be in time."""
        self._keep(lambda: self._journal.finished(results, now))

    def _keep(self, write: Callable[[], None]) -> None:
        try:
            write()
        except SchedulerError as error:
            log.error("journal_not_on_disk", reason=str(error))

    # ----------------------------------------------------------------------------- the replay

    def catch_up(self, now: float) -> bool:
        """Replay if the RDB failed over; True when it did. Raises DatabaseUnavailable."""
        member = self._member
        timeline = member.timeline
        if not timeline:
            return False
        self._store.expect_timeline(timeline)
        behind = timeline != member.replayed_timeline
        if behind:
            self._replay(timeline, now)
            member.replayed_timeline = timeline
            self._settling, self._look_at = True, 0.0
        if member.joined and self._told != (member.worker_id, timeline):
            self._store.set_replayed(member.worker_id, timeline)
            self._told = (member.worker_id, timeline)
        return behind

    def _replay(self, timeline: int, now: float) -> None:
        since = now - HORIZON_SECONDS
        claims, results = self._journal.claims(since), self._journal.results(since)
        changed = self._store.replay_claims([(claim, now - claim.at) for claim in claims])
        taken = self._store.finish(self._member.worker_id, results) if results else []
        log.warning(
            "journal_replayed",
            worker_id=self._member.worker_id,
            timeline=timeline,
            claims=len(claims),
            claims_lost=len(changed),
            results=len(results),
            results_lost=len(taken),
        )
        for run_id in changed:
            log.warning("run_claim_replayed", run_id=str(run_id), timeline=timeline)
        for run_id in taken:
            log.warning("run_result_replayed", run_id=str(run_id), timeline=timeline)

    def may_claim(self, now: float) -> bool:
        """Whether all that the fail-over lost is there again, as far as anybody knows.

        Raises DatabaseUnavailable; asks at most once in LOOK_SECONDS.
        """
        if self._settling and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._settling = not self._is_settled(now)
        return not self._settling

    def _is_settled(self, now: float) -> bool:
        heartbeat = self._config().heartbeat_seconds
        if now < settled_at(self._member.failed_over_at, heartbeat):
            return False
        return not self._store.replaying(self._member.replayed_timeline)


def _claim(item: Handled, worker_id: str, now: float) -> Claim:
    order = item.order
    timed = order.slot_key.startswith("t:")
    return Claim(
        run_id=order.run_id,
        definition_id=order.definition_id,
        slot_key=order.slot_key,
        attempt=order.attempt,
        orphan_count=order.orphan_count,
        scheduled_for=order.scheduled_for,
        assign_seq=order.assign_seq,
        claim_token=item.token,
        worker_id=worker_id,
        args=None if timed else order.args,
        at=now,
        event_id=order.event_id,
        event_json=order.event_json,
    )
