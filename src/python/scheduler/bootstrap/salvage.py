"""What dead workers of this host left on its disk is written for them: results that the RDB has
not taken, and after a fail-over of the RDB what it has lost."""

from collections.abc import Callable
from pathlib import Path

import structlog

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.execution.journal import RunJournal
from scheduler.execution.spool import Spool
from scheduler.store.worker import SqlWorkerStore

log = structlog.get_logger(__name__)

LOOK_SECONDS, JOIN_SECONDS = 15.0, 1.0


class Salvager:
    """Replays abandoned spools: each result once, by its claim token, in the RDB's judgement."""

    def __init__(self, store: SqlWorkerStore, folder: Path, mine: str) -> None:
        self._store, self._folder, self._mine = store, folder, mine

    def tick(self, now: float) -> float:
        for spool in Spool.abandoned_in(self._folder, self._mine):
            try:
                self._replay(spool)
            except DatabaseUnavailable:
                spool.close()
        return now + LOOK_SECONDS

    def _replay(self, spool: Spool) -> None:
        pending = spool.pending()
        if pending:
            changed = self._store.finish(spool.worker_id, pending)
            log.warning(
                "abandoned_results_replayed",
                of=spool.worker_id,
                count=len(pending),
                taken=len(changed),
            )
        spool.remove()


class JournalSalvager:
    """Holds the journals of dead workers for as long as they may be needed, and replays each when
    it is found and after each fail-over. Replaying twice changes nothing.

    Their runs died with the workers: what is RUNNING again is orphaned when their leases are
    lost.
    """

    def __init__(self, store: SqlWorkerStore, folder: Path, mine: str) -> None:
        self._store, self._folder, self._mine = store, folder, mine
        self._held: dict[str, RunJournal] = {}
        self._replayed: dict[str, int] = {}

    def look(self, timeline: int, now: float) -> None:
        """Replay what was not yet replayed on this timeline. Raises DatabaseUnavailable."""
        if timeline:
            self._store.expect_timeline(timeline)
        for journal in RunJournal.abandoned_in(self._folder, [self._mine, *self._held]):
            self._held[journal.worker_id] = journal
        for journal in list(self._held.values()):
            if journal.is_old():
                journal.remove()
                del self._held[journal.worker_id]
            elif timeline and self._replayed.get(journal.worker_id) != timeline:
                self._replay(journal, timeline, now)

    def _replay(self, journal: RunJournal, timeline: int, now: float) -> None:
        worker_id = journal.worker_id
        claims = [(claim, now - claim.at) for claim in journal.claims(0.0) if claim.at <= now]
        changed = self._store.replay_claims(claims)
        taken = self._store.finish(worker_id, journal.results(0.0))
        self._replayed[worker_id] = timeline
        if changed or taken:
            log.warning(
                "abandoned_journal_replayed",
                of=worker_id,
                timeline=timeline,
                claims_lost=len(changed),
                results_lost=len(taken),
            )


class Salvage:
    """Both, in the order that they need: a result counts only once its claim is there again.

    ``timeline`` gives the RDB's, and None before this worker has joined.
    """

    def __init__(
        self, journals: JournalSalvager, spools: Salvager, timeline: Callable[[], int | None]
    ) -> None:
        self._journals, self._spools, self._timeline = journals, spools, timeline

    def tick(self, now: float) -> float:
        timeline = self._timeline()
        if timeline is None:
            return now + JOIN_SECONDS
        try:
            self._journals.look(timeline, now)
        except DatabaseUnavailable as error:
            log.warning("salvage_delayed", reason=str(error))
            return now + LOOK_SECONDS
        return self._spools.tick(now)
