"""Carries out ``domain.followers``: what ended makes the runs that follow it.

The statement that ends a run leaves a note of it where others depend on its definition. The
leader reads the notes, decides, and in one statement makes the runs and forgets the notes: a
leader that dies in between leaves the notes to the next, and a slot's key is there but once.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from scheduler.domain.followers import Trigger, asked_of, triggered
from scheduler.domain.lineage import triggered_key
from scheduler.domain.values import RunState
from scheduler.ports import Clock, LinkStore, NewRun
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Term
from scheduler.runtime.upstreams import runs_of_roots

log = structlog.get_logger(__name__)

IDLE_SECONDS = 60.0
MAX_ROWS = 1000
"""Runs made by one statement."""


class Linker:
    """An upstream's end -> PENDING runs of the definitions that have no schedule but it."""

    def __init__(
        self,
        store: LinkStore,
        clock: Clock,
        config: Callable[[], RuntimeConfig],
        new_run_id: Callable[[], UUID],
    ) -> None:
        self._store, self._clock, self._config = store, clock, config
        self._new_run_id = new_run_id

    def tick(self, term: Term) -> float:
        """Look at what has ended; returns the seconds until there is more to look at.

        Raises StaleEpoch, DatabaseUnavailable."""
        batch = self._config().batch_size
        ended = self._store.upstream_ends(batch)
        if not ended:
            return IDLE_SECONDS
        links = self._store.triggered_links([end.definition_id for end in ended])
        runs = runs_of_roots(self._store, asked_of(ended, links))
        now = self._clock.now()
        new = [self._new_run(each, now) for each in triggered(ended, links, runs)]
        # What is over the first part is made without forgetting a note: the notes go last.
        for start in range(MAX_ROWS, len(new), MAX_ROWS):
            self._store.record_triggered(term.fence, [], new[start : start + MAX_ROWS])
        made = self._store.record_triggered(
            term.fence, [end.run_id for end in ended], new[:MAX_ROWS]
        )
        log.info("upstreams_ended", count=len(ended), triggered=len(made), epoch=term.epoch)
        return 0.0 if len(ended) == batch else IDLE_SECONDS

    def _new_run(self, trigger: Trigger, now: datetime) -> NewRun:
        return NewRun(
            run_id=self._new_run_id(),
            definition_id=trigger.definition_id,
            slot_key=triggered_key(trigger.root),
            attempt=1,
            state=RunState.PENDING,
            scheduled_for=trigger.scheduled_for,
            due_at=max(now, trigger.scheduled_for),
        )
