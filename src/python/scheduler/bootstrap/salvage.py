"""Results that dead workers of this host left on its disk are written for them."""

from pathlib import Path

import structlog

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.execution.spool import Spool
from scheduler.store.worker import SqlWorkerStore

log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0


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
