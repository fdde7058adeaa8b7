"""Results on their way from a worker to the RDB: written once, kept on disk while it is away.

A result that the RDB refuses (its text cannot be stored, say) keeps no other from being written:
it is written again without its texts, and the log says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from scheduler.domain.errors import DatabaseUnavailable, SchedulerError
from scheduler.domain.values import ResourceUse, RunResult
from scheduler.ports import Spool, WorkerStore
from scheduler.runtime.member import Member

log = structlog.get_logger(__name__)

REFUSED = "the RDB refused the whole result; the worker's log says why"


class Reporter:
    """For the agent's thread. ``written(results, now)`` is told what the RDB has answered,
    ``ring`` tells the leader that runs ended: others may start. ``finished`` is handed the results
    that are now the runs' outcomes; it neither waits nor raises."""

    def __init__(
        self,
        member: Member,
        store: WorkerStore,
        spool: Spool,
        written: Callable[[Sequence[RunResult], float], None],
        ring: Callable[[], object],
        finished: Callable[[Sequence[RunResult]], None] | None = None,
    ) -> None:
        self._member, self._store, self._spool = member, store, spool
        self._written, self._ring, self._told_of_finished = written, ring, finished
        self._results: list[RunResult] = []
        self._spooled = bool(spool.pending())
        self.reported_at = 0.0

    @property
    def waiting(self) -> int:
        """How many results wait in memory."""
        return len(self._results)

    @property
    def done(self) -> bool:
        """True when every result is with the RDB."""
        return not (self._results or self._spooled)

    def run_ids(self) -> set[UUID]:
        """The runs whose results wait in memory."""
        return {result.run_id for result in self._results}

    def add(self, result: RunResult) -> None:
        self._results.append(result)

    def replay_spool(self, now: float) -> None:
        """Write what waits on disk. Raises DatabaseUnavailable."""
        if not self._spooled:
            return
        pending = self._spool.pending()
        if pending:
            self._write(pending, now)
            self._spool.acknowledge([result.claim_token for result in pending])
            log.info("spool_replayed", count=len(pending))
        self._spooled = False

    def report(self, now: float) -> None:
        """Write what waits in memory. Raises DatabaseUnavailable."""
        if self._results:
            self._write(self._results, now)
            self._results, self.reported_at = [], now

    def keep_on_disk(self) -> None:
        """The RDB is away: spool the results; where even that fails they wait in memory."""
        if not self._results:
            return
        try:
            self._spool.append(self._results)
        except SchedulerError as error:
            log.error("results_not_spooled", count=len(self._results), reason=str(error))
            return
        log.warning("results_spooled", count=len(self._results))
        self._results = []
        self._spooled = True

    def _write(self, results: Sequence[RunResult], now: float) -> None:
        changed = self._finish(results)
        self._written(results, now)
        self._ring()
        if self._told_of_finished is not None:
            self._told_of_finished([one for one in results if one.run_id in changed])
        for result in results:
            event = "run_finished" if result.run_id in changed else "run_result_too_late"
            log.info(
                event,
                run_id=str(result.run_id),
                state=str(result.state),
                reason=result.reason and str(result.reason),
                exit_code=result.exit_code,
                worker_id=self._member.worker_id,
                epoch=self._member.newest_epoch,
            )

    def _finish(self, results: Sequence[RunResult]) -> set[UUID]:
        """All in one statement; if it is refused one by one."""
        worker_id = self._member.worker_id
        try:
            return set(self._store.finish(worker_id, results))
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("results_refused", count=len(results), worker_id=worker_id)
            return {run_id for result in results for run_id in self._finish_one(result)}

    def _finish_one(self, result: RunResult) -> Sequence[UUID]:
        worker_id = self._member.worker_id
        for version in (result, _without_texts(result)):
            try:
                return self._store.finish(worker_id, [version])
            except DatabaseUnavailable:
                raise
            except Exception as error:
                log.error("result_refused", run_id=str(result.run_id), reason=repr(error))
        return ()


def _without_texts(result: RunResult) -> RunResult:
    return replace(result, error=REFUSED, log_ref="", use=ResourceUse())
