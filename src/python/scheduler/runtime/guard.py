"""The storm guard's part of an assigner's tick: what counts is read, and what is held is told.

Reads nothing and writes nothing while no guarded run waits and the cluster has no cap. It counts
from the RDB alone, so a new leader goes on where the old one was.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from scheduler.domain.guard import Start
from scheduler.domain.runs import WaitingRun
from scheduler.domain.values import Reason
from scheduler.ports import Clock, LeaderStore, WaitingRow
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)

BUDGET = frozenset({Reason.WAIT_RETRY_BUDGET, Reason.RETRY_BUDGET})
FORGET_SECONDS = 60.0


class StartGuard:
    """Belongs to the assigner; same thread."""

    def __init__(
        self, store: LeaderStore, clock: Clock, config: Callable[[], RuntimeConfig]
    ) -> None:
        self._store, self._clock, self._config = store, clock, config
        self._forget_at = 0.0
        self._told: dict[UUID, datetime] = {}

    def starts(self, rows: Sequence[WaitingRow], now: datetime) -> list[Start]:
        """The starts that count for those of ``rows`` that are due. Raises DatabaseUnavailable."""
        due = [row for row in rows if row.due_at <= now]
        of_all = bool(due) and self._config().start_cap_per_minute > 0
        limited = {row.definition_id for row in due if _is_limited(row)}
        return self._store.starts(limited, of_all=of_all) if limited or of_all else []

    def counted(self, term: Term) -> None:
        """Starts were counted: those that count no more go, now and then."""
        now = self._clock.boottime()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_SECONDS
            self._store.forget_starts(term.fence)

    def news(
        self,
        rows: Sequence[WaitingRow],
        waits: Sequence[tuple[UUID, Reason, str]],
        turns: Mapping[UUID, datetime],
    ) -> list[tuple[UUID, Reason, str]]:
        """Those of ``waits`` that are to be written: another reason than the one kept, or a turn
        that was told and has passed."""
        now = self._clock.now()
        self._told = {run: at for run, at in self._told.items() if at > now}
        known = {row.run_id: row.reason for row in rows}
        found = [
            wait
            for wait in waits
            if known[wait[0]] is not wait[1] or (wait[0] in turns and wait[0] not in self._told)
        ]
        self._told |= {wait[0]: turns[wait[0]] for wait in found if wait[0] in turns}
        return found

    def alert(
        self, term: Term, rows: Sequence[WaitingRow], found: Sequence[tuple[UUID, Reason, str]]
    ) -> None:
        """Tell of budgets that are spent. Before the reasons are written: whoever leads after a
        crash between the two finds the run without its reason, and tells."""
        beyond = {run_id for run_id, reason, _ in found if reason in BUDGET}
        if beyond:
            jobs = {row.definition_id for row in rows if row.run_id in beyond}
            for definition_id in self._store.alert_exhausted(term.fence, jobs):
                log.warning("retry_budget_spent", definition_id=definition_id, epoch=term.epoch)


def _is_limited(run: WaitingRun) -> bool:
    return run.start_cap_per_minute is not None or run.own_retry
