"""Carries out ``domain.backfilling``: hands the slots of backfills on as requests, at their pace.

Each slot becomes one request in one fenced statement that also marks the slot: whoever leads, and
however often it looks, a slot is handed on once. The end of a run rings the leader's bell, so the
next slot follows at once.
"""

import structlog

from scheduler.domain.backfilling import places
from scheduler.ports import BackfillRow, LeaderStore
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)

BACKFILLS_READ, FED_AT_ONCE = 10_000, 20
"""Those that can move are found among so many, the oldest; so many of them are fed in one tick."""


class Backfiller:
    """A duty of the leader; call it when the agenda shows backfills."""

    def __init__(self, store: LeaderStore) -> None:
        self._store = store

    def tick(self, term: Term) -> int:
        """Returns how many slots were handed on. Raises StaleEpoch, DatabaseUnavailable."""
        rows = self._store.open_backfills(BACKFILLS_READ)
        moving = [row for row in rows if row.deleted or _room(row)]
        return sum(self._feed(term, row) for row in moving[:FED_AT_ONCE])

    def _feed(self, term: Term, row: BackfillRow) -> int:
        room = 0 if row.deleted else _room(row)
        fed = self._store.feed_backfill(term.fence, row.backfill_id, room) if room else 0
        if row.deleted or (room and fed < room):
            self._store.close_backfills(term.fence, [row.backfill_id])
            log.info("backfill_handed_on", backfill=str(row.backfill_id), epoch=term.epoch)
        return fed


def _room(row: BackfillRow) -> int:
    return places(row.pace, row.concurrency_policy, row.under_way)
