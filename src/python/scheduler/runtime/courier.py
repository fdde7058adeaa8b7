"""The leader passes on what operators asked for: new settings, draining and its undoing.

Each worker is told once, soon; one that misses it reads it at its next lease renewal.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from scheduler.domain.errors import PeerUnreachable, StaleEpoch
from scheduler.domain.values import DesiredMode, WorkerView
from scheduler.ports import WorkerLink
from scheduler.runtime.fanout import Fanout
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)


class Courier:
    """Remembers what each worker was last seen to be told: (settings revision, mode)."""

    def __init__(self, link: WorkerLink, fanout: Fanout) -> None:
        self._link, self._fanout = link, fanout
        self._told: Mapping[str, tuple[int, DesiredMode]] = {}

    def carry(self, term: Term, revision: int, workers: Sequence[WorkerView]) -> None:
        """Tell those of ``workers`` that do not know yet."""
        known, self._told = self._told, {w.facts.worker_id: (revision, w.desired) for w in workers}
        for worker in workers:
            old_revision, old_mode = known.get(worker.facts.worker_id, (revision, worker.desired))
            address = worker.facts.grpc_address
            if old_revision < revision:
                call = partial(self._link.reload_config, address, term.command, revision)
                self._tell(worker, call)
            if old_mode is not worker.desired:
                drain = worker.desired is not DesiredMode.ACTIVE
                self._tell(worker, partial(self._link.drain, address, term.command, drain=drain))

    def _tell(self, worker: WorkerView, call: Callable[[], object]) -> None:
        def tell() -> None:
            try:
                call()
            except (PeerUnreachable, StaleEpoch) as error:
                log.info("not_told", worker_id=worker.facts.worker_id, reason=str(error))

        self._fanout.spawn(tell)
