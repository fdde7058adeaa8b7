"""From claims to processes, as long as the life that claimed them lasts.

A claim's answer may come late: by then the worker may have given up its lease, killed what ran
and joined again under a new id, with a new deadline at the process host. A run that was claimed
under the old id must not start any more, for the leader will call it orphaned and have it tried
elsewhere, trusting that nothing of that life is left.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from uuid import UUID

import structlog

from scheduler.domain.errors import SchedulerError
from scheduler.domain.values import LaunchSpec, ProcessNotStarted, StartOrder
from scheduler.ports import ProcessHost
from scheduler.runtime.member import Member
from scheduler.runtime.orders import Handled

log = structlog.get_logger(__name__)

type Prepared = LaunchSpec | SchedulerError
"""The process of an order, or why there can be none (an executor's word)."""
type Preparation = Callable[[Sequence[StartOrder]], Mapping[UUID, Prepared]]
"""Asked for those of its orders that were claimed: what becomes of each, by its run's id."""
type Prepare = Callable[[Sequence[StartOrder], str], Preparation]
"""``prepare(orders, worker_id)`` begins what goes on beside the claim."""


class Starter:
    """``failed`` is told of each run that no process could be prepared for. Safe for threads."""

    def __init__(
        self,
        member: Member,
        host: ProcessHost,
        prepare: Prepare,
        failed: Callable[[ProcessNotStarted], None],
    ) -> None:
        self._member, self._host = member, host
        self._prepare, self._failed = prepare, failed
        self._lock = Lock()

    def begin(self, items: Sequence[Handled], worker_id: str) -> Preparation:
        """What can be done for these before they are claimed is under way."""
        return self._prepare([item.order for item in items], worker_id)

    def start(self, items: Sequence[Handled], worker_id: str, preparation: Preparation) -> bool:
        """Start what was claimed as ``worker_id``; False, and nothing, when that life is over."""
        prepared = preparation([item.order for item in items])
        made = [(item, prepared[item.order.run_id]) for item in items]
        specs = [spec for each in made if (spec := self._spec(*each, worker_id)) is not None]
        with self._lock:
            if not self._member.joined or self._member.worker_id != worker_id:
                log.error("claims_of_an_ended_life", worker_id=worker_id, count=len(items))
                return False
            if specs:
                self._launch(specs)
        return True

    def _launch(self, specs: Sequence[LaunchSpec]) -> None:
        try:
            self._host.launch(specs)
        except (TypeError, ValueError) as error:
            log.exception("runs_not_launched", count=len(specs))
            for spec in specs:
                why = f"the order to start it could not be written: {error}"
                self._failed(ProcessNotStarted(spec.run_id, why))

    def end_life(self) -> None:
        """Returns when no start of the life that just ended is under way. The member must have
        left before."""
        with self._lock:
            return

    def _spec(self, item: Handled, prepared: Prepared, worker_id: str) -> LaunchSpec | None:
        order = item.order
        if isinstance(prepared, SchedulerError):
            self._failed(ProcessNotStarted(order.run_id, str(prepared)))
            return None
        item.log_ref = prepared.log_path
        log.info(
            "run_claimed",
            run_id=str(order.run_id),
            job=order.job_name,
            attempt=order.attempt,
            worker_id=worker_id,
            epoch=order.assign_seq >> 32,
        )
        return prepared
