"""The leader passes on that settings changed; a worker that misses it hears it at its next
lease renewal."""

from collections.abc import Callable, Sequence

import structlog

from scheduler.domain.errors import PeerUnreachable, StaleEpoch
from scheduler.domain.values import WorkerView
from scheduler.ports import WorkerLink
from scheduler.runtime.fanout import Fanout
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)


class ConfigCourier:
    """Tells each worker once of each revision of the settings."""

    def __init__(self, link: WorkerLink, fanout: Fanout) -> None:
        self._link, self._fanout = link, fanout
        self._told: dict[str, int] = {}

    def carry(self, term: Term, revision: int, workers: Sequence[WorkerView]) -> None:
        """Send ReloadConfig to those of ``workers`` that this leader has not told."""
        known, self._told = self._told, {w.facts.worker_id: revision for w in workers}
        for worker in workers:
            if revision and known.get(worker.facts.worker_id, revision) < revision:
                self._fanout.spawn(self._telling(term, worker, revision))

    def _telling(self, term: Term, worker: WorkerView, revision: int) -> Callable[[], None]:
        def tell() -> None:
            try:
                self._link.reload_config(worker.facts.grpc_address, term.command, revision)
            except (PeerUnreachable, StaleEpoch) as error:
                log.info("reload_not_told", worker_id=worker.facts.worker_id, reason=str(error))

        return tell
